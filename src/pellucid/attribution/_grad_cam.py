"""Where in the picture the last spatial layer sees what raises the score."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped
from pellucid.attribution._maps import is_map, laid, spatial


def grad_cam(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    relu: bool = False,
    compute: Compute | None = None,
) -> Explanation:
    """How strongly each place of a spatial layer speaks for (or against) the score, laid over the picture.

    The sign is kept, so that evidence against the target is seen and an empty map is not mistaken for none;
    the original paper shows the positive part, ``relu=True``. The unit is that of the target per unit of the
    layer's activation, times activation. A pixel's number is divided evenly among its channels: summing
    values over the channels gives the map.

    Formula: ``map[p] = sum_c mean_q(d score / d A[c, q]) · A[c, p]``, enlarged bilinearly to the picture.

    Args:
        model: a network with a layer whose activation is ``[N, C, h, w]``.
        inputs: pictures ``[N, C, H, W]``, or a ``Batch`` whose one varied input is that.
        target: what is explained: a class number, one for each row, or a ``Target``.
        at: the spatial layer; ``None`` takes the last whose map is larger than 1×1 and says which.
        spec: what the inputs mean.
        relu: keep only what speaks for the target.
        compute: how to run.

    Returns:
        Values in the shape of the pictures; the layer stands in ``provenance.params["at"]``.

    Raises:
        MethodError: where inputs are no pictures, or the network has no spatial layer.
        InputError, TargetError, SiteError: where inputs, target or site do not fit the network.

    Cost:
        One forward and one backward pass; without ``at`` one row more.

    Limits:
        As coarse as the layer's map; the enlargement invents the detail between. The slope is averaged over
        the map, so a channel that means different things at different places is misread. Does not add up.

    Source:
        Selvaraju et al. 2017, Grad-CAM, arXiv 1610.02391.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
        >>> why = grad_cam(net, torch.rand(1, 1, 8, 8), 0)
        >>> why.values.shape, why.provenance.params["at"]
        (torch.Size([1, 1, 8, 8]), '0')
    """
    layer, picture = spatial("grad_cam", model, inputs, target, at, spec)
    q = sloped(model, inputs, target, at=layer, spec=spec, compute=compute)
    is_map("grad_cam", layer, q.point)
    weight = q.gradient().mean((2, 3), keepdim=True)
    found = (weight * q.point).sum(1, keepdim=True)
    return laid("grad_cam", q, found, picture, layer, at=at, relu=relu)
