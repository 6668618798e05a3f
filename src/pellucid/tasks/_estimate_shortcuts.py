"""What :func:`pellucid.shortcuts` will take, from a small search."""

from __future__ import annotations

import time

from pellucid._core import Compute, Subject
from pellucid.tasks._amounts import Estimate, Step
from pellucid.tasks._estimate import memory_of
from pellucid.tasks._shortcuts import shortcuts
from pellucid.tasks._stages import Stages

ROWS, PAIRS = 48, 8  # of the small search


def estimate_shortcuts(
    subject: Subject,
    *,
    rows: int = 400,
    pairs: int = 200,
    method: str = "input_x_gradient",
    part: str | None = None,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.shortcuts` with these arguments will take.

    Returns:
        An :class:`Estimate`; passes are about right, since clusters of maps and rows that hold a word are
        found on the way.

    Cost:
        A search of 48 rows and 8 pairs for each part.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.randn(200, 3), torch.tensor([0, 1] * 100))
        >>> subject = pellucid.open(torch.nn.Linear(3, 2, bias=False), data=data)
        >>> estimate_shortcuts(subject, pairs=40).forward > 3 * 200
        True
    """
    began, how = time.perf_counter(), compute or Compute(batch_size=256)
    few, stages = (min(rows, ROWS), min(pairs, PAIRS)), Stages(how, {"small": 1})
    small = shortcuts(
        subject, rows=few[0], pairs=few[1], method=method, part=part, compute=stages.pieces("small")
    )
    stages.end()
    data = subject.needs_data("shortcuts")
    n, took = min(rows, _there(small.declared)), time.perf_counter() - began
    passes = n + len(small.suspicions) * (2 * pairs + 3 * n) + (2 * n if small.clusters else 0)
    step = Step("parts exchanged", passes, 0, took * passes / max(1, small.spent), exact=False)
    memory = memory_of(subject, data.inputs[:2], n, how, cards=False)
    return Estimate((step,), memory, time.perf_counter() - began)


def _there(declared: str) -> int:
    """How many rows could be looked at, as the search says: ``48 of 834 test rows, …``."""
    return int(declared.split(" of ")[1].split()[0])
