"""What is taken away: random masks of equal size, drawn once and shared by every map, null and method."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pellucid._core import InputSpec, brief
from pellucid._core._ranks import ranks
from pellucid.errors import InputError
from pellucid.evidence._statistics import rank_correlation, standardised

SHARE = 0.25  # of the parts that every mask removes
FINEST = 64  # units along the shorter side of a picture; larger pictures are handled in blocks of pixels
SIDES = (8, 4)  # cells along the shorter side: two sizes, since no single size suits every map
RUNS = (16, 8)  # stretches along a waveform, which has one axis only
PLACED = (("C", "H", "W"), ("C", "F", "T"), ("C", "T"))  # axes along which parts lie side by side


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Random masks that each remove the same number of units, so that a constant map scores exactly 0.

    Args:
        masks: bool ``[M, U]``, true where a unit is removed; ``removed`` of them in every mask.
        units: int64 ``[*shape]``, the unit of each element of one input.
        grid: rows and columns of the units of a picture or a spectrogram, one row for a waveform; ``None``
            where units have no places (columns).
        seed: of the draw.
    """

    masks: Tensor
    units: Tensor
    grid: tuple[int, int] | None
    seed: int

    __repr__ = brief

    @property
    def removed(self) -> int:
        """Units that each mask removes."""
        return int(self.masks[0].sum())

    @property
    def different(self) -> int | list[int]:
        """How many of the masks differ from each other; one number for each row where rows have their own."""
        return len(torch.unique(self.masks, dim=0))

    def rows(self, which: Tensor) -> Bank:
        """The bank for some of its rows, int64 ``[n]``; masks that all rows share stay as they are."""
        return self

    @property
    def count(self) -> int:
        """Number of masks M."""
        return len(self.masks)

    @property
    def width(self) -> int:
        """Number of units U."""
        return self.masks.shape[1]

    def sums(self, units: Tensor) -> Tensor:
        """What each mask removes of maps ``[N, U]``: ``[N, M]``."""
        # every mask removes equally many units, so the mean says nothing and only costs digits
        return (units - units.mean(1, keepdim=True)) @ self.masks.to(units.dtype).T

    def table(self, drops: Tensor, pool: Tensor) -> Tensor:
        """Agreement of each row's drops, standardised, with each map ``[P, U]`` of a pool: ``[N, P]``."""
        return drops @ standardised(self.sums(pool)).T

    def alike(self, a: Tensor, b: Tensor) -> Tensor:
        """Rank correlation of maps ``[…, N, U]`` row by row."""
        return rank_correlation(a, b)

    def pairs(self, units: Tensor, pool: Tensor) -> Tensor:
        """Rank correlation of each row's map with each map of a pool: ``[N, P]``."""
        return standardised(ranks(units)) @ standardised(ranks(pool)).T

    def reduce(self, values: Tensor, of: Tensor | None = None) -> Tensor:
        """Sum of ``values`` ``[N, *shape]`` over each unit: float ``[N, U]``.

        ``of`` are the inputs that they explain, where these are not the bank's own.
        """
        flat = values.flatten(1)
        if flat.shape[1] != self.units.numel():
            raise InputError(
                f"Expected values of the shape {tuple(self.units.shape)} per row, "
                f"got {tuple(values.shape[1:])}."
            )
        summed = flat.new_zeros(len(flat), self.masks.shape[1])
        return summed.index_add_(1, self.units.flatten(), flat)

    def elements(self, ks: Tensor, rows: slice) -> Tensor:
        """Masks ``ks`` over the elements of an input: bool ``[c, 1, *shape]``, the same for all rows."""
        return self.masks[ks.to(self.masks.device)][:, self.units][:, None]


def bank(inputs: Tensor, spec: InputSpec | None = None, *, masks: int = 64, seed: int = 0) -> Bank:
    """Masks that fit these inputs.

    Pictures lose contiguous square cells of two sizes at random phases, exactly a quarter of their area;
    spectrograms lose boxes of time and pitch, waveforms stretches of time, in the same way. Other inputs
    lose random subsets of equal size of the parts that ``spec.groups`` names, so that the one-hot slots of a
    column go together: about a quarter of them, more where there are so few parts that a quarter would not
    give ``masks`` different subsets. Where parts differ by row (the words of a text), each row loses the same
    share of its own; what is held is never removed.

    Args:
        inputs: ``[N, *shape]``; only the shape matters, and the parts where a spec names them.
        spec: what an input means; without it inputs ``[N, C, H, W]`` are pictures, and every element of
            any other input is a part of its own.
        masks: M, how many; fewer where not so many different ones exist.
        seed: of the draw.

    Returns:
        The masks, shared by all rows.

    Raises:
        InputError: where there is nothing to remove.

    Cost:
        No passes.

    Example:
        >>> drawn = bank(torch.zeros(1, 1, 16, 16), masks=8)
        >>> drawn.masks.shape, drawn.masks.sum(1).tolist()
        (torch.Size([8, 256]), [64, 64, 64, 64, 64, 64, 64, 64])
    """
    if masks < 2 or inputs.ndim < 2 or inputs[0].numel() < 2:
        raise InputError(
            f"Expected inputs [N, …] of at least two elements and at least two masks, "
            f"got {list(inputs.shape)} and {masks} masks."
        )
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 7_919)
    axes = (("C", "H", "W") if inputs.ndim == 4 else ()) if spec is None else tuple(spec.axes)
    if axes in PLACED:
        units, grid = _blocks(inputs.shape[2:], square=axes == ("C", "H", "W"))
        drawn = torch.stack(list(itertools.islice(_cells(grid, generator, axes), masks)))
        units = units.expand(*inputs.shape[1:])
    elif spec is not None and spec.groups(inputs[:1]).ndim == inputs.ndim:
        from pellucid.evidence._word_bank import word_bank  # a bank itself, so it comes after this file

        made = word_bank(inputs, spec, partial(_drawn, masks, seed), masks=masks, seed=seed)
        if max(made.counts) < 2:
            raise InputError(f"Expected at least two removable parts in some row, got {max(made.counts)}.")
        return made
    else:
        units, grid = _parts(inputs, spec), None
        drawn = _subsets(int(units.max()) + 1, masks, generator)
    place = inputs.device
    return Bank(drawn.to(place), units.to(place), grid, seed)


def _blocks(shape: Sequence[int], *, square: bool) -> tuple[Tensor, tuple[int, int]]:
    """The unit of each element, and how many there are along each axis; a single axis is one row."""
    space = [1, *shape][-2:]
    sides = [math.ceil((min(space) if square else length) / FINEST) for length in space]
    down, across = (torch.arange(length) // side for length, side in zip(space, sides, strict=True))
    grid = (int(down[-1]) + 1, int(across[-1]) + 1)
    return (down[:, None] * grid[1] + across).reshape(tuple(shape)), grid


def _cells(grid: tuple[int, int], generator: torch.Generator, axes: tuple[str, ...]) -> Iterator[Tensor]:
    quarter = max(1, round(SHARE * grid[0] * grid[1]))
    for count in itertools.cycle(RUNS if axes == ("C", "T") else SIDES):
        # the axes of a picture are measured alike; time and pitch are not
        lengths = (min(grid),) * 2 if axes == ("C", "H", "W") else grid
        sides = [max(1, round(length / count)) for length in lengths]
        places = [
            (torch.arange(length) + int(torch.randint(side, (), generator=generator))) // side
            for length, side in zip(grid, sides, strict=True)
        ]
        cell = (places[0][:, None] * (int(places[1][-1]) + 1) + places[1]).flatten()
        turn = torch.rand(int(cell[-1]) + 1, generator=generator)[cell]
        mask = torch.zeros(len(cell), dtype=torch.bool)
        # whole cells in random order until the area is used up; the last one is cut so that it fits exactly
        mask[torch.argsort(turn, stable=True)[:quarter]] = True
        yield mask


def _parts(inputs: Tensor, spec: InputSpec | None) -> Tensor:
    shape = inputs.shape[1:]
    if spec is None:
        return torch.arange(shape.numel()).reshape(shape)
    found = spec.groups(inputs).cpu()
    if found.shape != shape:
        raise InputError(
            f"Expected parts that are the same for every row, of the shape {tuple(shape)}, "
            f"got {tuple(found.shape)}."
        )
    return found


def _drawn(masks: int, seed: int, parts: int) -> Tensor:
    # a generator for each number of parts: a row's masks do not depend on which other rows there are
    return _subsets(parts, masks, torch.Generator().manual_seed(seed * 1_000_003 + 7_919 + parts))


def _subsets(parts: int, masks: int, generator: torch.Generator) -> Tensor:
    if parts < 2:
        raise InputError(f"Expected at least two removable parts, got {parts}.")
    size = max(1, round(SHARE * parts))
    while math.comb(parts, size) < masks and size < parts // 2:
        size += 1
    if math.comb(parts, size) <= 4 * masks:
        every = torch.tensor(list(itertools.combinations(range(parts), size)))
        chosen = every[torch.randperm(len(every), generator=generator)[:masks]]
    else:
        found: dict[tuple[int, ...], None] = {}
        while len(found) < masks:
            draw = torch.randperm(parts, generator=generator)[:size].sort().values
            found[tuple(draw.tolist())] = None
        chosen = torch.tensor(list(found))
    return torch.zeros(len(chosen), parts, dtype=torch.bool).scatter_(1, chosen, value=True)
