"""The slope of the score with respect to a hidden layer, averaged along the way of the inputs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike
from pellucid.attribution._inside import Inside


def internal_influence(
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
    """Mean change of the score per unit of a hidden activation, along the way from a baseline input.

    In units of the target per unit of activation. The inputs move, not the activation: that is what
    distinguishes it from ``integrated_gradients(at=…)``.

    Formula: ``values[j] = sum_k w_k · d score / d y[j] at x = b + a_k · (x - b)``, Gauss-Legendre nodes
    ``a_k``. Of token numbers the length of the slope along each token's vector is given.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: the hidden layer whose activation is explained; ``None`` is the input itself.
        spec: what the inputs mean.
        baseline: where the way begins: a number, a tensor that broadcasts to the inputs (or to the
            activation at ``at``), or one of them for each name of a ``Batch``. ``None`` is what the spec
            calls absent, and zeros without a spec or at a hidden site.
        steps: nodes on the way.
        compute: how to run.

    Returns:
        Values in the shape of the activation at ``at`` (or of the inputs).

    Raises:
        MethodError: where the score does not depend on the layer in a differentiable way.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        ``steps`` forward and backward passes, and one forward pass.

    Limits:
        A slope, not a contribution: a unit that is always off may have one. The baseline decides which
        inputs are averaged over.

    Source:
        Leino et al. 2018, Influence-Directed Explanations for Deep Convolutional Networks, arXiv 1802.03788.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1, bias=False))
        >>> _ = net[2].weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> internal_influence(net, torch.tensor([[1.0, 2.0]]), 0, at="1").values
        tensor([[ 3.0000, -2.0000]])
    """
    inside = Inside(model, inputs, target, at, spec, baseline, compute)
    values = inside.q.folded(inside.mean_slope(steps), lengths=True)
    return inside.q.answer("internal_influence", values, inside.params(steps))
