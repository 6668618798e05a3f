"""How much of the score flows through each hidden unit on the way from a baseline."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike
from pellucid.attribution._inside import Inside


def layer_conductance(
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
    """What each hidden unit passes on of the difference between this score and the baseline's.

    In units of the target. If everything flows through the layer, values add up to ``score -
    score(baseline)``; what the sum leaves over (steps, or ways around the layer) is in ``gap``.

    Formula: ``values[j] = sum_k ½ (g_k + g_k+1)[j] · (y_k+1 - y_k)[j]``, where ``y_k`` is the activation and
    ``g_k = d score / d y`` its slope at ``b + k / steps · (x - b)``.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: the hidden layer whose activation is explained; ``None`` is the input itself.
        spec: what the inputs mean.
        baseline: where the way begins: a number, a tensor that broadcasts to the inputs (or to the
            activation at ``at``), or one of them for each name of a ``Batch``. ``None`` is what the spec
            calls absent, and zeros without a spec or at a hidden site.
        steps: stretches of the way.
        compute: how to run.

    Returns:
        Values in the shape of the activation at ``at`` (or of the inputs), with ``gap`` and ``reference``.

    Raises:
        MethodError: where the score does not depend on the layer in a differentiable way.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        ``steps + 1`` forward and backward passes, and one forward pass.

    Limits:
        The baseline decides what is seen. Units that cancel each other get large values of both signs.

    Source:
        Dhamdhere et al. 2018, How Important Is a Neuron?, arXiv 1805.12233.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
        >>> _ = net[0].weight.data.copy_(torch.eye(2)), net[2].weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> why = layer_conductance(net, torch.tensor([[1.0, 2.0]]), 0, at="1")
        >>> bool(torch.allclose(why.values, torch.tensor([[3.0, -4.0]])))
        True
    """
    inside = Inside(model, inputs, target, at, spec, baseline, compute)
    values, reference = inside.conductance(steps)
    return inside.q.answer("layer_conductance", values, inside.params(steps), reference=reference)
