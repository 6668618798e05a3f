"""The verb ``report``: everything about a subject, gathered and written."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import torch

from pellucid import tasks
from pellucid._core import (
    Compute,
    Dataset,
    Subject,
    inputs_hash,
    model_hash,
    only_subject,
    untrained,
)
from pellucid._version import __version__
from pellucid.errors import InputError, MethodError, SiteError, near_misses
from pellucid.evidence import Audit
from pellucid.importance import Importance, PartialDependence
from pellucid.inputs import TabularSpec
from pellucid.layers import selectivity
from pellucid.loading import is_run
from pellucid.report._card import NAME, ModelCard, read_card
from pellucid.report._chosen import EACH, chosen_cases, left_out
from pellucid.report._dossier import Dossier, Origin
from pellucid.report._front import first_of_each
from pellucid.report._page import MOST
from pellucid.report._readers import EVERYONE, reader_named
from pellucid.report._write import write
from pellucid.rules import Counterfactuals, ReasonCodes, constraints_from
from pellucid.training import TrainingRecord

Part = TypeVar("Part")
QUICK = 15_000  # numbers of a table up to which readable networks are learned within seconds
ROWS = 512  # of what is told about whole layers


@dataclass(slots=True)
class _Clock:
    """What took how long, and what could not be computed and why."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    notes: list[str] = field(default_factory=list[str])

    def run(self, name: str, work: Callable[[], Part]) -> Part | None:
        """The part, or nothing with a note where the method does not fit this subject."""
        began = time.perf_counter()
        try:
            return work()
        except (MethodError, InputError) as error:
            self.notes.append(f"{name} could not be computed: {error}")
            return None
        finally:
            self.seconds[name] = time.perf_counter() - began


def report(
    subject: Subject,
    path: str | Path,
    *,
    units: int = 16,
    layers: int = 3,
    whole: Sequence[str] | None = None,
    steps: int = 192,
    audit: bool = False,
    card: ModelCard | str | Path | None = None,
    reader: str = EVERYONE,
    constraints: str | Path | None = None,
    max_mb: float | None = None,
    compute: Compute | None = None,
) -> Path:
    """Write the dossier of a subject: one HTML file that needs no network and no JavaScript.

    Args:
        subject: a network with data.
        path: where to write; an earlier file stays until the new one is complete.
        units: units shown per layer.
        layers: layers whose units are shown, spread over the depth.
        whole: layers that are shown with everything that :func:`pellucid.layer` tells; left out, the one
            whose units tell the classes best beyond those of an untrained copy.
        steps: of activation maximization.
        audit: whether to make an audit where none is kept with the run; a kept one is always shown.
        card: what only people know, as a value or a TOML file; left out, the ``card.toml`` in the run folder.
        reader: ``"everyone"``, ``"clinician"``, ``"credit"``, ``"auditor"`` or ``"engineer"``: which parts
            stand open first, and in which words; what failed is shown to all.
        constraints: TOML file that says which columns may change (:func:`pellucid.rules.constraints_from`).
        max_mb: most megabytes; left out, 5 are aimed at by drawing less, and 15 never exceeded.
        compute: how to run.

    Returns:
        The path.

    Raises:
        InputError: where the subject has no data, or the card or the reader are unknown.
        StoreError: where the file cannot be written or would be too large.
        CancelledError: where ``compute.progress`` raises it; an earlier file stays.
        SiteError: where a layer in ``whole`` does not exist.
        LoadError: where the constraints cannot be read.

    Cost:
        About that of :func:`pellucid.layers`, of :func:`pellucid.features` for each layer shown, and of the
        evidence for every method on 32 rows.

    Example:
        >>> import pellucid, tempfile
        >>> x = torch.rand(80, 3)
        >>> subject = pellucid.open(torch.nn.Linear(3, 1), data=(x, x.sum(1)))
        >>> page = pellucid.report(subject, tempfile.mkdtemp() + "/page.html", layers=1, units=2, steps=8)
        >>> page.stat().st_size < 5_000_000
        True
    """
    only_subject(subject)
    checked_mb(max_mb)
    made = dossier(
        subject,
        path=path,
        units=units,
        layers=layers,
        whole=whole,
        steps=steps,
        audit=audit,
        card=card,
        reader=reader,
        constraints=constraints,
        compute=compute,
    )
    return write_within(made, path, max_mb)


def write_within(made: Dossier, path: str | Path, max_mb: float | None) -> Path:
    """Write a dossier into at most so many megabytes; without a number into 5, at worst 15."""
    if checked_mb(max_mb) is None:
        return write(made, path, most=MOST)
    return write(made, path, budget=int((max_mb or 0) * 1e6))


def checked_mb(max_mb: float | None) -> float | None:
    """The size as given, or an error where it is none."""
    if max_mb is not None and not max_mb > 0:
        raise InputError(f"max_mb is above 0, got {max_mb:g}.")
    return max_mb


def dossier(
    subject: Subject,
    *,
    path: str | Path = "dossier.html",
    units: int = 16,
    layers: int = 3,
    whole: Sequence[str] | None = None,
    steps: int = 192,
    audit: bool = False,
    card: ModelCard | str | Path | None = None,
    reader: str = EVERYONE,
    constraints: str | Path | None = None,
    compute: Compute | None = None,
) -> Dossier:
    """Everything that :func:`report` writes, as a value."""
    data, clock, how = subject.needs_data("report"), _Clock(), compute or Compute()
    known_layers(subject, whole or ())
    said, reader = card_of(subject, card), reader_named(reader)
    if constraints is not None and isinstance(subject.spec, TabularSpec):
        constraints_from(constraints).of(subject.spec)  # what cannot be read is told before the work
    survey = clock.run("evidence for the methods", lambda: tasks.survey(subject, compute=how))
    shown = spread(tasks.feature_sites(subject), layers)
    pages = [
        clock.run(f"features of {site}", lambda s=site: _page(subject, s, units, steps, how))
        for site in shown
    ]
    looked = [
        clock.run(f"everything about {site}", lambda s=site: _whole(subject, s, pages, how))
        for site in (telling(subject, shown, how) if whole is None else whole)
    ]
    cases = clock.run("cases", lambda: chosen_cases(subject, survey, how))
    clock.notes += [narrowed] if (narrowed := left_out(subject)) else []
    importance, dependence = _uses(subject, clock, how)
    asked = tuple(case.row for case in first_of_each(cases or ())[:EACH])
    recourse, reasons = _whatif(subject, asked, constraints, clock, how)
    return Dossier(
        subject.name,
        subject.task,
        spec=subject.spec,
        answer=data.answer,
        unit=data.unit,
        classes=subject.classes,
        card=said,
        reader=reader,
        origin=_origin(subject, data, path, how.seed, _given(card, reader, constraints)),
        data=data,
        performance=clock.run("performance", lambda: tasks.performance(subject)),
        ranks=clock.run("ranking", lambda: tasks.ranks(subject)) or False,
        slices=clock.run("parts of the rows", lambda: tasks.parts_scored(subject, compute=how)) or (),
        certainty=clock.run("calibration", lambda: tasks.certainty(subject, compute=how))
        if subject.classes
        else None,
        numbers=None
        if subject.classes
        else clock.run("calibration", lambda: tasks.number_calibration(subject, compute=how)),
        # the weights that it keeps belong to the run
        record=dataclasses.replace(subject.record, snapshots=())
        if isinstance(subject.record, TrainingRecord)
        else None,
        layers=clock.run("layers", lambda: tasks.layers(subject, compute=how)),
        pages=tuple(page for page in pages if page is not None),
        looked=tuple(page for page in looked if page is not None),
        cases=cases or (),
        survey=survey,
        audit=_audit(subject, clock, how, make=audit),
        shortcuts=clock.run("shortcuts", lambda: tasks.shortcuts(subject, compute=how)),
        simple=clock.run("simple models", lambda: _simple(subject, how)),
        recourse=recourse,
        reasons=reasons,
        asked=asked,
        importance=importance,
        dependence=dependence,
        own=clock.run("what it says of itself", lambda: tasks.own_account(subject)) or {},
        rules=clock.run("rules", lambda: tasks.rules(subject, compute=how)),
        timings=clock.seconds,
        notes=tuple(clock.notes),
    )


def _audit(subject: Subject, clock: _Clock, how: Compute, *, make: bool) -> Audit | None:
    """The audit kept with the run, else one that is made where it is asked for."""
    kept = tasks.kept_audit(subject)
    if kept is not None or not make:
        return kept
    return clock.run("audit", lambda: tasks.audit(subject, compute=how))


def _uses(
    subject: Subject, clock: _Clock, how: Compute
) -> tuple[Importance | None, tuple[PartialDependence, ...]]:
    """The importance of each column of a table, and the curves along those used most."""
    if len(subject.spec.axes) > 1:
        return None, ()
    ranked = clock.run("importance", lambda: tasks.importance_of(subject, compute=how))
    if not isinstance(ranked, Importance):
        return None, ()
    first = [int(k) for k in ranked.values.argsort(descending=True, stable=True)[:EACH]]
    columns = [ranked.names[k] for k in first] if ranked.note else first
    curves = clock.run(
        "partial dependence",
        lambda: tasks.importance_of(subject, "partial-dependence", columns=columns, compute=how),
    )
    return ranked, curves if isinstance(curves, tuple) else ()


def _simple(subject: Subject, how: Compute) -> tasks.Challenged:
    """Simple models on the same rows; those that take minutes only where the table is small."""
    data, spec = subject.needs_data("simple models"), subject.spec
    numeric = sum(not each.levels for each in spec.columns) if isinstance(spec, TabularSpec) else 0
    quick = len(data) * max(1, numeric) <= QUICK
    return tasks.challengers(subject, among=None if quick else ["linear", "bayes", "tree"], compute=how)


def _whatif(
    subject: Subject, asked: Sequence[int], constraints: str | Path | None, clock: _Clock, how: Compute
) -> tuple[Counterfactuals | None, tuple[ReasonCodes, ...]]:
    """Changes and reasons for some held-out rows of a table with classes, judged by networks trained anew."""
    if not isinstance(subject.spec, TabularSpec) or not subject.classes or not asked:
        return None, ()
    wide = dataclasses.replace(how, batch_size=4096)
    judges = (
        clock.run(
            "networks trained anew", lambda: tasks.refits(subject, seed=how.seed, progress=how.progress)
        )
        or ()
    )
    changes = clock.run(
        "what-if",
        lambda: tasks.counterfactual(
            subject, list(asked), constraints=constraints, refits=judges, compute=wide
        ),
    )
    reasons = clock.run(
        "reasons", lambda: tasks.reason_codes(subject, list(asked), refits=judges, compute=wide)
    )
    return changes, reasons or ()


def card_of(subject: Subject, given: ModelCard | str | Path | None) -> ModelCard:
    """The author's card: as given, else the one in the run folder, else blank."""
    if isinstance(given, ModelCard):
        return given
    if given is not None:
        return read_card(given)
    beside = Path(subject.origin) / NAME
    return read_card(beside) if is_run(subject.origin) and beside.is_file() else ModelCard()


def _page(subject: Subject, site: str, units: int, steps: int, how: Compute) -> tasks.FeaturePage:
    return tasks.features(
        subject, site, units=tasks.first_units(subject, site, units), steps=steps, compute=how
    )


def _whole(
    subject: Subject, site: str, pages: Sequence[tasks.FeaturePage | None], how: Compute
) -> tasks.LayerPage:
    """Everything about a layer; inputs were made for its units already where it has a page of features."""
    made = next((page for page in pages if page is not None and page.pictures.site == site), None)
    page = tasks.layer(subject, site, rows=ROWS, steps=0, compute=how)
    return page if made is None else dataclasses.replace(page, pictures=made.pictures)


def known_layers(subject: Subject, sites: Sequence[str]) -> None:
    """Refuse a layer that is not there before the long work."""
    known = [layer.site for layer in subject.layer_map().layers]
    for site in sites:
        if site not in known:
            raise SiteError(f"No layer is called {site!r}. {near_misses(site, known)}")


def telling(subject: Subject, sites: Sequence[str], how: Compute) -> tuple[str, ...]:
    """Of some layers the one whose units tell the classes best beyond an untrained copy; else the last."""
    if not sites or not subject.classes:
        return tuple(sites[-1:])
    held = tasks.held_out(subject.needs_data("report"))
    some = held.rows(tasks.sample(len(held), ROWS, seed=how.seed))
    try:
        twin = untrained(subject.model, seed=how.seed, calibrate=some.inputs)
        gains = [
            sign * selectivity(model, some.inputs, some.answers, site, compute=how).auc.median()
            for site in sites
            for sign, model in ((1, subject.model), (-1, twin))
        ]
    except (MethodError, InputError):
        return tuple(sites[-1:])
    best = max(range(len(sites)), key=lambda i: float(gains[2 * i] + gains[2 * i + 1]))
    return (sites[best],)


def spread(sites: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Up to ``most`` of the sites, spread over the depth, first and last among them.

    Example:
        >>> spread(("a", "b", "c", "d", "e"), 3)
        ('a', 'c', 'e')
    """
    if len(sites) <= most:
        return sites
    places = torch.linspace(0, len(sites) - 1, most).round().int().tolist()
    return tuple(sites[place] for place in dict.fromkeys(places))


def _given(card: object, reader: str, constraints: object) -> str:
    """What else the command said."""
    said = {"card": card if isinstance(card, str | Path) else None, "constraints": constraints}
    told = "".join(f" --{name} {value}" for name, value in said.items() if value is not None)
    return told + ("" if reader == EVERYONE else f" --reader {reader}")


def _origin(subject: Subject, data: Dataset, path: str | Path, seed: int, more: str = "") -> Origin:
    source = subject.origin if " " not in subject.origin else "MODEL"
    return Origin(
        model_hash(subject.model),
        inputs_hash([data.inputs, data.answers]),
        {"pellucid": __version__, "torch": torch.__version__},
        seed,
        f"pellucid report {source} --out {path}{more}",
        datetime.now(UTC).date().isoformat(),
        subject.origin,
    )
