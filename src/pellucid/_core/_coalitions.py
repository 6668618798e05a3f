"""Which coalitions are asked: subsets of n parts in pairs with their complements, none of them twice."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import torch
from torch import Tensor

ENDLESS = 10**300  # subsets of a size that are as good as without end, and still a number
SCARCE = 2  # below so many pairs for each part, single parts come first: they decide every value


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Subsets of ``n`` parts, each standing for itself and its complement, in an order whose every beginning
    is a sample of its own: sizes come as often as the Shapley kernel weighs them, until all are used up.

    Args:
        sets: bool ``[P, n]``.
        stratum: int64 ``[P]``, size class of each: sizes ``s`` and ``n - s`` together, numbered from 0.
        mass: float64 ``[S]``, share of each class in the kernel's weight; adds up to 1.
        all: float64 ``[S]``, how many pairs each class has in all.
    """

    sets: Tensor
    stratum: Tensor
    mass: Tensor
    all: Tensor

    @property
    def exhaustive(self) -> bool:
        """Whether every pair is there."""
        return len(self.sets) == int(self.all.sum())

    def weights(self, count: int) -> tuple[Tensor, Tensor]:
        """For the first ``count`` pairs: weight of each, and the share of its class that is not sampled."""
        stratum = self.stratum[:count]
        seen = torch.bincount(stratum, minlength=len(self.mass)).double()
        whole = seen == self.all
        left = float(seen[~whole].sum())
        # classes that were only sampled share one weight: their numbers follow their mass up to rounding
        rest = float(self.mass[~whole].sum()) / left if left else 0.0
        weight = torch.where(whole, self.mass / self.all, torch.full_like(self.mass, rest))
        return weight[stratum], (1 - seen / self.all)[stratum]

    def beyond(self, known: int, count: int) -> tuple[Tensor, Tensor]:
        """For the first ``count`` pairs, of which the first ``known`` stand for themselves alone and the
        others for all the rest: weight of each, and the share of its class beyond the known that is not
        sampled."""
        stratum = self.stratum[:count]
        held, seen = (torch.bincount(stratum[:k], minlength=len(self.mass)).double() for k in (known, count))
        more, rest = seen - held, self.all - held
        each = self.mass / self.all
        weight, unsampled = each[stratum], torch.zeros(count, dtype=torch.float64)
        weight[known:] = (each * rest / more)[stratum[known:]]
        unsampled[known:] = (1 - more / rest)[stratum[known:]]
        return weight, unsampled

    def masks(self) -> Tensor:
        """Each subset followed by its complement: bool ``[2 P, n]``."""
        return torch.stack([self.sets, ~self.sets], 1).flatten(0, 1)


def pairs(n: int, count: int, generator: torch.Generator) -> Pairs:
    """The first ``count`` pairs of ``n ≥ 2`` parts; all there are, where ``count`` is as large.

    Example:
        >>> found = pairs(4, 100, torch.Generator())
        >>> len(found.sets), found.exhaustive
        (7, True)
    """
    sizes = range(1, n // 2 + 1)
    whole = [comb(n, s) // (2 if 2 * s == n else 1) for s in sizes]
    mass = torch.tensor([(1 if 2 * s == n else 2) / (s * (n - s)) for s in sizes], dtype=torch.float64)
    mass = mass / mass.sum()
    first = SCARCE * n > count
    wanted = _shares(mass, whole, count, singles=first)
    sets = [subsets(n, s, m, generator) for s, m in zip(sizes, wanted, strict=True)]
    stratum = torch.repeat_interleave(torch.arange(len(whole)), torch.tensor(wanted))
    place = torch.cat([torch.arange(m, dtype=torch.float64) for m in wanted])
    order = _turn(place, stratum, mass, singles=first).argsort(stable=True)
    there = torch.tensor([min(w, ENDLESS) for w in whole], dtype=torch.float64)
    return Pairs(torch.cat(sets)[order], stratum[order], mass, there)


def _shares(mass: Tensor, whole: list[int], count: int, *, singles: bool) -> list[int]:
    """How many of ``count`` pairs each class gets: the first ``count`` of the common order."""
    most = [min(w, count) for w in whole]
    stratum = torch.repeat_interleave(torch.arange(len(whole)), torch.tensor(most))
    place = torch.cat([torch.arange(m, dtype=torch.float64) for m in most])
    first = _turn(place, stratum, mass, singles=singles).argsort(stable=True)[:count]
    return torch.bincount(stratum[first], minlength=len(whole)).tolist()


def _turn(place: Tensor, stratum: Tensor, mass: Tensor, *, singles: bool) -> Tensor:
    """When each pair has its turn: classes by their mass, or single parts before all others."""
    turn = (place + 0.5) / mass[stratum]
    return torch.where(stratum == 0, place * 1e-9, turn) if singles else turn


def subsets(n: int, size: int, count: int, generator: torch.Generator) -> Tensor:
    """``count`` different subsets of a size in random order, bool ``[count, n]``; of half the parts only
    those that hold part 0, since the others are their complements."""
    half = 2 * size == n
    total = comb(n, size) // (2 if half else 1)
    if not count:
        return torch.zeros(0, n, dtype=torch.bool)
    if total <= 3 * count:
        which = combinations(range(1, n), size - 1) if half else combinations(range(n), size)
        members = torch.tensor([(0, *c) if half else c for c in which], dtype=torch.int64)
        members = members[torch.randperm(total, generator=generator)[:count]]
        return torch.zeros(count, n, dtype=torch.bool).scatter_(1, members, value=True)
    seen: dict[bytes, Tensor] = {}
    while len(seen) < count:
        draws = torch.rand(count, n, generator=generator, dtype=torch.float64)
        if half:
            draws[:, 0] = -1
        members = draws.argsort(1)[:, :size]
        for row in torch.zeros(count, n, dtype=torch.bool).scatter_(1, members, value=True):
            seen.setdefault(row.numpy().tobytes(), row)
    return torch.stack(list(islice(seen.values(), count)))


def every(n: int) -> Tensor:
    """All ``2^n`` subsets of ``n`` parts, bool ``[2^n, n]``; ``k`` holds part ``i`` where bit ``i`` is 1."""
    return (torch.arange(2**n)[:, None] >> torch.arange(n) & 1).bool()
