"""What :func:`pellucid.features` will take, from a few steps of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pellucid._core import Compute, Subject
from pellucid.features import Choice, Objective, Transforms
from pellucid.features._ascent import CHECK_EVERY, WINDOW
from pellucid.tasks._amounts import Estimate, Step
from pellucid.tasks._estimate import memory_of
from pellucid.tasks._features import FeaturePage, features
from pellucid.tasks._spent import counted
from pellucid.tasks._stages import Stages


def estimate_features(
    subject: Subject,
    site: str | None = None,
    *,
    units: Sequence[int] | None = None,
    objectives: Sequence[Objective] = (),
    accentuate: Sequence[int] = (),
    caricatures: Sequence[int] = (),
    faces: int | None = None,
    steps: int = 256,
    seeds: int = 2,
    transforms: Transforms = "auto",
    statistics: Choice = "auto",
    rows: int = 2000,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.features` with these arguments will take, from two and from eight steps.

    Returns:
        An :class:`Estimate`; passes are exact for few steps, and the most that it may be for many, since
        units that no longer climb are left alone.

    Cost:
        Ten of the steps, and twice the rest.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> subject = pellucid.open(network, data=(torch.rand(80, 3), torch.tensor([0, 1] * 40)))
        >>> estimate_features(subject, "0", steps=20).exact
        True
    """
    began, how = time.perf_counter(), compute or Compute()

    def some(count: int, how: Compute) -> FeaturePage:
        return features(
            subject,
            site,
            units=units,
            objectives=objectives,
            accentuate=accentuate,
            caricatures=caricatures,
            faces=faces,
            steps=count,
            seeds=seeds,
            transforms=transforms,
            statistics=statistics,
            rows=rows,
            compute=how,
        )

    return by_steps(subject, some, steps, how, began)


def by_steps(
    subject: Subject, some: Callable[[int, Compute], object], steps: int, how: Compute, began: float
) -> Estimate:
    """What climbs of so many steps will take, and all that comes with them, from two and from eight."""
    stages = Stages(how, {"two": 1, "eight": 2})
    two = counted(subject.model, lambda: some(2, stages.pieces("two")))
    eight = counted(subject.model, lambda: some(8, stages.pieces("eight")))
    stages.end()
    forward, pace = (eight.forward - two.forward) // 6, max(0.0, (eight.seconds - two.seconds) / 6)
    # each row goes back from the layer, where nobody counts; later steps are left out for units that no
    # longer climb
    ascent = Step("ascent", forward * steps, forward * steps, pace * steps, steps < WINDOW + CHECK_EVERY)
    rest = Step("the rest", two.forward - 2 * forward, two.backward, max(0.0, two.seconds - 2 * pace))
    inputs = subject.needs_data("estimate").inputs[:1]
    memory = memory_of(subject, inputs, 1, how, cards=False)
    return Estimate((ascent, rest), memory, time.perf_counter() - began)
