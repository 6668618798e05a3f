"""Masks for inputs whose parts differ by row: every row loses the same share of its own parts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid._core import InputSpec
from pellucid._core._ranks import ranks
from pellucid.evidence._bank import Bank
from pellucid.evidence._statistics import rank_correlation, standardised


@dataclass(frozen=True, slots=True, eq=False)
class WordBank(Bank):
    """A bank for texts: masks drawn once for each number of parts, equal in size within a row.

    Sums over parts are ``[N, U]`` with NaN where a row has no such part. ``U`` is one more than the places of
    an input, so that sums are never mistaken for maps.

    Args:
        masks: bool ``[N, M, U]``, true where a part is removed.
        units: int64 ``[N, *shape]``, the part of each element; -1 is held and never removed.
        grid: ``None``.
        seed: of the draw.
        counts: number of parts of each row.
        spec: what an input means, for the parts of other inputs.
    """

    counts: tuple[int, ...]
    spec: InputSpec

    @property
    def removed(self) -> int:
        """The most parts that a mask removes."""
        return int(self.masks.sum(-1).max())

    @property
    def different(self) -> list[int]:
        """How many different masks each row has."""
        return [len(torch.unique(own, dim=0)) if bool(own.any()) else 0 for own in self.masks]

    def rows(self, which: Tensor) -> Bank:
        """The bank for some of its rows, int64 ``[n]``."""
        counts = tuple(self.counts[k] for k in which.tolist())
        return replace(self, masks=self.masks[which], units=self.units[which], counts=counts)

    @property
    def count(self) -> int:
        """Number of masks M."""
        return self.masks.shape[1]

    @property
    def width(self) -> int:
        """Number of units U."""
        return self.masks.shape[2]

    def reduce(self, values: Tensor, of: Tensor | None = None) -> Tensor:
        """Sum of ``values`` ``[N, *shape]`` over each part, ``[N, U]``; ``of`` other inputs than its own."""
        units = self.units if of is None else self.spec.groups(of).to(self.units.device)
        # rounds of the same rows one after the other
        units = units.repeat(len(values) // len(units), *[1] * (units.ndim - 1)).flatten(1)
        summed = values.flatten(1).new_zeros(len(values), self.width + 1)
        summed.scatter_add_(1, torch.where(units < 0, self.width, units), values.flatten(1))
        place = torch.arange(self.width, device=units.device)
        return summed[:, :-1].masked_fill(place > units.amax(1, keepdim=True), torch.nan)

    def elements(self, ks: Tensor, rows: slice) -> Tensor:
        """Masks ``ks`` over the elements of some rows: bool ``[c, n, *shape]``."""
        return laid(self.masks, self.units, ks, rows)

    def sums(self, units: Tensor) -> Tensor:
        """What each mask removes of each row's own map: ``[N, M]``."""
        return torch.einsum("nu,nmu->nm", centred(units), self.masks.to(units.dtype))

    def moved(self, units: Tensor, draws: int, seed: int) -> Iterator[Tensor]:
        """As :meth:`sums` with the parts of each row permuted: ``[N, b, M]``, ``draws`` in all."""
        whole = units.new_zeros(len(units), draws, self.count)
        for rows, count in self._alike():
            generator = torch.Generator().manual_seed(seed * 1_000_003 + 179_424_673 + count)
            moves = torch.stack([torch.randperm(max(1, count), generator=generator) for _ in range(draws)])
            own = centred(units[rows])[:, : max(1, count)]
            masks = self.masks[rows[0], :, : max(1, count)].to(units.dtype)
            whole[rows] = own[:, moves.to(units.device)] @ masks.T
        yield whole

    def table(self, drops: Tensor, pool: Tensor) -> Tensor:
        """Agreement of each row with each map of the pool, stretched to as many parts: ``[N, P]``."""
        found = drops.new_zeros(len(drops), len(pool))
        for rows, count in self._alike():
            if count:
                laid = centred(_stretched(pool, count))
                predicted = standardised(laid @ self.masks[rows[0], :, :count].to(pool.dtype).T)
                found[rows] = drops[rows] @ predicted.T
        return found

    def pairs(self, units: Tensor, pool: Tensor) -> Tensor:
        """Rank correlation of each map with those of the pool, stretched to as many parts: ``[N, P]``."""
        found = units.new_zeros(len(units), len(pool))
        for rows, count in self._alike():
            if count:
                own, laid = units[rows, :count], _stretched(pool, count)
                found[rows] = standardised(ranks(own)) @ standardised(ranks(laid)).T
        return found

    def alike(self, a: Tensor, b: Tensor) -> Tensor:
        """Rank correlation of maps ``[…, N, U]`` row by row, over each row's own parts."""
        found = a.new_zeros(torch.broadcast_shapes(a.shape[:-1], b.shape[:-1]))
        for rows, count in self._alike():
            if count:
                found[..., rows] = rank_correlation(a[..., rows, :count], b[..., rows, :count])
        return found

    def _alike(self) -> Iterator[tuple[Tensor, int]]:
        """Rows with as many parts, and how many these are."""
        counts = torch.tensor(self.counts)
        for count in sorted(set(self.counts)):
            yield (counts == count).nonzero().flatten(), count


def _stretched(pool: Tensor, count: int) -> Tensor:
    """Maps laid over ``count`` parts, each taking what stands as far along in its map: ``[P, count]``."""
    theirs = (~pool.isnan()).sum(1).clamp(min=1)
    return pool.gather(1, (torch.arange(count, device=pool.device) * theirs[:, None]) // count)


def laid(masks: Tensor, units: Tensor, ks: Tensor, rows: slice) -> Tensor:
    """Each row's own masks ``[N, M, U]`` over the elements of its parts: ``[c, n, *shape]``."""
    units, masks = units[rows], masks[rows][:, ks.to(masks.device)]
    width = masks.shape[2]
    # what is held is in a part more, which no mask removes
    masks = torch.nn.functional.pad(masks, (0, 1))
    flat = torch.where(units < 0, width, units).flatten(1)[:, None].expand(-1, masks.shape[1], -1)
    return masks.gather(2, flat).transpose(0, 1).view(-1, *units.shape)


def centred(units: Tensor) -> Tensor:
    """Each row's sums less their mean, 0 where the row has no such part."""
    return (units - units.nanmean(1, keepdim=True)).nan_to_num(nan=0.0)


def word_bank(
    inputs: Tensor, spec: InputSpec, subsets: Callable[[int], Tensor], *, masks: int, seed: int
) -> WordBank:
    """Masks for each row; where a row has fewer different ones than ``masks``, they come again in turn."""
    units = spec.groups(inputs)
    counts = tuple(int(k) + 1 for k in units.flatten(1).amax(1).tolist())
    drawn = {
        count: subsets(count) if count > 1 else torch.zeros(1, count, dtype=torch.bool)
        for count in set(counts)
    }
    width = inputs[0].numel() + 1
    rows: list[Tensor] = []
    for count in counts:
        own = drawn[count]
        turn = list(itertools.islice(itertools.cycle(range(len(own))), masks))
        rows.append(torch.nn.functional.pad(own[turn], (0, width - count)))
    return WordBank(torch.stack(rows).to(inputs.device), units, None, seed, counts, spec)
