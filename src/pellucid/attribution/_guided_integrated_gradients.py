"""Integrated gradients along a way that goes first where the slope is small."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.errors import InputError


def guided_integrated_gradients(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: float | Tensor | Mapping[str, float | Tensor] | None = None,
    steps: int = 50,
    fraction: float = 0.1,
    distance: float = 0.02,
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in the difference between this score and the baseline's, along a way of its own.

    In units of the target. The way moves the elements with the smallest slopes first, so that noise from
    steep regions between is not collected. This is a variant, not integrated gradients: the way depends on
    the network, which gives up symmetry.

    Formula: ``values[i] = sum_k (g_k + g_k+1)[i] / 2 · (x_k+1 - x_k)[i]``, ``g_k`` the slope at ``x_k``;
    each step moves the ``fraction`` of
    elements with the smallest slopes, within ``distance`` of the straight way.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        baseline: where the way begins: a number, a tensor that broadcasts to the inputs (or to the
            activation at ``at``), or one of them for each name of a ``Batch``. ``None`` is what the spec
            calls absent, and zeros without a spec or at a hidden site.
        steps: steps of the way; the paper takes 200.
        fraction: share of the elements that a step moves first.
        distance: how far an element may run ahead of, or lag behind, the straight way: 0 is the straight
            way, 1 is free.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``gap`` and ``reference``.

    Raises:
        MethodError: where the score does not depend on the inputs in a differentiable way.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        ``steps + 1`` forward and backward passes one after the other, and two forward passes.

    Limits:
        The paper's sum takes the slope before each step; here it is the mean of before and after. Where
        elements mean different
        things the way is arbitrary. The baseline decides what is seen.

    Source:
        Kapishnikov et al. 2021, Guided Integrated Gradients, arXiv 2106.09788.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> why = guided_integrated_gradients(net, torch.tensor([[1.0, 2.0]]), 0)
        >>> bool(torch.allclose(why.values, torch.tensor([[3.0, -4.0]])))
        True
    """
    if steps < 1 or not 0 < fraction <= 1 or not 0 <= distance <= 1:
        raise InputError(
            "Expected steps ≥ 1, 0 < fraction ≤ 1 and 0 ≤ distance ≤ 1, "
            f"got steps={steps}, fraction={fraction}, distance={distance}."
        )
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    q.needs_slopes()
    start = q.filled(baseline)
    ends = q.scores(lambda ks, rows: torch.stack([(start, q.point)[k][rows] for k in ks.tolist()]), 2)
    exact = torch.promote_types(q.point.dtype, torch.float32)
    a, b = start.flatten(1).to(exact), q.point.flatten(1).to(exact)
    here, values = a.clone(), torch.zeros_like(a)
    slope = _slope(q, here)
    for k in range(1, steps + 1):
        done = k / steps
        moved = [_step(*row, done, fraction, distance) for row in zip(here, slope, a, b, strict=True)]
        there = torch.stack(moved)
        after = _slope(q, there)
        values += (there - here) * (slope + after) / 2
        here, slope = there, after
    return q.answer(
        "guided_integrated_gradients",
        values.view(q.point.shape).to(q.point.dtype),
        {
            "baseline": start if isinstance(baseline, Mapping) else baseline,
            "steps": steps,
            "fraction": fraction,
            "distance": distance,
        },
        reference=ends[0],
        scores=ends[1],
    )


def _slope(q: Question, here: Tensor) -> Tensor:
    now = here.to(q.point.dtype).view(q.point.shape)
    return q.gradient(lambda _, rows: now[rows]).flatten(1).to(here.dtype)


def _step(
    here: Tensor, slope: Tensor, a: Tensor, b: Tensor, done: float, fraction: float, distance: float
) -> Tensor:
    """One row's next place: as near to the end as the straight way is after the share ``done``."""
    way, size = b - a, slope.abs()
    low, high = a + max(done - distance, 0) * way, a + min(done + distance, 1) * way
    forward = way.sign()
    here = torch.where((here - low) * forward < 0, low, here)
    goal = way.abs().sum() * (1 - done)
    small = torch.finfo(here.dtype).eps * 64 * way.abs().sum()
    for _ in range(len(here) + 1):
        excess = (b - here).abs().sum() - goal
        free = (here - high) * forward < 0
        if excess <= small or not bool(free.any()):
            break
        held = size.masked_fill(~free, torch.inf)
        rank = min(int(fraction * (len(held) - 1)), int(free.sum()) - 1)
        chosen = free & (held <= held.sort().values[rank])
        part = excess / ((high - here) * chosen).abs().sum()
        # what goes all the way arrives to the bit
        moved = high if bool(part >= 1) else here + (high - here) * part
        here = torch.where(chosen, moved, here)
    return here
