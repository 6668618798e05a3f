"""Places of a spatial layer where more of what is there raises the score."""

from __future__ import annotations

from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped
from pellucid.attribution._maps import is_map, laid, spatial


def layer_cam(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    relu: bool = False,
    compute: Compute | None = None,
) -> Explanation:
    """Activation of a spatial layer, weighed place by place with the slope where it is positive.

    In units of the target. Works for early layers too, whose maps are fine. A pixel's number is divided
    evenly among its channels: summing values over the channels gives the map.

    Formula: ``map[p] = sum_c max(d score / d A[c, p], 0) · A[c, p]``, enlarged bilinearly; the paper shows
    ``relu=True``.

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
        What speaks against the target is left out, so it says nothing of the balance. After a ReLU no place
        can be negative.

    Source:
        Jiang et al. 2021, LayerCAM, doi 10.1109/TIP.2021.3089943.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
        >>> why = layer_cam(net, torch.rand(1, 1, 8, 8), 0)
        >>> why.values.shape, why.provenance.params["at"]
        (torch.Size([1, 1, 8, 8]), '0')
    """
    layer, picture = spatial("layer_cam", model, inputs, target, at, spec)
    q = sloped(model, inputs, target, at=layer, spec=spec, compute=compute)
    is_map("layer_cam", layer, q.point)
    slope, seen = q.gradient(), q.point
    found = (slope.clamp(min=0) * seen).sum(1, keepdim=True)
    return laid("layer_cam", q, found, picture, layer, at=at, relu=relu)
