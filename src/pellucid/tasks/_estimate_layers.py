"""What a look at all layers will take, with curves of depth and a trace, from parts of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from pellucid._core import Compute, Subject
from pellucid.tasks._amounts import Estimate, Step
from pellucid.tasks._depth import COPIES, hierarchy, refuse_depth, trace
from pellucid.tasks._estimate import memory_of
from pellucid.tasks._estimate_inside import by_rows
from pellucid.tasks._layers import layers
from pellucid.tasks._rows import held_out
from pellucid.tasks._spent import Spent, counted
from pellucid.tasks._stages import Stages

FEW = 32  # rows of the shorter trial


def estimate_layers(
    subject: Subject,
    *,
    rows: int = 512,
    beside: Sequence[Subject] | None = None,
    row: int | None = None,
    instead: Literal["mean", "swap"] = "mean",
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.layers` will take, and what is asked for with it.

    Args:
        subject, rows: as for :func:`pellucid.layers`.
        beside: other seeds for the curves of depth, an empty list for none; ``None`` leaves the curves out.
        row, instead: as for the trace of an example; ``None`` leaves it out.
        compute: how it will run.

    Returns:
        An :class:`Estimate`; forward rows alone are counted, and nothing of it is exact.

    Cost:
        An eighth of the look at the layers, at least 96 rows; the curves of two networks in place of four or
        more; the trace without its untrained copy.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(240, 3), torch.tensor([0, 1] * 120)))
        >>> [step.name for step in estimate_layers(subject, beside=[]).steps]
        ['every layer', 'curves of depth']
    """
    began, model = time.perf_counter(), subject.model
    refuse_depth(subject, beside, row)
    how = compute or Compute(batch_size=128)
    data = subject.needs_data("layers")
    looked = min(rows, len(held_out(data)))
    few = max(FEW, looked // 24)
    stages = Stages(how, {"layers": 1, "curves": 3 * (beside is not None), "trace": 3 * (row is not None)})
    steps = [
        by_rows(
            subject,
            lambda count, how: layers(subject, rows=count, compute=how),
            "every layer",
            (few, 2 * few),
            looked,
            how=stages.of("layers"),
        )
    ]
    if beside is not None:
        within = stages.of("curves")
        took = counted(model, lambda: hierarchy(subject, rows=rows, seeds=1, compute=within))
        steps.append(_times("curves of depth", took, (1 + len(beside) + COPIES) / 2))
    if row is not None:
        last = stages.of("trace")
        took = counted(
            model,
            lambda: trace(subject, row, instead=instead, rows=rows, untrained_copy=False, compute=last),
        )
        # of what is asked of the network, all but its usual answer is asked of an untrained copy too
        steps.append(_times("trace", took, 2, less=looked))
    stages.end()
    memory = memory_of(subject, data.inputs[:1], looked, how, cards=False)
    return Estimate(tuple(steps), memory, time.perf_counter() - began)


def _times(name: str, took: Spent, networks: float, less: int = 0) -> Step:
    return Step(name, round(took.forward * networks) - less, 0, took.seconds * networks, exact=False)
