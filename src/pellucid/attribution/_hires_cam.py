"""What each place of the last spatial layer contributes, channel by channel and place by place."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped
from pellucid.attribution._maps import is_map, laid, spatial


def hires_cam(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    relu: bool = False,
    compute: Compute | None = None,
) -> Explanation:
    """What each place of a spatial layer adds to the score, were the rest straight; laid over the picture.

    In units of the target, signed. Unlike Grad-CAM the slope is not averaged over the map, so that a place
    is shown only where it counts. A pixel's number is divided evenly among its channels: summing values
    over the channels gives the map.

    Formula: ``map[p] = sum_c d score / d A[c, p] · A[c, p]``, enlarged bilinearly to the picture.

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
        As coarse as the layer's map; the enlargement invents the detail between. Exact contributions only
        where everything after the layer is straight and has no bias.

    Source:
        Draelos & Carin 2020, HiResCAM, arXiv 2011.08891.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
        >>> why = hires_cam(net, torch.rand(1, 1, 8, 8), 0)
        >>> why.values.shape, why.provenance.params["at"]
        (torch.Size([1, 1, 8, 8]), '0')
    """
    layer, picture = spatial("hires_cam", model, inputs, target, at, spec)
    q = sloped(model, inputs, target, at=layer, spec=spec, compute=compute)
    is_map("hires_cam", layer, q.point)
    slope, seen = q.gradient(), q.point
    found = (slope * seen).sum(1, keepdim=True)
    return laid("hires_cam", q, found, picture, layer, at=at, relu=relu)
