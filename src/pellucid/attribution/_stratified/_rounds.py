"""What rounds say, freed of what is known without sampling."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

ALIKE = 0.01  # spread of what ways miss, as a share of its mean, below which it is rounding
TERMS = 3  # of a parabola
# sums over slopes and over ways by the parabola's terms, over ways by these times what is missing, over
# values, and over values times what is missing
SLOPES, WAYS, OFF_WAYS, VALUES, OFF_VALUES = slice(0, 3), slice(3, 6), slice(6, 9), 9, 10
KINDS = 11


class Rounds:
    """Means of ``slope times way`` over rounds, freed of what is known without sampling.

    Two things are. The slope's course along the way, as a parabola common to all background rows, leaves
    only its rest to chance: the parabola's own mean over the way is exact. And on each way the values must
    add up to the score's rise from there; by how much they miss it on average shows which way the whole
    is off.

    Args:
        way: ``[N, D]``, the mean way.
        places: ``[rounds * count]``, how far along the way each slope lies.
        count: places in a round.
    """

    def __init__(self, way: Tensor, places: Tensor, count: int) -> None:
        self._way, self._count = way, count
        terms = _legendre(places).view(-1, count, TERMS)
        # over all rounds so far: fits of single rounds have a bias that more rounds do not average away
        self._undo = (terms.mT @ terms).cumsum(0).inverse().to(way)
        self._terms = terms.flatten(0, 1).to(way)
        # of whole rounds, and of the round that has begun
        self._sums, self._begun = (way.new_zeros((KINDS, *way.shape)) for _ in range(2))
        self._off, self._begun_off = (way.new_zeros((2, len(way))) for _ in range(2))
        self.values: Tensor = torch.zeros_like(way)  # of all rounds so far

    def add(self, rows: slice, some: slice, slope: Tensor, way: Tensor, rise: Tensor) -> Tensor:
        """Values ``[rounds, n, D]`` of the rounds that end here.

        ``some`` are neighbouring places as :meth:`spans` gives them, of these rows' ``slope`` and ``way``
        ``[c, n, D]``, and ``rise`` ``[c, n]`` is what each way's values must add up to.
        """
        sums, off = _summed(
            self._terms[some].unflatten(0, (-1, min(self._count, len(slope)))), slope, way, rise
        )
        sums[0] += self._begun[:, rows]
        off[0] += self._begun_off[:, rows]
        if some.stop % self._count:
            self._begun[:, rows], self._begun_off[:, rows] = sums[0], off[0]
            return sums[:0, VALUES]
        self._begun[:, rows], self._begun_off[:, rows] = 0, 0
        return self._ended(rows, some.stop // self._count, sums, off)

    def _ended(self, rows: slice, stop: int, sums: Tensor, off: Tensor) -> Tensor:
        """Values of single rounds, of which ``stop - 1`` is the last."""
        ended = range(stop - len(sums), stop)
        n = torch.arange(ended.start + 1, stop + 1, device=off.device)[:, None, None] * self._count
        whole = sums.cumsum(0) + self._sums[:, rows]
        whole_off = off.cumsum(0) + self._off[:, rows]
        self._sums[:, rows], self._off[:, rows] = whole[-1], whole_off[-1]
        fit = (self._undo[ended.start : stop] @ whole[:, SLOPES].flatten(2)).view_as(whole[:, SLOPES])
        rest = _rest(whole, fit) / n
        mean_off, square = (whole_off / n).unsqueeze(-1).unbind(1)
        width = square - mean_off.square()
        both = (whole[:, OFF_VALUES] - (fit * whole[:, OFF_WAYS]).sum(1)) / n - rest * mean_off
        # what all ways miss alike, as over a jump, tells no direction
        tilt = torch.where(width > (ALIKE * mean_off).square(), both / width, 0.0)
        # of the parabola's terms only the first has a mean over the way
        known = self._way[rows] * fit[:, 0]
        self.values[rows] = known[-1] + rest[-1] - tilt[-1] * mean_off[-1]
        return known + (_rest(sums, fit) - tilt * off[:, 0, :, None]) / self._count

    def spans(self, ks: Tensor) -> Iterator[slice]:
        """Neighbouring numbers: whole rounds together, and what is of one that goes on elsewhere alone."""
        at, end = int(ks[0]), int(ks[-1]) + 1
        while at < end:
            whole = (end - at) // self._count * self._count if at % self._count == 0 else 0
            to = at + whole if whole else min(end, (at // self._count + 1) * self._count)
            yield slice(at, to)
            at = to


def _summed(terms: Tensor, slope: Tensor, way: Tensor, rise: Tensor) -> tuple[Tensor, Tensor]:
    """Sums ``[rounds, KINDS, n, D]`` over each round of ``terms`` ``[rounds, count, 3]``; and of what values
    miss and of its square, ``[rounds, 2, n]``."""
    parted = terms.shape[:2]
    value = way * slope
    off = value.sum(-1) - rise
    wide = off.unsqueeze(-1)

    def by_term(each: Tensor) -> Tensor:
        return (terms.mT @ each.reshape(*parted, -1)).unflatten(-1, each.shape[1:])

    def total(each: Tensor) -> Tensor:
        return each.unflatten(0, parted).sum(1)

    sums = [by_term(slope), by_term(way), by_term(way * wide)]
    sums += [total(each).unsqueeze(1) for each in (value, value * wide)]
    return torch.cat(sums, 1), torch.stack([total(off), total(off.square())], 1)


def _rest(sums: Tensor, fit: Tensor) -> Tensor:
    """What a parabola leaves over of the values."""
    return sums[:, VALUES] - (fit * sums[:, WAYS]).sum(1)


def _legendre(places: Tensor) -> Tensor:
    """Legendre's polynomials of degree 0 to 2 on the way, ``[places, 3]``."""
    t = 2 * places - 1
    return torch.stack([torch.ones_like(t), t, (3 * t * t - 1) / 2], 1)
