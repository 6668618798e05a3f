"""Where in a picture a unit is active, as a line on it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.figures._colour import Numbers
from pellucid.figures._pixels import array

FINE = 128  # drawn pixels of a crop's longer side
LINE, RIM = (0.90, 0.62, 0.0), 0.08  # amber on a dark rim: seen on black, on white and on colours


def contoured(whole: Numbers, box: list[int] | None, active: Tensor) -> Numbers:
    """A crop ``[H, W, 3]`` of a picture, with a line around where a unit is more than half active.

    Half way lies between the middle and the largest value of its map ``active`` ``[h, w]`` over the picture;
    the map is laid over the picture evenly and bilinearly, which holds but for the border.

    Example:
        >>> contoured(np.zeros((4, 4, 3)), [0, 0, 2, 2], torch.eye(2)).shape
        (128, 128, 3)
    """
    height, width = whole.shape[:2]
    top, left, bottom, right = box or (0, 0, height, width)
    times = max(1, FINE // max(1, bottom - top, right - left))
    crop = whole[top:bottom, left:right].repeat(times, 0).repeat(times, 1)
    flat = active.double()
    low, high = float(flat.median()), float(flat.max())
    if not high > low:
        return crop
    fine = _laid(flat, (height, width), (top, left, bottom, right), times)
    inside = array(fine) > (low + high) / 2
    line = inside & ~_shrunk(inside, 3)
    rim = _grown(inside, 2) & ~inside
    drawn = np.where(rim[..., None], RIM, crop)
    return np.where(line[..., None], np.array(LINE), drawn)


def _laid(flat: Tensor, size: tuple[int, int], box: tuple[int, int, int, int], times: int) -> Tensor:
    """A map in the fine pixels of a crop."""
    top, left, bottom, right = box
    down = (torch.arange((bottom - top) * times).double() + 0.5) / times + top
    across = (torch.arange((right - left) * times).double() + 0.5) / times + left
    places = torch.stack(
        [
            (across / size[1] * 2 - 1)[None].expand(len(down), -1),
            (down / size[0] * 2 - 1)[:, None].expand(-1, len(across)),
        ],
        -1,
    )
    return torch.nn.functional.grid_sample(
        flat[None, None], places[None], mode="bilinear", padding_mode="border", align_corners=False
    )[0, 0]


def _grown(inside: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    padded = np.pad(inside, by)
    height, width = inside.shape
    steps = range(2 * by + 1)
    return np.logical_or.reduce([padded[i : i + height, j : j + width] for i in steps for j in steps])


def _shrunk(inside: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    # what lies outside the crop is not known, so no line is drawn along its edge
    padded = np.pad(inside, by, mode="edge")
    height, width = inside.shape
    steps = range(2 * by + 1)
    return np.logical_and.reduce([padded[i : i + height, j : j + width] for i in steps for j in steps])
