"""Completeness: does the map sum to what there is to explain?"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Question, TargetLike
from pellucid.evidence._adds_up import TINY
from pellucid.evidence._metrics._metric import Metric, metric


def completeness(
    model: nn.Module,
    inputs: Tensor,
    maps: Tensor,
    target: TargetLike,
    *,
    baseline: Tensor | float | None = None,
    beside: Mapping[str, Tensor] | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Metric:
    """Share of the change from the baseline that the map does not sum to; low is good, 0 is exact.

    ``|Σ a - (f(x) - f(baseline))| / |f(x) - f(baseline)|``; an empty map gets 1.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        maps: ``[N, *shape]``, contributions in units of the target.
        target: the number that was explained.
        baseline: what the map starts from; left out, what the spec calls absent, else zeros.
        beside: controls by name; none of their own, since a random map has no scale.
        spec: what the inputs mean.
        compute: how to run.

    Returns:
        A :class:`Metric`, from 0. Inputs that score the same as the baseline are excluded and counted.

    Raises:
        InputError: where the baseline does not fit.

    Cost:
        2 forward passes per input.

    Limits:
        Necessary only: a map that puts everything into one wrong place is complete. Slopes and class
        activation maps promise nothing of the kind.

    Source:
        Sundararajan et al. 2017, arXiv 1703.01365 (completeness).

    Example:
        >>> net, x = nn.Linear(9, 1), torch.randn(4, 9)
        >>> completeness(net, x, x * net.weight.detach(), 0).mean.value < 1e-5
        True
    """
    how = compute or Compute(batch_size=256)
    q = Question(model, inputs, target, spec=spec, compute=how)
    start = q.filled(baseline)
    score = q.scores()[0].double()
    empty = q.scores(lambda _, rows: start[rows][None])[0].double()
    change = score - empty

    def gap(one: Tensor) -> Tensor:
        return (one.double().flatten(1).sum(1).to(change.device) - change).abs() / change.abs()

    nothing = change.abs() <= TINY * torch.maximum(score.abs(), empty.abs())
    return metric(
        "completeness gap",
        "share of the change from the baseline that the map does not sum to",
        gap(maps.detach()),
        better="low",
        limits=(0.0, math.inf),
        beside={name: gap(one) for name, one in (beside or {}).items()},
        left_out={"the input scores the same as the baseline": nothing},
        rows=2,
        seed=how.seed,
        settings={"target": q.target.label},
    )
