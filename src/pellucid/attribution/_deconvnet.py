"""The slope of the score, rectified on its way back instead of on its way forth."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped
from pellucid.attribution._rectified import Through


def deconvnet(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Explanation:
    """What of the score reaches each element when only what is positive is passed back at each ReLU.

    In units of the target per unit of input, but no slope of anything: which units were on is ignored, except
    by max-pooling.

    Formula: at each ReLU ``R_in = R_out · [R_out > 0]``; everywhere else the usual derivative. Of
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
        Ignores which units were on, so that without max-pooling the picture hardly depends on the input;
        close
        to a reconstruction (Nie et al. 2018, arXiv 1805.07039). Look at the card before believing it.

    Source:
        Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks, arXiv 1311.2901.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
        >>> _ = net[0].weight.data.copy_(torch.tensor([[3.0, -2.0]]))
        >>> _ = net[2].weight.data.fill_(2.0)
        >>> deconvnet(net, torch.tensor([[1.0, 1.0]]), 0).values
        tensor([[ 6., -4.]])
    """
    by = Through("deconvnet", gated=False)
    q = sloped(model, inputs, target, at=at, spec=spec, compute=compute, by=by)
    slope = q.gradient(by=by)
    return q.answer("deconvnet", q.folded(slope, lengths=True), {})
