"""The slope of the score, collected along the straight way from a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.errors import InputError, near_misses

Rule = Literal["gauss_legendre", "midpoint"]


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: float | Tensor | Mapping[str, float | Tensor] | None = None,
    steps: int = 50,
    rule: Rule = "gauss_legendre",
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in the difference between this score and the baseline's, in units of the target.

    Values add up to ``score - score(baseline)``; what the sum leaves over is in ``gap``, always.

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
        steps: nodes on the way.
        rule: ``"gauss_legendre"`` is exact to rounding on smooth networks; ``"midpoint"`` errs about a third
            less on networks with kinks (ReLU, max-pooling).
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``gap`` and ``reference``.

    Raises:
        InputError: where ``baseline`` does not fit, ``steps`` is below 1, or inputs do not fit the network.
        TargetError, SiteError: where target or site do not fit the network.
        MethodError: where the score does not depend on the inputs in a differentiable way.

    Cost:
        ``steps`` forward and backward passes, and two forward passes. Memory: one chunk.

    Limits:
        The baseline decides what is seen: elements that equal it get nothing. Points on the way may lie where
        the network was never trained. A small gap says that the sum is right, not each value.

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
    nodes, weights = _quadrature(steps, rule)
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    start = q.filled(baseline)
    way = q.point - start
    share = nodes.to(q.point).view(-1, *[1] * q.point.ndim)
    mean = q.gradient(
        lambda ks, rows: torch.addcmul(start[rows], share[ks.to(share.device)], way[rows]), steps, weights
    )
    ends = q.scores(lambda ks, rows: torch.stack([(start, q.point)[k][rows] for k in ks.tolist()]), 2)
    return q.answer(
        "integrated_gradients",
        way * mean,
        {"baseline": start if isinstance(baseline, Mapping) else baseline, "steps": steps, "rule": rule},
        reference=ends[0],
        scores=ends[1],
    )


def _quadrature(steps: int, rule: Rule) -> tuple[Tensor, Tensor]:
    """Nodes in 0…1 and weights that add up to 1, float64 ``[steps]``."""
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}.")
    if rule == "midpoint":
        return (torch.arange(steps, dtype=torch.float64) + 0.5) / steps, torch.full(
            (steps,), 1 / steps, dtype=torch.float64
        )
    if rule == "gauss_legendre":
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / weights.sum())
    raise InputError(f"No rule is called {rule!r}. {near_misses(str(rule), ['midpoint', 'gauss_legendre'])}")
