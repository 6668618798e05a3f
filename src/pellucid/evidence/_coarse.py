"""Maps enlarged from a few cells are judged by what a map as coarse could tell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.evidence._bank import Bank

MOST = 8  # cells along a side, above which a map is not called coarse
NEAR = 0.01  # of a map's size that may be left when it is laid again from its cells
BEST = "a map fitted to the network's own reactions"
NO_MAP = "no map foretells the network's reactions to these masks: they do not add up"


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What a map can be fitted with.

    Args:
        removed: what each mask removes of parts, or of cells: ``[M, K]``, or for each row ``[N, M, K]``.
        best: the fitted map, in words; ``none`` is said where it foretells nothing.
    """

    removed: Tensor
    best: str
    none: str


def design(bank: Bank, units: Tensor) -> Design:
    """Parts; or at most 8 × 8 cells, where all maps ``[N, U]`` of pictures are enlarged from these.

    A map of 2 × 2 cells cannot name a single pixel: it may tell little, and still nothing that is false.
    """
    parts = Design(bank.masks, BEST, f"{NO_MAP[:1].upper()}{NO_MAP[1:]}.")
    if bank.grid is None or bank.units.ndim != 3:
        return parts
    shape = tuple(bank.units.shape)
    # a constant is in every span and no mask sees it
    wanted = units.to(bank.units.device, torch.float64)
    wanted = wanted - wanted.mean(1, keepdim=True)
    grids = wanted.view(-1, *bank.grid)
    down = _cells(bank.units[0, :, 0] // bank.grid[1], grids)
    across = _cells(bank.units[0, 0] % bank.grid[1], grids.mT)
    if not down or not across:
        return parts
    cells = torch.eye(down * across, device=wanted.device).view(-1, 1, down, across)
    laid = F.interpolate(cells, size=shape[1:], mode="bilinear", align_corners=False)
    basis = bank.reduce(laid.expand(-1, *shape)).double()
    size = f"map of {down} × {across} cells"
    return Design(
        bank.masks.to(basis) @ basis.T,
        f"a {size} fitted to the network's own reactions",
        f"A {size} is too coarse to foretell the network's reactions to these masks.",
    )


def _cells(unit: Tensor, grids: Tensor) -> int:
    """The fewest cells along the first axis from which all ``[N, A, B]`` are enlarged; 0 where more than 8.

    Enlarging goes along one axis at a time, so that each can be asked alone; ``unit`` is of each element.
    """
    size = grids.flatten(1).norm(dim=1)
    for count in range(1, min(MOST, len(unit) // 2) + 1):
        cells = torch.eye(count, dtype=torch.float64, device=grids.device)[:, None]
        line = F.interpolate(cells, size=len(unit), mode="linear", align_corners=False)[:, 0]
        basis = line.new_zeros(count, grids.shape[1]).index_add_(1, unit, line)
        span = torch.linalg.qr(basis.T).Q
        left = grids - span @ (span.T @ grids)
        if bool((left.flatten(1).norm(dim=1) <= NEAR * size).all()):
            return count
    return 0
