"""The slope of the score, collected along the straight way from a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._path import FIRST, walk
from pellucid.errors import InputError, near_misses

Rule = Literal["auto", "gauss_legendre", "midpoint"]


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: float | Tensor | Mapping[str, float | Tensor] | None = None,
    steps: int = 50,
    rule: Rule = "auto",
    tolerance: float = 1e-3,
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in the difference between this score and the baseline's, in units of the target.

    Values add up to ``score - score(baseline)``; what the sum leaves over is in ``gap``, always. What the
    integration itself may be off (Euclidean norm of a row's values) is in ``bound``.

    Formula: ``values[i] = (x[i] - b[i]) · sum_k w_k · d score / d x[i] at b + a_k · (x - b)``, where nodes
    ``a_k`` and weights ``w_k`` integrate over 0…1 and the weights add up to 1.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        baseline: where the way begins: a number, a tensor that broadcasts to the inputs (or to the activation
            at ``at``), or one of them for each name of a ``Batch``. ``None`` is what the spec calls absent,
            and zeros without a spec or at a hidden site.
        steps: nodes on the way; with ``rule="auto"`` the most that a row may take, at least 6.
        rule: ``"auto"`` measures how the slope changes along the way of each row. Where it changes smoothly,
            nested rules (6, 10, 13, 17, 20, 27 … nodes: Gauss, Kronrod, Patterson and rules between them) go
            on until the error is judged below the tolerance; what their sum leaves over goes to the elements
            whose slopes surprise as the whole does. Where it jumps (ReLU, max-pooling), nodes go to the
            jumps, and each is placed where the tangents of the score on both sides meet, which is exact for a
            single kink. The note says how many rows went which way. ``"gauss_legendre"`` and ``"midpoint"``
            take all ``steps``.
        tolerance: for ``"auto"``: the error, as a share of the norm of a row's values, that is small enough.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``gap``, ``reference``
        and, with ``rule="auto"``, ``bound``.

    Raises:
        InputError: where ``baseline`` does not fit, ``steps`` is below 1, or inputs do not fit the network.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where the score does not depend on the inputs in a differentiable way.

    Cost:
        ``steps`` forward and backward passes, and two forward passes. Memory: one chunk. With ``"auto"`` a
        smooth network needs 6 to 27 of them, and the slopes of up to 16 chunks are held, or those of one row
        at a few hundred steps where that is more.

    Limits:
        The baseline decides what is seen: elements that equal it get nothing. Points on the way may lie where
        the network was never trained. A small gap says that the sum is right, not each value; the bound is
        judged, not proved, and holds for 98 to 99 % of rows (``benchmarks/bounds.py``).

    Source:
        Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, arXiv 1703.01365.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> why = integrated_gradients(net, torch.tensor([[1.0, 2.0]]), 0)
        >>> bool(torch.allclose(why.values, torch.tensor([[3.0, -4.0]]))), bool(why.gap.abs() < 1e-5)
        (True, True)
    """
    _refuse(steps, rule, tolerance)
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    q.needs_slopes()
    start = q.filled(baseline)
    ends = q.scores(lambda ks, rows: torch.stack([(start, q.point)[k][rows] for k in ks.tolist()]), 2)
    walked = walk(q, start, ends, steps, tolerance) if rule == "auto" else None
    params = {"baseline": start if isinstance(baseline, Mapping) else baseline, "steps": steps, "rule": rule}
    return q.answer(
        "integrated_gradients",
        _collected(q, start, steps, rule) if walked is None else walked.values.to(q.point.dtype),
        {**params, "tolerance": tolerance},
        reference=ends[0],
        scores=ends[1],
        bound=None if walked is None else walked.bound.to(torch.promote_types(q.point.dtype, torch.float32)),
        note="" if walked is None else walked.words,
        row_notes=() if walked is None else walked.by_row,
    )


def _collected(q: Question, start: Tensor, steps: int, rule: Rule) -> Tensor:
    """With all nodes of one rule."""
    nodes, weights = _quadrature(steps, rule)
    way = q.point - start
    share = nodes.to(q.point).view(-1, *[1] * q.point.ndim)
    mean = q.gradient(
        lambda ks, rows: torch.addcmul(start[rows], share[ks.to(share.device)], way[rows]), steps, weights
    )
    return way * mean


def _refuse(steps: int, rule: str, tolerance: float) -> None:
    known = ["auto", "midpoint", "gauss_legendre"]
    if rule not in known:
        raise InputError(f"No rule is called {rule!r}. {near_misses(rule, known)}")
    least = FIRST if rule == "auto" else 1
    if steps < least:
        raise InputError(f"steps must be at least {least} with rule={rule!r}, got {steps}.")
    if not tolerance > 0:
        raise InputError(f"tolerance must be above 0, got {tolerance}.")


def _quadrature(steps: int, rule: Rule) -> tuple[Tensor, Tensor]:
    """Nodes in 0…1 and weights that add up to 1, float64 ``[steps]``."""
    if rule == "midpoint":
        return (torch.arange(steps, dtype=torch.float64) + 0.5) / steps, torch.full(
            (steps,), 1 / steps, dtype=torch.float64
        )
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / weights.sum())
