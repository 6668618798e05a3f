"""Regions of a picture, coarse and fine at once, taken one after the other by how much they hold."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.inputs import superpixels

EDGE = 5 / 224  # of the shorter side: regions reach that far over their edge, where attribution gathers
SLIVER = 1e-3  # of the area: what a region adds must be larger


def overlapping(picture: Tensor, scales: Sequence[int]) -> Tensor:
    """Superpixels of one picture ``[C, H, W]`` at every scale, grown over their edges: bool ``[R, H, W]``."""
    height, width = picture.shape[-2:]
    found: list[Tensor] = []
    for count in dict.fromkeys(min(scale, height * width) for scale in scales):
        label = superpixels(picture[None], count)[0]
        found.append(label == torch.arange(int(label.max()) + 1, device=label.device)[:, None, None])
    regions = torch.cat(found)
    reach = round(min(height, width) * EDGE)
    if reach:
        down = F.max_pool2d(regions[:, None].float(), (2 * reach + 1, 1), 1, (reach, 0))
        regions = F.max_pool2d(down, (1, 2 * reach + 1), 1, (0, reach))[:, 0] > 0
    return regions


def grown(density: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
    """Take the region that adds most per pixel, again and again, until all is taken.

    Args:
        density: float64 ``[P]``, attribution of each pixel.
        regions: bool ``[R, P]``, overlapping.

    Returns:
        Mean attribution of the region in which each pixel was taken ``[P]``, and when it was taken, int64
        ``[P]``.

    Example:
        >>> grown(torch.tensor([1.0, 3, 0, 0]), torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]]).bool())[0]
        tensor([2., 2., 0., 0.])
    """
    held, area = regions.to(density.dtype) @ density, regions.sum(1)
    mean, turn = torch.zeros_like(density), torch.full_like(density, -1, dtype=torch.int64)
    least, step = max(1, round(SLIVER * len(density))), 0
    while bool((turn < 0).any()):
        gain = torch.where(area >= least, held / area.clamp(min=1), float("-inf"))
        best = int(gain.argmax())
        left = turn < 0
        new = (regions[best] & left if bool(gain[best] > float("-inf")) else left).nonzero().flatten()
        mean[new], turn[new] = density[new].mean(), step
        gone = regions[:, new]
        held, area, step = held - gone.to(density.dtype) @ density[new], area - gone.sum(1), step + 1
    return mean, turn
