"""What :func:`pellucid.audit` will take, from every method on five rows."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from torch import Tensor

from pellucid import evidence
from pellucid._core import Compute, Subject, predict
from pellucid.evidence._case import fitted
from pellucid.evidence._exchange import DONORS as EXCHANGED
from pellucid.evidence._exchange import asked_rows
from pellucid.evidence._metrics._chosen import measured, metric_named
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.tasks._amounts import Estimate, Step
from pellucid.tasks._audit import audited, usual_fills
from pellucid.tasks._estimate import MASKS, NOISES, Line, Pace, line_of, looked, memory_of, twin_shares
from pellucid.tasks._explain import PANEL, Method, usual_target
from pellucid.tasks._rows import held_out, training_rows
from pellucid.tasks._stages import Stages

LONG = 60.0  # seconds from which the length of an audit is told first
EACH = 2_500  # rows of the network for each row that is audited, where methods look at many places


def long_audit(subject: Subject, *, rows: int = 100, compute: Compute | None = None) -> bool:
    """Whether an audit may take a minute or more, so that its estimate is worth its own time.

    Cost:
        Two passes of up to 20 rows.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(200, 4), torch.tensor([0, 1] * 100))
        >>> long_audit(pellucid.open(torch.nn.Linear(4, 2), data=data))
        False
    """
    how = compute or Compute(batch_size=256)
    x = held_out(subject.needs_data("audit")).inputs[:20]
    predict(subject.model, x, spec=subject.spec, compute=how)
    began = time.perf_counter()
    predict(subject.model, x, spec=subject.spec, compute=how)
    return (time.perf_counter() - began) / max(1, len(x)) * EACH * rows > LONG


def estimate_audit(
    subject: Subject,
    *,
    methods: Sequence[str] = PANEL,
    rows: int = 100,
    fills: Sequence[str] | None = None,
    metrics: Sequence[str] = ("infidelity", "sparseness"),
    twins: int = 19,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.audit` with these arguments will take.

    Returns:
        An :class:`Estimate`. Passes of masks and methods are exact where the methods' are; the controls are
        made by the method that turns out best, and are counted as by the dearest.

    Cost:
        Each method on five rows, each metric on two.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(200, 4), torch.tensor([0, 1] * 100))
        >>> subject = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> plan = estimate_audit(subject, methods=["saliency"], rows=24, fills=["mean"])
        >>> [step.name for step in plan.steps]
        ['masks and outputs', 'saliency', 'negative controls', 'planted shortcut']
    """
    began, how = time.perf_counter(), compute or Compute(batch_size=256)
    for name in metrics:
        metric_named(name)
    data = held_out(subject.needs_data("audit"))
    shares = {"choice": 2, "pace": 1} | dict.fromkeys(methods, 4) | {f"metrics {name}": 2 for name in methods}
    stages = Stages(how, shares)
    looked_at, chosen = audited(subject, methods, rows, stages.pieces("choice"))
    x = data.inputs[looked_at]
    n, pace = len(x), Pace(subject, x, stages.pieces("pace"))
    donors = training_rows(subject.needs_data("audit"), how.seed)
    kinds = 1 + len(usual_fills(subject) if fills is None else fills)
    outputs = predict(subject.model, x, spec=subject.spec)
    classed = outputs.ndim == 2 and outputs.shape[1] > 1
    answers = len(outputs.argmax(1).unique()) if classed else 1
    masks = evidence.bank(x, subject.spec, masks=MASKS).count
    exchanged = isinstance(subject.spec, TabularSpec)
    shared = kinds * (n * (masks + 1) + looked(subject, x, n)) + n * (2 + NOISES * classed)
    shared += asked_rows(x, subject.spec) if isinstance(subject.spec, TabularSpec) else 0
    steps = [Step("masks and outputs", shared, 0, pace.forward(shared))]
    lines = {name: line_of(subject, method, x, [], stages.of(name), pace) for name, method in chosen.items()}
    for name, line in lines.items():
        sizes = [n, NOISES * n] if x.is_floating_point() else [n] * (1 + NOISES)
        sizes += [*twin_shares(n, twins), *[n] * (classed + line.sampled)]
        sizes += [min(EXCHANGED, len(donors))] * (answers if exchanged and line.referenced else 0)
        each = [line.at(size, pace) for size in sizes]
        within = stages.pieces(f"metrics {name}")
        more = sum(_of_metric(subject, chosen[name], metric, x, within) for metric in metrics) * n
        forward, backward = sum(one[0] for one in each) + more, sum(one[1] for one in each)
        seconds = sum(one[2] for one in each) + pace.cards(n) + pace.forward(more)
        steps.append(Step(name, forward, backward, seconds, line.exact and not more))
    stages.end()
    dearest = max(lines.values(), key=lambda line: line.at(n, pace)[2])
    steps.append(_repeated("negative controls", dearest, 2 + classed, n, 0, pace))
    again = 2 if isinstance(subject.spec, TextSpec) else 1
    after = n * (masks + 2)
    planted = [_repeated("planted shortcut", line, again, n, 0, pace) for line in lines.values()]
    forward, backward = after + sum(s.forward for s in planted), sum(s.backward for s in planted)
    took = pace.forward(after) + sum(s.seconds for s in planted)
    steps.append(Step("planted shortcut", forward, backward, took, exact=False))
    memory = memory_of(subject, x, n, how, cards=True) + kinds * n * masks * 4 + donors.nbytes
    return Estimate(tuple(steps), memory, time.perf_counter() - began)


def _repeated(name: str, line: Line, times: int, n: int, more: int, pace: Pace) -> Step:
    forward, backward, seconds = line.at(n, pace)
    return Step(name, times * forward + more, times * backward, times * seconds, exact=False)


def _of_metric(subject: Subject, method: Method, name: str, x: Tensor, how: Compute) -> int:
    """Network rows per input of a metric, tried on two."""
    few = x[:2]
    target = evidence.benches(subject.model, few, [usual_target(subject, few)], spec=subject.spec)[0].target
    made = method(subject.model, few, target, spec=subject.spec, compute=how)
    seen = evidence.responses(subject.model, few, target, spec=subject.spec, masks=MASKS, compute=how)
    found = measured(
        name,
        subject.model,
        few,
        fitted(made.map.detach(), few),
        method,
        target,
        seen,
        spec=subject.spec,
        compute=how,
    )
    return math.ceil(found.rows)
