"""What :func:`pellucid.check` will take, expectation by expectation."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pellucid._core import Compute, Subject
from pellucid.tasks._amounts import Estimate, Step, gathered
from pellucid.tasks._check import Expectation, Expectations, examination
from pellucid.tasks._check._attribution_share import AttributionShare
from pellucid.tasks._check._check import asked_of
from pellucid.tasks._check._dead_units import DeadUnits
from pellucid.tasks._check._evidence_share import EvidenceShare
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._monotone import Monotone
from pellucid.tasks._check._no_shortcut import NoShortcut
from pellucid.tasks._check._stability import Stability
from pellucid.tasks._check._surrogate import SurrogateFidelity
from pellucid.tasks._check._swap import Swap
from pellucid.tasks._estimate import MASKS, Pace, estimate, line_of, memory_of
from pellucid.tasks._estimate_inside import by_rows
from pellucid.tasks._estimate_shortcuts import estimate_shortcuts
from pellucid.tasks._explain import fitting_methods, method_named
from pellucid.tasks._layers import layers
from pellucid.tasks._rows import sample
from pellucid.tasks._stages import Stages

FEW = 8  # rows of the small summary of layers
DEAR = (
    AttributionShare
    | Swap
    | Monotone
    | SurrogateFidelity
    | Stability
    | EvidenceShare
    | DeadUnits
    | NoShortcut
)
AGAIN = 3  # explanations of each tested row: the network's, and those of two untrained copies


def estimate_check(
    subject: Subject,
    expectations: Expectations | Sequence[Expectation] | str | Path,
    *,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.check` of these expectations will take, one step for each.

    What several share is counted where it is made first: answers to all held-out rows as ``outputs``, and the
    explanations of a method under its name.

    Args:
        subject, expectations: as for ``check``.
        compute: how it will run.

    Returns:
        An :class:`Estimate`; passes are about right, and exact for performance and explanations.

    Raises:
        InputError: as the check itself would, for expectations that do not fit the subject.

    Limits:
        Time is that of the network's rows; trees and intervals of large tables come on top.

    Cost:
        Each method on five rows, two small summaries of the layers, a small search for shortcuts.

    Example:
        >>> import pellucid, torch
        >>> from pellucid import expect
        >>> data = (torch.rand(200, 4), torch.tensor([0, 1] * 100))
        >>> subject = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> plan = estimate_check(subject, [expect.Accuracy(0.5), expect.Swap("x2", 0.1)])
        >>> [(step.name, step.forward) for step in plan.steps]
        [('outputs', 30), ('swapping x2 between rows changes at most 10\\xa0% of answers', 150)]
    """
    began, asked = time.perf_counter(), asked_of(expectations)
    how = compute or Compute(batch_size=256, seed=asked.seed)
    # the approved run costs nothing, and need not be there yet
    seen = examination(subject, dataclasses.replace(asked, baseline=""), compute=how)
    x = seen.held.inputs[seen.looked]
    stages = Stages(how, {"pace": 1} | {str(k): 4 for k in range(len(asked.expectations))})
    pace = Pace(subject, x, stages.pieces("pace"))
    steps = [Step("outputs", len(seen.held), 0, pace.forward(len(seen.held)))]
    made = set[tuple[str, str]]()
    for k, expectation in enumerate(asked.expectations):
        within = stages.of(str(k))
        if isinstance(expectation, AttributionShare):
            new = [name for name in expectation.methods if (name, expectation.answer) not in made]
            made |= {(name, expectation.answer) for name in new}
            steps += (_explained(seen, name, pace, within) for name in new)
        else:
            steps += _of(expectation, seen, pace, within)
    stages.end()
    memory = memory_of(subject, x, len(x), how, cards=False)
    return Estimate(gathered(steps), memory, time.perf_counter() - began)


def _explained(seen: Examined, name: str, pace: Pace, how: Compute) -> Step:
    x = seen.held.inputs[seen.looked]
    line = line_of(seen.subject, method_named(name), x, [], how, pace)
    return Step(f"explanations by {name}", *line.at(len(x), pace), line.exact)


def _of(one: Expectation, seen: Examined, pace: Pace, how: Compute) -> Iterator[Step]:
    """What an expectation costs beside the answers to all held-out rows; those that are not DEAR, nothing."""
    n, title = len(seen.looked), one.title
    if isinstance(one, Swap):
        yield _forward(title, one.repeats * n, pace)
    elif isinstance(one, Monotone):
        yield _forward(title, one.points * n, pace)
    elif isinstance(one, SurrogateFidelity):
        yield _forward(title, len(seen.data), pace)
    elif isinstance(one, Stability):
        yield from _stable(one, seen, pace, how)
    elif isinstance(one, EvidenceShare):
        yield from _tested(one, seen, pace, how)
    elif isinstance(one, DeadUnits):
        yield _layers(one, seen, how)
    elif isinstance(one, NoShortcut):
        plan = estimate_shortcuts(seen.subject, rows=one.rows, pairs=one.pairs, compute=how)
        yield _told(title, plan)


def _forward(title: str, rows: int, pace: Pace) -> Step:
    return Step(title, rows, 0, pace.forward(rows), exact=False)


def _told(title: str, plan: Estimate, times: int = 1) -> Step:
    return Step(title, times * plan.forward, times * plan.backward, times * plan.seconds, exact=False)


def _stable(one: Stability, seen: Examined, pace: Pace, how: Compute) -> Iterator[Step]:
    """The explanation of each row and of its neighbours, whose answers are looked at too."""
    x = seen.held.inputs[seen.looked[: one.rows]]
    yield _forward(one.title, (1 + one.draws) * len(x), pace)
    for name in one.methods:
        line = line_of(seen.subject, method_named(name), x, [], how, pace)
        yield Step(one.title, *line.at((1 + one.draws) * len(x), pace), exact=False)


def _tested(one: EvidenceShare, seen: Examined, pace: Pace, how: Compute) -> Iterator[Step]:
    x = seen.held.inputs[sample(len(seen.held), one.rows)]
    yield _forward(one.title, (MASKS + 2) * len(x), pace)
    fitting = list(fitting_methods(seen.subject, among=one.methods))
    if fitting:
        plan = estimate(seen.subject, x, methods=fitting, cards=False, compute=how)
        yield _told(one.title, plan, AGAIN)


def _layers(one: DeadUnits, seen: Examined, how: Compute) -> Step:
    """Two small summaries, and on to the wanted number of rows."""
    return by_rows(
        seen.subject,
        lambda rows, how: layers(seen.subject, rows=rows, compute=how),
        one.title,
        (FEW, 2 * FEW),
        min(one.rows, len(seen.held)),
        how=how,
    )
