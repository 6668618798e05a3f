"""Integrated gradients averaged over a background instead of one baseline."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._stratified import collected
from pellucid.errors import InputError


def expected_gradients(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    background: Tensor | Mapping[str, Tensor] | None = None,
    rounds: int = 4,
    compute: Compute | None = None,
) -> Explanation:
    """Share of each element in the difference between this score and the background's mean score.

    In units of the target, with a standard error. Values add up to ``score - mean score(background)`` but
    for chance; what is left over is in ``gap``. Each round takes every background row once (a small
    background several times), each at its own
    stratum of the way, in an order drawn by the seed.

    Formula: ``values[i] = mean over rounds and background rows b of (x[i] - b[i]) · d score / d x[i] at b +
    a · (x -
    b)``, where the ``a`` of a round are ``(p + u) / B``, ``p`` a permutation of the ``B`` rows and ``u``
    uniform.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        background: ``[B, *shape]`` rows to compare with, some 20 to 200 of the training data (activations
            where ``at`` is given; one tensor for each name of a ``Batch``). ``None`` takes the background
            rows of a ``TabularSpec``, else the one absent input.
        rounds: times the background is gone through; at least 2 for a standard error (with 1 it is an upper
            estimate).
        compute: how to run; its seed decides places and order.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``, with ``stderr``, ``gap`` and
        ``reference``.

    Raises:
        MethodError: where the score does not depend on the inputs in a differentiable way.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        ``rounds · B`` forward and backward passes (at least 16 a round), one forward pass of the rows and
        one of the background (``B`` of the rows where they are token numbers or held together with others,
        or at a site).

    Limits:
        The background decides what is seen; points on the way may lie where the network was never trained.
        Equals Shapley values for networks without interactions only. The standard error is of the sampling,
        not of the choice of the background.

    Source:
        Erion et al. 2021, Improving performance of deep learning models with axiomatic attribution priors
        and expected gradients, arXiv 1906.10670.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> why = expected_gradients(net, torch.tensor([[1.0, 2.0]]), 0, background=torch.eye(2))
        >>> bool(torch.allclose(why.values, torch.tensor([[1.5, -3.0]])))
        True
    """
    if rounds < 1:
        raise InputError(f"rounds must be at least 1, got {rounds}.")
    q = Question(model, inputs, target, at=at, spec=spec, compute=compute)
    q.needs_slopes()
    rows = _background(q, background)
    alone = q.absent
    there = q.scores(lambda _, which: alone[which]) if rows is None else q.everywhere(rows)
    values, stderr = collected(q, rows, there, rounds)
    reference = there.mean(0, dtype=torch.float64)
    return q.answer(
        "expected_gradients",
        values,
        {"background": rows, "rounds": rounds},
        reference=reference.to(values.dtype),
        stderr=stderr,
    )


def _background(q: Question, given: Tensor | Mapping[str, Tensor] | None) -> Tensor | None:
    """Rows to compare with ``[B, *shape]``; ``None`` is the one absent input of each row."""
    found = getattr(q.described, "background", None) if given is None else given
    if found is None:
        return None
    rows = torch.cat([part.flatten(1) for part in found.values()], 1) if isinstance(found, Mapping) else found
    rows = q.embedded(rows).detach().to(q.point)
    if len(rows) == 0 or rows.shape[1:] != q.point.shape[1:]:
        raise InputError(f"Expected background rows {['B', *q.point.shape[1:]]}, got {list(rows.shape)}.")
    return rows
