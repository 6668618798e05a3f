"""Regions of a picture that belong together by colour and place."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.errors import InputError

ROUNDS = 8
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def superpixels(x: Tensor, count: int, *, compactness: float = 0.5) -> Tensor:
    """Number of the connected region that each pixel of each picture belongs to.

    k-means in torch over colour and place, started on a regular grid, so the same picture always gives the
    same regions. Loose pieces join a neighbour; every region is connected.

    Formula: a pixel goes to the centre with the smallest ``|colour - colour_k|² / s² + compactness² ·
    |place - place_k|² / g²``, where ``s`` is the spread of the picture's own colours and ``g`` the grid step.

    Args:
        x: pictures ``[N, C, H, W]``.
        count: how many regions to aim at; a picture may have fewer.
        compactness: how much place weighs against colour; larger gives squarer regions.

    Returns:
        int64 ``[N, H, W]``; in each row numbers run from 0 without holes, in reading order. As ``groups=``
        of a method give ``[:, None]``, the same for all channels.

    Raises:
        InputError: if ``x`` has not four axes or ``count`` is not between 1 and the number of pixels.

    Limits:
        Regions follow what the eye sees, not what the network sees; borders are one of many good choices.

    Source:
        After Achanta et al. 2012, "SLIC superpixels compared to state-of-the-art superpixel methods", here
        with centres that search the whole picture.

    Example:
        >>> import torch
        >>> picture = torch.zeros(1, 1, 6, 6)
        >>> picture[..., 3:] = 1
        >>> superpixels(picture, 2)[0, 0].tolist()
        [0, 0, 0, 1, 1, 1]
    """
    if x.ndim != 4:
        raise InputError(f"superpixels needs pictures [N, C, H, W], got the shape {list(x.shape)}.")
    if not 1 <= count <= x.shape[-1] * x.shape[-2]:
        raise InputError(
            f"count must lie between 1 and the {x.shape[-1] * x.shape[-2]} pixels of a picture, got {count}."
        )
    return torch.stack([_regions(picture.detach().float(), count, compactness) for picture in x])


def _regions(picture: Tensor, count: int, compactness: float) -> Tensor:
    height, width = picture.shape[-2:]
    rows = max(1, min(height, round((count * height / width) ** 0.5)))
    columns = max(1, min(width, count // rows))
    step = (height * width / (rows * columns)) ** 0.5
    points = _points(picture, compactness / step)
    centres = F.adaptive_avg_pool2d(points, (rows, columns)).flatten(1).T
    flat = points.flatten(1).T
    label = torch.cdist(flat, centres).argmin(1)
    for _ in range(ROUNDS):
        held = flat.new_zeros(len(centres)).index_add_(0, label, torch.ones_like(flat[:, 0]))
        total = torch.zeros_like(centres).index_add_(0, label, flat)
        centres = torch.where(held[:, None] > 0, total / held[:, None].clamp(min=1), centres)
        label = torch.cdist(flat, centres).argmin(1)
    return _in_reading_order(_connected(label.view(height, width)))


def _points(picture: Tensor, place: float) -> Tensor:
    height, width = picture.shape[-2:]
    spread = (picture - picture.mean((1, 2), keepdim=True)).square().mean().sqrt()
    colour = picture / spread if float(spread) > 1e-6 else torch.zeros_like(picture)
    down = torch.arange(height, device=picture.device, dtype=picture.dtype)[:, None].expand(height, width)
    across = torch.arange(width, device=picture.device, dtype=picture.dtype).expand(height, width)
    return torch.cat([colour, place * torch.stack([down, across])])


def _shifted(grid: Tensor, down: int, across: int, empty: int) -> Tensor:
    height, width = grid.shape
    padded = F.pad(grid, (1, 1, 1, 1), value=empty)
    return padded[1 + down : 1 + down + height, 1 + across : 1 + across + width]


def _pieces(label: Tensor) -> Tensor:
    piece = torch.arange(label.numel(), device=label.device).view_as(label)
    beside = [_shifted(label, *shift, -1) == label for shift in SHIFTS]
    while True:
        before = piece
        for shift, same in zip(SHIFTS, beside, strict=True):
            piece = torch.where(same, torch.minimum(piece, _shifted(piece, *shift, 0)), piece)
        piece = piece.flatten()[piece]
        if torch.equal(piece, before):
            return piece


def _connected(label: Tensor) -> Tensor:
    """Keep the largest piece of each region; the loose ones grow into whatever touches them."""
    piece = _pieces(label)
    size = piece.flatten().bincount(minlength=label.numel())
    largest = torch.zeros(int(label.max()) + 1, dtype=size.dtype, device=label.device)
    largest = largest.scatter_reduce(0, label.flatten(), size[piece.flatten()], "amax")
    first = torch.full_like(largest, label.numel())
    whole = size[piece] == largest[label]
    first = first.scatter_reduce(0, label[whole], piece[whole], "amin")
    grown = torch.where(piece == first[label], label, -1)
    while bool((grown < 0).any()):
        for shift in SHIFTS:
            grown = torch.where(grown < 0, _shifted(grown, *shift, -1), grown)
    return grown


def _in_reading_order(label: Tensor) -> Tensor:
    where = torch.full((int(label.max()) + 1,), label.numel(), device=label.device)
    place = torch.arange(label.numel(), device=label.device)
    where = where.scatter_reduce(0, label.flatten(), place, "amin")
    rank = where.argsort().argsort()
    return rank[label]
