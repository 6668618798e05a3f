"""Grad-CAM with places weighed so that several small objects count as much as a large one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, TargetLike, sloped
from pellucid.attribution._maps import is_map, laid, spatial


def grad_cam_plus_plus(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    relu: bool = False,
    compute: Compute | None = None,
) -> Explanation:
    """How strongly each place of a spatial layer speaks for the score, small objects as much as large ones.

    The unit is that of the target per unit of activation, times activation, up to the weighing. A pixel's
    number is divided evenly among its channels: summing values over the channels gives the map.

    Formula: ``map[p] = sum_c w_c · A[c, p]``, ``w_c = sum_q a[c, q] · max(g[c, q], 0)``, ``a = g² / (2 g² +
    sum(A) ·
    g³)``, where ``g = d score / d A``; enlarged bilinearly to the picture.

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
        The weights rest on the assumption that the score is the exponential of what is explained; where the
        layer is no ReLU, ``a`` can have poles. Shown weights are at least 0 for activations above 0. Does
        not add up.

    Source:
        Chattopadhyay et al. 2018, Grad-CAM++, arXiv 1710.11063.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
        >>> why = grad_cam_plus_plus(net, torch.rand(1, 1, 8, 8), 0)
        >>> why.values.shape, why.provenance.params["at"]
        (torch.Size([1, 1, 8, 8]), '0')
    """
    layer, picture = spatial("grad_cam_plus_plus", model, inputs, target, at, spec)
    q = sloped(model, inputs, target, at=layer, spec=spec, compute=compute)
    is_map("grad_cam_plus_plus", layer, q.point)
    slope, seen = q.gradient(), q.point
    total = seen.sum((2, 3), keepdim=True)
    # the paper's quotient, slope² / (2 slope² + total slope³), with what is in all three taken out
    below = 2 + total * slope
    share = torch.where(below != 0, 1 / below, 0.0)
    weight = (share * slope.clamp(min=0)).sum((2, 3), keepdim=True)
    found = (weight * seen).sum(1, keepdim=True)
    return laid("grad_cam_plus_plus", q, found, picture, layer, at=at, relu=relu)
