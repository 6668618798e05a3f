"""Integrated gradients without the part of each step that does not change the score."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.errors import InputError


def idgi(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    baseline: float | Tensor | Mapping[str, float | Tensor] | None = None,
    steps: int = 50,
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in the change of the score along the way, by the square of its slope.

    In units of the target. Values add up to ``score - score(baseline)`` by construction, wherever slopes
    are not all zero; a small gap is no sign that they are right. This is a variant, not integrated
    gradients: it gives up that elements which do not differ from the baseline get nothing.

    Formula: ``values[i] = sum_k g_k[i]² / sum_j g_k[j]² · (score(x_k+1) - score(x_k))``, ``g_k`` the slope
    at ``x_k
    = b + k / steps · (x - b)``.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        baseline: where the way begins: a number, a tensor that broadcasts to the inputs (or to the
            activation at ``at``), or one of them for each name of a ``Batch``. ``None`` is what the spec
            calls absent, and zeros without a spec or at a hidden site.
        steps: stretches of the way.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``gap`` and ``reference``.

    Raises:
        MethodError: where the score does not depend on the inputs in a differentiable way.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        ``steps`` forward and backward passes, and one forward pass. Memory: one chunk.

    Limits:
        The baseline decides what is seen. On a linear network values are shares of the squared weights, not
        ``w · (x - b)``: elements that do not differ from the baseline get credit too. Slopes of inputs in
        different units cannot be compared.

    Source:
        Yang et al. 2023, IDGI: A Framework to Eliminate Explanation Noise from Integrated Gradients, arXiv
        2303.14242.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
        >>> why = idgi(net, torch.tensor([[1.0, 2.0]]), 0)
        >>> bool(torch.allclose(why.values, torch.tensor([[1.0, 4.0]])))
        True
    """
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}.")
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    q.needs_slopes()
    start = q.filled(baseline)
    exact = torch.promote_types(q.point.dtype, torch.float32)
    way = q.point - start
    values, held = torch.zeros_like(q.point, dtype=exact), torch.zeros_like(q.point, dtype=exact)
    before = torch.zeros(q.rows, dtype=torch.float64, device=q.point.device)
    first = before.clone()

    def along(ks: Tensor, rows: slice) -> Tensor:
        share = (ks.to(way.device).double() / steps).to(way).view(-1, *[1] * way.ndim)
        return torch.addcmul(start[rows], share, way[rows])

    for ks, rows, slopes, scores in q.passes(along, steps):
        for k, slope, score in zip(ks.tolist(), slopes, scores.double(), strict=True):
            if k:
                values[rows] += _shared(held[rows], score - before[rows])
            else:
                first[rows] = score
            held[rows], before[rows] = slope.to(exact), score
    values += _shared(held, q.scores()[0].double() - before)
    return q.answer(
        "idgi",
        values.to(q.point.dtype),
        {"baseline": start if isinstance(baseline, Mapping) else baseline, "steps": steps},
        reference=first.to(q.point.dtype),
    )


def _shared(slope: Tensor, change: Tensor) -> Tensor:
    """A change of the score ``[N]``, by squared slopes ``[N, *shape]``; nothing where all are 0."""
    # as shares of the largest, because squares leave the range of their type soon
    most = slope.flatten(1).abs().amax(1).clamp(min=torch.finfo(slope.dtype).tiny)
    square = (slope / most.view(-1, *[1] * (slope.ndim - 1))).square()
    total = square.flatten(1).sum(1)
    each = torch.where(total > 0, change.to(square) / total, 0.0)
    return square * each.view(-1, *[1] * (square.ndim - 1))
