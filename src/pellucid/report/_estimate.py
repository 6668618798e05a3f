"""What a dossier will take, part by part."""

from __future__ import annotations

import time

import torch

from pellucid import tasks
from pellucid._core import Compute, Subject, predict
from pellucid.errors import InputError, MethodError
from pellucid.inputs import TabularSpec
from pellucid.report._chosen import EACH, case_methods
from pellucid.report._report import spread
from pellucid.tasks import Estimate, Step
from pellucid.tasks._amounts import gathered
from pellucid.tasks._estimate_inside import by_rows
from pellucid.tasks._explain import PANEL
from pellucid.tasks._refits import REFITS
from pellucid.tasks._spent import counted
from pellucid.tasks._stages import Stages
from pellucid.training import TrainingRecord

ROWS, FEW, MASKS = 512, 8, 64
TRIED = 32  # held-out rows on which methods are tested
FITS = 0.004  # seconds that all simple models take to learn from a row, about
TRIES = 5_000  # changed rows that the search for a change asks about


def estimate_report(
    subject: Subject,
    *,
    units: int = 16,
    layers: int = 3,
    steps: int = 192,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.report` with these arguments will take, from small runs of each part.

    Returns:
        An :class:`Estimate`; its passes are about right, since the best method is known only afterwards and
        units that no longer climb are left alone.

    Cost:
        Some per cent of the dossier itself.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=1)
        >>> estimate_report(subject, layers=1, units=2, steps=8).forward > 0
        True
    """
    began, how = time.perf_counter(), compute or Compute()
    held = tasks.held_out(subject.needs_data("estimate_report"))
    total = len(subject.needs_data("estimate_report"))
    # numbers are also held against their validation rows
    tuned = 0 if subject.classes else int((subject.needs_data("estimate_report").parts == 1).sum())
    outputs = _predicting(subject, 3 * len(held) + total + tuned)
    stages = Stages(how, {"layers": 1, "cases": 2, "survey": 2, "features": 3, "shortcuts": 2})
    parts = [*_layers(subject, stages.of("layers"), min(ROWS, len(held))), outputs]
    memory = 0
    rows = torch.arange(3 * EACH) % len(held)
    cases = tasks.estimate(
        subject, held.inputs[rows], methods=case_methods(subject, None), compute=stages.of("cases")
    )
    parts.append(_sum("cases", cases))
    tried = list(tasks.fitting_methods(subject, among=PANEL, progress=stages.of("survey").progress))
    tested = held.inputs[tasks.sample(len(held), TRIED)]
    survey = tasks.estimate(subject, tested, methods=tried, cards=False, compute=stages.of("survey"))
    masks = (MASKS + 2) * len(tested)
    # once on the network, and on two untrained copies for each row
    whole = _sum("choice of the best method", survey, 3)
    pace = outputs.seconds / max(1, outputs.forward)
    parts += [whole, Step(whole.name, masks, 0, masks * pace)]
    sites = spread(tasks.feature_sites(subject), layers)
    pages = Stages(stages.of("features"), dict.fromkeys(sites, 1))
    for site in sites:
        chosen = tasks.first_units(subject, site, units)
        page = tasks.estimate_features(subject, site, units=chosen, steps=steps, compute=pages.of(site))
        parts.append(_sum("features", page))
        memory = max(memory, page.memory)
    # one layer in full: its fifteen passes and one for each of at most 64 units
    looked = min(ROWS, len(held)) * (15 + 64)
    parts.append(Step("everything about one layer", looked, 0, looked * pace, exact=False))
    if len(subject.spec.axes) == 1:
        parts.append(_importance(subject, min(256, len(held)), pace))
    parts.append(Step("simple models", len(held), 0, len(held) * pace + FITS * total, exact=False))
    parts.append(_sum("shortcuts", tasks.estimate_shortcuts(subject, compute=stages.of("shortcuts"))))
    stages.end()
    if isinstance(subject.spec, TabularSpec) and subject.classes:
        parts.append(_whatif(subject, pace))
    memory = max(memory, cases.memory, survey.memory)
    return Estimate(gathered(parts), memory, time.perf_counter() - began)


def _sum(name: str, found: Estimate, times: int = 1) -> Step:
    forward, backward = times * found.forward, times * found.backward
    return Step(name, forward, backward, times * found.seconds, exact=False)


def _layers(subject: Subject, how: Compute, rows: int) -> list[Step]:
    """Two small summaries, and on to the wanted number of rows; nothing of a network without layers."""
    try:
        return [
            by_rows(
                subject,
                lambda some, how: tasks.layers(subject, rows=some, compute=how),
                "layers",
                (FEW, 2 * FEW),
                rows,
                how=how,
            )
        ]
    except (MethodError, InputError):  # the dossier leaves that part out and says why
        return []


def _predicting(subject: Subject, rows: int) -> Step:
    few = subject.needs_data("estimate_report").inputs[:64]
    *_, seconds = counted(subject.model, lambda: predict(subject.model, few))
    return Step("outputs", rows, 0, seconds / len(few) * rows)


def _whatif(subject: Subject, pace: float) -> Step:
    """Changes for a few rows, and the trainings of the networks that judge them."""
    record = subject.record
    trained = REFITS * record.seconds if isinstance(record, TrainingRecord) else 0.0
    passes = EACH * TRIES
    return Step("what-if", passes, 0, passes * pace + trained, exact=False)


def _importance(subject: Subject, rows: int, pace: float) -> Step:
    """Ten permutations of each part, and three curves of twenty points."""
    data = subject.needs_data("estimate_report")
    parts = len(subject.spec.group_names(data.inputs[:1])) or data.inputs[0].numel()
    passes = rows * (10 * parts + 1 + 3 * 20)
    return Step("importance", passes, 0, passes * pace, exact=False)
