"""The slope of the score along paths that only raise it."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped
from pellucid.attribution._rectified import Through


def guided_backpropagation(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """Slope of the score, kept at each ReLU only where it is positive and the unit is on.

    In units of the target per unit of input, but no slope of anything: what pulls the score down is dropped
    on the way, layer by layer. Draws crisp pictures.

    Formula: at each ReLU ``R_in = R_out · [x > 0] · [R_out > 0]``; everywhere else the usual derivative. Of
    token numbers the length of what arrives along each token's vector is given.

    Args:
        model: a network with ReLUs (modules, functions or methods, in place or not, re-used or not; ReLU6 and
            clamping from below at 0 count too). Other non-linearities differentiate as usual.
        inputs: ``[N, *shape]``, or a ``Batch`` of several named inputs.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: site whose activation is explained instead of the inputs.
        spec: what the inputs mean.
        compute: how to run.

    Returns:
        Values in the shape of the inputs, or of the activation at ``at``.

    Raises:
        MethodError: where no ReLU is seen between input and score, or one is hidden in a scripted module or a
            fused recurrent layer.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        One forward and one backward pass; with ``at`` two forward.

    Limits:
        Close to a reconstruction of the input (Nie et al. 2018, arXiv 1805.07039): where a network randomised
        layer by layer gets nearly the same picture, the picture says little about what was learned (Adebayo
        et
        al. 2018, arXiv 1810.03292). Look at the card before believing it.

    Source:
        Springenberg et al. 2015, Striving for Simplicity, arXiv 1412.6806.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
        >>> _ = net[0].weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> _ = net[2].weight.data.fill_(2.0)
        >>> guided_backpropagation(net, torch.tensor([[1.0, 1.0]]), 0).values
        tensor([[ 6., -4.]])
    """
    by = Through("guided_backpropagation", gated=True)
    q = sloped(model, inputs, target, at=at, spec=spec, compute=compute, by=by)
    slope = q.gradient(by=by)
    return q.answer("guided_backpropagation", q.folded(slope, lengths=True), {})
