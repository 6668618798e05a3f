"""Channels of a spatial layer, weighed by the score of what they let through."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import Batch, Compute, Explanation, InputSpec, Question, TargetLike
from pellucid.attribution._maps import is_map, laid, spatial, the_picture


def score_cam(
    model: nn.Module,
    inputs: Tensor | Batch,
    target: TargetLike,
    *,
    at: str | None = None,
    spec: InputSpec | None = None,
    relu: bool = False,
    compute: Compute | None = None,
) -> Explanation:
    """Activation of a spatial layer, averaged over channels by how high the score is for the part each shows.

    In units of the activation; needs no gradients. A pixel's number is divided evenly among its channels:
    summing values over the channels gives the map.

    Formula: ``map[p] = sum_c w_c · A[c, p]``, ``w = softmax_c score(x ∘ H_c)``, where ``H_c`` is ``A_c``
    stretched
    to 0…1 and enlarged to the picture.

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
        One forward pass for each channel of the layer, two more and a row; without ``at`` another row. No
        backward pass.

    Limits:
        The softmax over channels turns differences of a few units of the score into one channel that takes
        all, so the map depends on the scale of the score: logits and probabilities give different maps.
        Masked pictures may lie where the network was never trained.

    Source:
        Wang et al. 2020, Score-CAM, arXiv 1910.01279.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
        >>> why = score_cam(net, torch.rand(1, 1, 8, 8), 0)
        >>> why.values.shape, why.provenance.params["at"]
        (torch.Size([1, 1, 8, 8]), '0')
    """
    layer, _ = spatial("score_cam", model, inputs, target, at, spec)
    q = Question(model, inputs, target, spec=spec, compute=compute)
    picture = the_picture("score_cam", q.given)
    seen = q.seen(layer)
    is_map("score_cam", layer, seen)
    low, high = seen.amin((2, 3), keepdim=True), seen.amax((2, 3), keepdim=True)
    # a channel that is the same everywhere says nothing of where
    part = torch.where(high > low, (seen - low) / (high - low), 0.0)
    size = (picture.shape[-2], picture.shape[-1])

    def kept(ks: Tensor, rows: slice) -> Tensor:
        mask = F.interpolate(part[rows][:, ks.to(part.device)], size, mode="bilinear", align_corners=False)
        return (
            (picture[rows][:, None] * mask[:, :, None])
            .transpose(0, 1)
            .reshape(len(ks), -1, *q.point.shape[1:])
        )

    weight = q.scores(kept, seen.shape[1]).softmax(0).T[:, :, None, None]
    found = (weight * seen).sum(1, keepdim=True)
    return laid("score_cam", q, found, picture, layer, at=at, relu=relu)
