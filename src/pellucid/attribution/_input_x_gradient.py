"""Each element times the slope of the score there."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped


def input_x_gradient(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """What each element would contribute were the score straight from zero to here, in units of the target.

    Formula: ``values[i] = x[i] · d score / d x[i]``.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``.

    Raises:
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.
        MethodError: where the score does not depend on the inputs in a differentiable way.

    Cost:
        One forward and one backward pass.

    Limits:
        Measured from zero, whatever zero means for the input: an element that is zero gets nothing even if
        its being zero decides. Adds up to the score only for networks without biases that are straight
        between kinks (linear and ReLU layers).

    Source:
        Shrikumar et al. 2016, Not Just a Black Box, arXiv 1605.01713.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> input_x_gradient(net, torch.tensor([[1.0, 2.0]]), 0).values
        tensor([[ 3., -4.]])
    """
    q = sloped(model, inputs, target, at=at, spec=spec, compute=compute)
    return q.answer("input_x_gradient", q.point * q.gradient(), {})
