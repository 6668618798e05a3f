"""What rounds say, freed of what is known without sampling."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pellucid.attribution._stratified._drawn import Drawn

ALIKE = 0.01  # spread of what ways miss, as a share of its mean, below which it is rounding
KINDS = 11  # sums: of slopes, of ways, and of ways times what is missing, by the parabola's terms …
SLOPES, WAYS, BOTH = slice(0, 3), slice(3, 6), slice(3, 9)
VALUES = slice(9, 11)  # … of values, and of values times what is missing


class Rounds:
    """Means of ``slope times way`` over rounds, freed of what is known without sampling.

    Two things are. The slope's course along the way, as a parabola common to all background rows, leaves
    only its rest to chance: the parabola's own mean over the way is exact. And on each way the values must
    add up to the score's rise from there; by how much they miss it on average shows which way the whole
    is off.

    Args:
        way: ``[N, D]``, the mean way.
        places: how far along the way each slope lies.
    """

    def __init__(self, way: Tensor, places: Drawn) -> None:
        self._way, self._rounds = way, len(places.undo)
        self._count = len(places.terms) // self._rounds
        self._terms, self._undo = (torch.from_numpy(each).to(way) for each in (places.terms, places.undo))
        # of whole rounds, and of the round that has begun
        self._sums, self._begun = (way.new_empty((KINDS, *way.shape)) for _ in range(2))
        self._off, self._begun_off = (way.new_empty((2, len(way))) for _ in range(2))
        self.values: Tensor = torch.empty_like(way)  # of all rounds, once they have ended

    def spans(self, ks: Tensor) -> Iterator[slice]:
        """Neighbouring numbers: whole rounds together, and what is of one that goes on elsewhere alone."""
        at, end = int(ks[0]), int(ks[-1]) + 1
        while at < end:
            whole = 0 if at % self._count else (end - at) // self._count * self._count
            to = at + whole if whole else min(end, (at // self._count + 1) * self._count)
            yield slice(at, to)
            at = to

    def add(self, rows: slice, some: slice, slope: Tensor, way: Tensor, rise: Tensor) -> Tensor | None:
        """Values ``[rounds, n, D]`` of the rounds that end here.

        ``some`` are neighbouring places as :meth:`spans` gives them, of these rows' ``slope`` and ``way``
        ``[c, n, D]``, and ``rise`` ``[c, n]`` is what each way's values must add up to.
        """
        parted = self._terms[some].unflatten(0, (-1, min(self._count, len(slope))))
        sums, off = _summed(parted, slope, way, rise)
        if some.start % self._count:
            sums[0] += self._begun[:, rows]
            off[0] += self._begun_off[:, rows]
        if some.stop % self._count:
            self._begun[:, rows], self._begun_off[:, rows] = sums[0], off[0]
            return None
        return self._ended(rows, some.stop // self._count, sums, off)

    def _ended(self, rows: slice, stop: int, sums: Tensor, off: Tensor) -> Tensor:
        """Values of single rounds, of which ``stop - 1`` is the last."""
        start = stop - len(sums)
        whole, whole_off = sums.cumsum(0), off.cumsum(0)
        if start:
            whole += self._sums[:, rows]
            whole_off += self._off[:, rows]
        n = self._count * torch.arange(start + 1, stop + 1, device=off.device).view(-1, 1, 1)
        # over all rounds so far: fits of single rounds have a bias that more rounds do not average away
        fit = (self._undo[start:stop] @ whole[:, SLOPES].flatten(2)).unflatten(2, whole.shape[2:])
        by_off = (fit[:, None] * whole[:, BOTH].unflatten(1, (2, -1))).sum(2)
        rest, off_rest = ((whole[:, VALUES] - by_off) / n.unsqueeze(-1)).unbind(1)
        mean_off, square = (whole_off / n).unsqueeze(-1).unbind(1)
        width = square - mean_off.square()
        # what all ways miss alike, as over a jump, tells no direction
        told = width > (ALIKE * mean_off).square()
        tilt = torch.where(told, (off_rest - rest * mean_off) / width, 0.0)
        # of the parabola's terms only the first has a mean over the way
        known = self._way[rows] * fit[:, 0]
        if stop == self._rounds:
            self.values[rows] = known[-1] + rest[-1] - tilt[-1] * mean_off[-1]
        else:
            self._sums[:, rows], self._off[:, rows] = whole[-1], whole_off[-1]
        own = sums[:, VALUES.start] - (fit * sums[:, WAYS]).sum(1) - tilt * off[:, 0, :, None]
        return known + own / self._count


def _summed(terms: Tensor, slope: Tensor, way: Tensor, rise: Tensor) -> tuple[Tensor, Tensor]:
    """Sums ``[rounds, KINDS, n, D]`` over each round of ``terms`` ``[rounds, count, 3]``; and of what values
    miss and of its square, ``[rounds, 2, n]``."""
    value = way * slope
    off = value.sum(-1) - rise
    wide = off.unsqueeze(-1)
    parted = terms.shape[:2]

    def total(each: Tensor) -> Tensor:
        return each.unflatten(0, parted).sum(1)

    sums = [terms.mT @ each.reshape(*parted, -1) for each in (slope, way, way * wide)]
    sums += [total(each).flatten(1).unsqueeze(1) for each in (value, value * wide)]
    return torch.cat(sums, 1).unflatten(-1, slope.shape[1:]), torch.stack(
        [total(off), total(off.square())], 1
    )
