"""The contest: every model on every fold of every set, kept as it goes."""

from __future__ import annotations

import json
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import cast

from pellucid._core import Json
from pellucid._core._store import write_bytes
from pellucid._core._student import quantile
from pellucid._version import __version__
from pellucid.errors import InputError, StoreError, near_misses
from pellucid.tasks._readable._models import MODELS, Made, missing
from pellucid.tasks._readable._sets import SETS, Table, present, read

FOLDS = 5
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fold:
    """One model on one held-out fold.

    Args:
        auc, accuracy, log_loss: on the rows of the fold.
        terms, counts: how many of what a reader must read.
        seconds: processor time of fitting, choice of settings included.
        settings: what was chosen inside the training rows.
        rows: held-out rows; ``learned``: training rows.
    """

    name: str
    model: str
    fold: int
    auc: float
    accuracy: float
    log_loss: float
    terms: int
    counts: str
    seconds: float
    settings: dict[str, Json]
    rows: int
    learned: int
    quick: bool
    seed: int
    folds: int
    version: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One model on one set.

    Args:
        auc, accuracy: mean over folds with the 95 % interval of the corrected resampled t-test.
        behind: AUC less that of the best model of the set, paired by folds, with the same interval.
        terms, seconds: medians over folds.
    """

    name: str
    model: str
    folds: int
    auc: tuple[float, float, float]
    accuracy: tuple[float, float, float]
    behind: tuple[float, float, float]
    terms: float
    counts: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Contest:
    """All that was measured; ``left_out`` says which sets and models were not, and why."""

    table: tuple[Entry, ...]
    folds: tuple[Fold, ...]
    left_out: dict[str, str]
    quick: bool


def readable_contest(
    sets: Sequence[str] | None = None,
    *,
    models: Sequence[str] | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    folds: int = FOLDS,
    only: Sequence[int] | None = None,
    quick: bool = False,
    seed: int = 0,
    watch: Tell | None = None,
) -> Contest:
    """Readable networks, plain ones, boosting and EBM on the same held-out folds.

    Stratified folds of the whole set. Inside the training rows of each, logistic regression, the tree, the
    plain network and boosting choose their settings in three further folds; our networks choose within
    ``fit``; EBM has its defaults.

    Args:
        sets: names; left out, all that can be read.
        models: names; left out, all that are installed.
        data: folder of the tables that are not bundled; left out, where ``PELLUCID_TEST_DATA`` says.
        out: folder in which each fold of each model is kept; what is there is not measured again.
        folds: how many; ``only``: numbers of those to measure, left out, all.
        quick: small settings and no choice, to see that all works; its numbers say little.
        seed: of folds and models.
        watch: told what is done.

    Returns:
        A :class:`Contest`.

    Raises:
        InputError: for names that do not exist, a named set that cannot be read, an ``out`` with other
            settings.
        StoreError: where ``out`` holds something else.

    Cost:
        Minutes for the four small sets, hours for all six.

    Limits:
        Five folds share training rows; the interval corrects for that roughly. Grids are small: more tuning
        may help some models more than others. Published additive and rule sizes count different things:
        coefficients, leaves, conditions and shapes are not of equal weight to a reader.

    Source:
        Nadeau and Bengio 2003, Inference for the generalization error (the corrected resampled t-test).

    Example:
        >>> found = readable_contest(["breast-cancer"], models=["tree"], only=[0, 1], quick=True)
        >>> found.table[0].counts, found.table[0].auc[0] > 0.85
        ('leaves', True)
    """
    if folds < 2:
        raise InputError(f"folds must be at least 2, got {folds}.")
    wanted = tuple(range(folds)) if only is None else tuple(only)
    strange = [k for k in wanted if not 0 <= k < folds]
    if strange:
        raise InputError(f"Folds are numbered 0 to {folds - 1}, got {strange[0]}.")
    folder = Path(data) if data is not None else _usual()
    names, left_out = _able("set", sets, SETS, lambda name: present(name, folder))
    chosen, not_here = _able("model", models, tuple(MODELS), missing)
    tell, found = watch or (lambda _: None), list[Fold]()
    total = len(names) * len(wanted) * len(chosen)
    if out is not None and Path(out).exists() and not Path(out).is_dir():
        raise StoreError(f"{out} is a file; --out names a folder.")
    for name in names:
        table = None
        for k in wanted:
            for model in chosen:
                place = None if out is None else Path(out) / name / f"{model}-{k}.json"
                kept = _kept(place, quick, seed, folds)
                if kept is None:
                    table = table or read(name, folder)
                    kept = _measured(table, model, k, folds, quick, seed)
                    tell(
                        f"{len(found) + 1} of {total}: {name}, {model}, fold {k}: AUC {kept.auc:.3f}, "
                        f"{kept.terms:,} {kept.counts}, {kept.seconds:.1f} s"
                    )
                    if place is not None:
                        place.parent.mkdir(parents=True, exist_ok=True)
                        write_bytes(json.dumps(asdict(kept), indent=1).encode(), place)
                found.append(kept)
    return Contest(tuple(entries(found)), tuple(found), left_out | not_here, quick)


def kept_contest(out: str | Path, *, quick: bool = False, seed: int = 0, folds: int = FOLDS) -> Contest:
    """All that a folder of :func:`readable_contest` holds of these settings, whatever calls measured it.

    Example:
        >>> kept_contest("no folder").table
        ()
    """
    found, left_out = list[Fold](), dict[str, str]()
    for name in SETS:
        for model in MODELS:
            for k in range(folds):
                place = Path(out) / name / f"{model}-{k}.json"
                try:
                    kept = _kept(place, quick, seed, folds)
                except InputError:
                    left_out[f"{name}/{place.name}"] = "It was measured with other settings."
                else:
                    found += [] if kept is None else [kept]
    return Contest(tuple(entries(found)), tuple(found), left_out, quick)


def _usual() -> Path | None:
    said = os.environ.get("PELLUCID_TEST_DATA")
    return Path(said) if said else None


def _able(
    word: str, asked: Sequence[str] | None, known: Sequence[str], why: Callable[[str], str]
) -> tuple[list[str], dict[str, str]]:
    """Those asked for; without a wish all that can be, with reasons for the others."""
    for name in asked or ():
        if name not in known:
            raise InputError(f"There is no {word} {name!r}. {near_misses(name, known)}")
        if why(name):
            raise InputError(f"{name} {why(name)}" if word == "set" else why(name))
    if asked:
        return [name for name in known if name in asked], {}
    reasons = {name: why(name) for name in known}
    return [name for name in known if not reasons[name]], {n: told for n, told in reasons.items() if told}


def _kept(place: Path | None, quick: bool, seed: int, folds: int) -> Fold | None:
    """What an earlier run left."""
    if place is None or not place.exists():
        return None
    try:
        read_back = cast("dict[str, object]", json.loads(place.read_text(encoding="utf-8")))
        found = Fold(**{f.name: read_back[f.name] for f in fields(Fold)})  # pyright: ignore[reportArgumentType]
    except (ValueError, KeyError, TypeError):
        raise StoreError(f"{place} holds no fold of this benchmark; choose another folder.") from None
    if (found.quick, found.seed, found.folds, found.version) != (quick, seed, folds, __version__):
        raise InputError(
            f"{place} was measured with other settings (quick, seed, folds or version of pellucid). Choose "
            "another folder, or delete it."
        )
    return found


def _measured(table: Table, model: str, fold: int, folds: int, quick: bool, seed: int) -> Fold:
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
    train, test = list(cut.split(table.codes, table.answers))[fold]
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: Made = MODELS[model](table, train, test, seed, quick)
    took, true = time.process_time() - began, table.answers[test]
    return Fold(
        table.name, model, fold,
        float(roc_auc_score(true, made.shares)),
        float(((made.shares > 0.5) == true).mean()),
        float(log_loss(true, made.shares)),
        made.terms, made.counts, took, made.settings, len(test), len(train), quick, seed, folds, __version__,
    )  # fmt: skip


def entries(found: Sequence[Fold]) -> list[Entry]:
    """A line for each model of each set."""
    lines = list[Entry]()
    for name in dict.fromkeys(each.name for each in found):
        here = [each for each in found if each.name == name]
        by = {model: [e for e in here if e.model == model] for model in dict.fromkeys(e.model for e in here)}
        most = max(map(len, by.values()))  # a model of fewer folds is no measure for the others
        full = [runs for runs in by.values() if len(runs) == most]
        best = max(full, key=lambda runs: statistics.mean(e.auc for e in runs))
        there = {each.fold: each.auc for each in best}
        for model, runs in by.items():
            test_to_train = runs[0].rows / runs[0].learned
            apart = [each.auc - there[each.fold] for each in runs if each.fold in there] or [math.nan]
            lines.append(
                Entry(
                    name, model, len(runs),
                    corrected([e.auc for e in runs], test_to_train),
                    corrected([e.accuracy for e in runs], test_to_train),
                    corrected(apart, test_to_train),
                    statistics.median(e.terms for e in runs), runs[0].counts,
                    statistics.median(e.seconds for e in runs),
                )
            )  # fmt: skip
    return lines


def corrected(values: Sequence[float], test_to_train: float) -> tuple[float, float, float]:
    """Mean over folds and its 95 % interval; the variance is widened as folds share training rows.

    Example:
        >>> [round(value, 3) for value in corrected([0.8, 0.9, 0.85, 0.8, 0.9], 0.25)]
        [0.85, 0.757, 0.943]
    """
    n, mean = len(values), statistics.mean(values)
    if n < 2:
        return mean, math.nan, math.nan
    half = quantile(n - 1) * math.sqrt((1 / n + test_to_train) * statistics.variance(values))
    return mean, mean - half, mean + half
