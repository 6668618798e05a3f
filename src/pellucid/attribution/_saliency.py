"""How fast the score changes with each element."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped


def saliency(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    absolute: bool = False,
    compute: Compute | None = None,
) -> Explanation:
    """Change of the score per unit of each element: the slope, in units of the target per unit of input.

    The sign is kept: a positive value means that more of this element raises the score. The original paper
    draws the size alone, of pictures the largest over channels; ``absolute=True`` gives the size of each.
    On token numbers it is the length of the slope along each token's vector: the most that the score changes
    per unit of length that the vector moves, without a sign.

    Formula: ``values[i] = d score / d x[i]``; of a token with the vector ``v``, ``|d score / d v|``.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        absolute: give ``|slope|``, without the direction.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``.

    Raises:
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.
        MethodError: where the score does not depend on the inputs in a differentiable way.

    Cost:
        One forward and one backward pass.

    Limits:
        Says what a tiny change would do, not what the element contributes: where a unit is saturated the
        slope is zero although the element decides. Values of inputs in different units cannot be compared.
        No word lies next to a word: a token gets a large value also where another word would change the
        answer, such as the place before a keyword where "not" could stand.

    Source:
        Simonyan et al. 2013, Deep Inside Convolutional Networks, arXiv 1312.6034; of tokens: Atanasova et al.
        2020, A Diagnostic Study of Explainability Techniques for Text Classification, arXiv 2009.13295.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = net.weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> saliency(net, torch.ones(1, 2), 0).values
        tensor([[ 3., -2.]])
    """
    q = sloped(model, inputs, target, at=at, spec=spec, compute=compute)
    slope = q.folded(q.gradient(), lengths=True)
    return q.answer("saliency", slope.abs() if absolute else slope, {"absolute": absolute})
