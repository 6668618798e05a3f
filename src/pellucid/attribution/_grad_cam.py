"""Where in the picture the last spatial layer sees what raises the score."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import (
    Batch,
    Compute,
    Explanation,
    InputSpec,
    Question,
    TargetLike,
    activations,
    sites,
)
from pellucid.errors import MethodError

INSTEAD = "Use integrated_gradients, saliency or occlusion, which work for any network."


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
        Two forward passes and one backward pass; without ``at`` one row more.

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
    layer = _last_spatial(model, inputs) if at is None else at
    q = Question(model, inputs, target, at=layer, spec=spec, compute=compute)
    picture = _picture(q.given)
    if q.point.ndim != 4 or q.point.shape[-2:].numel() < 2:
        raise MethodError(
            f"grad_cam needs a layer with a map [N, C, h, w] larger than 1×1; at {layer!r} the activation "
            f"is {list(q.point.shape)}. Leave at= away to take the last such layer."
        )
    weight = q.gradient().mean((2, 3), keepdim=True)
    found = (weight * q.point).sum(1, keepdim=True)
    found = found.relu() if relu else found
    size = (picture.shape[-2], picture.shape[-1])
    large = F.interpolate(found, size, mode="bilinear", align_corners=False)
    values = (large / picture.shape[1]).expand_as(picture)
    height, width = q.point.shape[-2:]
    note = f"Map of {layer!r} ({height}×{width}), enlarged to the picture."
    if not bool(found.any(-1).any(-1).all()):
        note += " For some rows the map is empty: this layer gives no evidence for their target."
    return q.answer("grad_cam", values, {"at": layer, "relu": relu}, note=note, over="inputs")


def _picture(given: Tensor | dict[str, Tensor]) -> Tensor:
    if isinstance(given, dict):
        if len(given) > 1:
            raise MethodError(
                f"grad_cam lays its map over one picture, got {len(given)} varied inputs "
                f"({', '.join(given)}). Name the others in held= of the Batch."
            )
        (given,) = given.values()
    if given.ndim != 4:
        raise MethodError(f"grad_cam needs pictures [N, C, H, W], got {list(given.shape)}. {INSTEAD}")
    return given


def _last_spatial(model: nn.Module, inputs: Tensor | Batch) -> str:
    """Site of the last activation that is a map; found by one pass of one row."""
    rows = activations(model, inputs, [], compute=Compute(batch_size=1))
    shapes = {r.site: r.shape or () for r in sites(model, lambda: next(rows)) if r.site != "."}
    found = [site for site, s in shapes.items() if len(s) == 4 and s[0] == 1 and min(s[-2:]) > 1]
    if not found:
        raise MethodError(
            f"grad_cam needs a layer with a map [N, C, h, w]; {type(model).__name__} has none. {INSTEAD}"
        )
    return found[-1]
