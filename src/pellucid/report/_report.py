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
from torch import Tensor

from pellucid import tasks
from pellucid._core import (
    Compute,
    Dataset,
    Explanation,
    Subject,
    inputs_hash,
    model_hash,
    predict,
    untrained,
)
from pellucid._version import __version__
from pellucid.errors import InputError, MethodError, SiteError, near_misses
from pellucid.evidence import Audit, Survey
from pellucid.importance import Importance, PartialDependence
from pellucid.layers import selectivity
from pellucid.report._dossier import Case, Dossier, Origin
from pellucid.report._write import write
from pellucid.training import TrainingRecord

Part = TypeVar("Part")
EACH = 3
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
        compute: how to run.

    Returns:
        The path.

    Raises:
        InputError: where the subject has no data.
        StoreError: where the file cannot be written.
        CancelledError: where ``compute.progress`` raises it; an earlier file stays.

    Cost:
        About that of :func:`pellucid.layers`, of :func:`pellucid.features` for each layer shown, and of the
        evidence for every method on 32 rows.

    Example:
        >>> import pellucid, tempfile
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> page = pellucid.report(subject, tempfile.mkdtemp() + "/page.html", layers=1, units=2, steps=8)
        >>> page.stat().st_size < 5_000_000
        True
    """
    made = dossier(
        subject,
        path=path,
        units=units,
        layers=layers,
        whole=whole,
        steps=steps,
        audit=audit,
        compute=compute,
    )
    return write(made, path)


def dossier(
    subject: Subject,
    *,
    path: str | Path = "dossier.html",
    units: int = 16,
    layers: int = 3,
    whole: Sequence[str] | None = None,
    steps: int = 192,
    audit: bool = False,
    compute: Compute | None = None,
) -> Dossier:
    """Everything that :func:`report` writes, as a value."""
    data, clock, how = subject.needs_data("report"), _Clock(), compute or Compute()
    known_layers(subject, whole or ())
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
    cases = clock.run("cases", lambda: _cases(subject, survey, how))
    importance, dependence = _uses(subject, clock, how)
    return Dossier(
        subject.name,
        subject.task,
        spec=subject.spec,
        answer=data.answer,
        unit=data.unit,
        classes=subject.classes,
        origin=_origin(subject, data, path, how.seed),
        data=data,
        performance=clock.run("performance", lambda: tasks.performance(subject)),
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
        importance=importance,
        dependence=dependence,
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
    columns = [int(k) for k in ranked.values.argsort(descending=True, stable=True)[:EACH]]
    curves = clock.run(
        "partial dependence",
        lambda: tasks.importance_of(subject, "partial-dependence", columns=columns, compute=how),
    )
    return ranked, curves if isinstance(curves, tuple) else ()


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
    quiet = Compute(how.batch_size, how.seed, how.device)
    try:
        twin = untrained(subject.model, seed=how.seed, calibrate=some.inputs)
        gains = [
            sign * selectivity(model, some.inputs, some.answers, site, compute=quiet).auc.median()
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


def _origin(subject: Subject, data: Dataset, path: str | Path, seed: int) -> Origin:
    source = subject.origin if " " not in subject.origin else "MODEL"
    return Origin(
        model_hash(subject.model),
        inputs_hash([data.inputs, data.answers]),
        {"pellucid": __version__, "torch": torch.__version__},
        seed,
        f"pellucid report {source} --out {path}",
        datetime.now(UTC).date().isoformat(),
        subject.origin,
    )


def _cases(subject: Subject, survey: Survey | None, how: Compute) -> tuple[Case, ...]:
    held = tasks.held_out(subject.needs_data("cases"))
    outputs = predict(subject.model, held.inputs, spec=subject.spec)
    chosen = _chosen(held, outputs, how.seed)
    rows = torch.tensor([row for row, _ in chosen])
    explained = list(
        tasks.explain_several(subject, held.inputs[rows], methods=case_methods(subject, survey), compute=how)
    )
    return tuple(_case(held, outputs, row, why, i, explained) for i, (row, why) in enumerate(chosen))


def case_methods(subject: Subject, survey: Survey | None) -> tuple[str, ...]:
    """The best supported method first, then one of another family and the plain gradient, for comparison."""
    known = tasks.methods()
    best = survey.best if survey is not None and survey.best in known else "integrated_gradients"
    other = "grad_cam" if subject.spec.axes == ("C", "H", "W") else "occlusion"
    return tuple(dict.fromkeys((best, "integrated_gradients", other, "saliency")))[:3]


def _chosen(held: Dataset, outputs: Tensor, seed: int) -> list[tuple[int, str]]:
    """Random, worst and least certain held-out rows, each once, with the rule that chose it."""
    wrong, doubt = _wrongness(held, outputs)
    drawn = torch.randperm(len(held), generator=torch.Generator().manual_seed(seed))
    rules = (
        ("worst: the largest error", wrong.argsort(descending=True)),
        ("least certain", doubt.argsort(descending=True)),
        ("drawn at random", drawn),
    )
    found: dict[int, str] = {}
    for why, order in rules:
        fresh = [row for row in order.tolist() if row not in found][:EACH]
        found.update(dict.fromkeys(fresh, why))
    return list(found.items())


def _wrongness(held: Dataset, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """How wrong and how uncertain each answer is; in regression the absolute error stands for both."""
    if held.task == "regression":
        error = (outputs.flatten() - held.answers).abs()
        return error, -error
    p = _probabilities(outputs)
    return -p.gather(1, held.answers[:, None]).flatten(), -p.max(1).values


def _probabilities(outputs: Tensor) -> Tensor:
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        p = outputs.flatten().sigmoid()
        return torch.stack([1 - p, p], 1)
    return outputs.softmax(1)


def _case(
    held: Dataset, outputs: Tensor, row: int, why: str, place: int, explained: list[Explanation]
) -> Case:
    rows = tuple(each.row(place) for each in explained)
    if held.task == "regression":
        unit = f" {held.unit}" if held.unit else ""
        true, given = f"{float(held.answers[row]):.4g}{unit}", f"{float(outputs[row].flatten()[0]):.4g}{unit}"
        return Case(row, held.inputs[row : row + 1], true, given, why, rows)
    p = _probabilities(outputs[row : row + 1])[0]
    best = int(p.argmax())
    return Case(
        row,
        held.inputs[row : row + 1],
        held.classes[int(held.answers[row])],
        held.classes[best],
        why,
        rows,
        float(p[best]),
    )
