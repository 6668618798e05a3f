"""The best of each of many units, joined with what comes later; of equal values the earlier one is first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32 | np.float64]
Whole = NDArray[np.int64]
SHARE = 4  # offers to a unit that are joined at once, in units of k: tables stay small where one has many,
MEAN = 2  # or so many times as many as all have on average
TOGETHER = 1024  # units that are joined at once: their tables stay in the cache
LOW, LAST = 0xFFFFFFFF, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """Candidates of units, to layers that are offered the same rows; of equal values the earlier row first.

    Args:
        units, rows: ``[n]``, whose they are, and which.
        values, places: by layer, largest first; one of fewer units than the first has the offers to these.
    """

    units: Whole
    rows: Whole
    values: Sequence[Numbers]
    places: Sequence[Whole]


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """Values, rows and places ``[units, k]``, strongest first."""

    values: Numbers
    rows: Whole
    places: Whole

    @classmethod
    def none(cls, units: int) -> Best:
        """Nothing yet."""
        nothing = np.empty((units, 0), np.int64)
        return cls(np.empty((units, 0), np.float32), nothing, nothing)

    @classmethod
    def together(cls, parts: Sequence[Best]) -> Best:
        """Those of some units and of the next."""
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.places for part in parts]),
        )

    def of(self, units: slice) -> Best:
        """Those of some units."""
        return Best(self.values[units], self.rows[units], self.places[units])


class _Table(NamedTuple):
    """Where some offers, one unit after the other, stand in a table: a line for each unit with any."""

    some: Whole | slice  # which of the offers
    who: Whole | slice  # units of the lines
    line: Whole  # of each offer
    turn: Whole  # of each offer among those of its line
    most: int  # offers of a line
    lines: int


def _ordered(values: Numbers) -> Whole:
    """Whole numbers in the order of floats, below 2³¹ for short ones; NaN of any sign is the largest."""
    whole, most, nan = (
        (np.int32, 0x7FFFFFFF, 0x7FC00000)
        if values.dtype == np.float32
        else (np.int64, 0x7FFFFFFFFFFFFFFF, 0x7FF8000000000000)
    )
    # a float's bits, read as a whole number, keep its order, or turn it below zero; there is one zero only
    bits = (values + values.dtype.type(0)).view(whole)
    bits ^= (bits >> (values.itemsize * 8 - 1)) & whole(most)
    odd = np.isnan(values)
    if odd.any():
        bits[odd] = nan
    return bits.astype(np.int64)


def _keys(values: Numbers) -> Whole:
    """Whole numbers that rise as the values ``[n]`` fall, of equal ones with their places, which are the
    lower half."""
    falling = ~_ordered(values)
    if values.dtype != np.float32:
        rank = np.empty_like(falling)
        rank[falling.argsort(kind="stable")] = np.arange(len(falling))
        falling = rank
    return falling << 32 | np.arange(len(values))


def first(values: Numbers, k: int) -> Whole:
    """Columns of the ``k`` largest of each row, largest first; of equal ones the earlier column.

    Example:
        >>> first(np.array([[1.0, 3.0, 3.0, 2.0]]), 3).tolist()
        [[1, 2, 3]]
    """
    rows, count = values.shape
    keys = _keys(values.ravel()).reshape(rows, count)
    keys.sort(axis=1)
    return (keys[:, :k] & LOW) - np.arange(rows)[:, None] * count


def joined(best: Sequence[Best], offers: Offers, k: int) -> list[Best]:
    """The best of each layer, exchanged in place, with what is offered; less than ``k`` are offered by all.

    Example:
        >>> zero, one = np.zeros(2, np.int64), np.arange(2)
        >>> offers = Offers(zero, one, [np.array([1.0, 2.0])], [zero])
        >>> joined([Best.none(1)], offers, 1)[0].rows.tolist()
        [[1]]
    """
    if not len(offers.units):
        return list(best)
    totals = [len(each.rows) for each in best]
    # numbers below 2¹⁶ are sorted without comparing them
    order = offers.units.astype(np.uint16 if totals[0] <= 2**16 else np.int64).argsort(kind="stable")
    units, rows = offers.units[order], offers.rows[order]
    # a layer of fewer units has the first of these offers
    values = [each[order[: len(each)]] for each in offers.values]
    places = [each[order[: len(each)]] for each in offers.places]
    begins = sorted({*range(0, totals[0], TOGETHER), *totals})
    parts: list[list[Best]] = [[] for _ in best]
    for (begin, end), ends in zip(pairwise(begins), pairwise(np.searchsorted(units, begins)), strict=True):
        here = slice(*ends)
        tables = _tables(units[here] - begin, end - begin, k)
        for each, total in enumerate(totals):
            if begin >= total:
                break
            part = best[each].of(slice(begin, end))
            for table in tables:
                part = _joined(part, table, rows[here], values[each][here], places[each][here], k)
            parts[each].append(part)
    return [Best.together(part) for part in parts]


def _tables(unit: Whole, total: int, k: int) -> list[_Table]:
    """For offers to units that come one after the other; several tables where one unit has many."""
    count = np.bincount(unit, minlength=total)
    turn = np.arange(len(unit)) - (count.cumsum() - count)[unit]
    most, width = int(count.max()), max(SHARE * k, MEAN * len(unit) // total)
    if most <= width:
        return [_table(slice(None), unit, turn, count)] if most else []
    starts = range(0, most, width)
    parts = [np.flatnonzero((turn >= start) & (turn < start + width)) for start in starts]
    return [
        _table(part, unit[part], turn[part] - start, np.bincount(unit[part], minlength=total))
        for start, part in zip(starts, parts, strict=True)
    ]


def _table(some: Whole | slice, unit: Whole, turn: Whole, count: Whole) -> _Table:
    """Of so many offers to each unit."""
    offered = count > 0
    who = slice(None) if offered.all() else np.flatnonzero(offered)
    return _Table(some, who, (offered.cumsum() - 1)[unit], turn, int(count.max()), int(offered.sum()))


def _joined(best: Best, table: _Table, rows: Whole, values: Numbers, places: Whole, k: int) -> Best:
    """As :func:`joined` for one layer and one table."""
    total, kept = best.rows.shape
    who, some = table.who, table.some
    # those known, one unit after the other, and those offered behind them
    known = np.concatenate([best.values[who].ravel(), values[some]])
    keys, lines = _keys(known), table.lines
    wide = kept + table.most
    lined = np.full(lines * wide, LAST)
    lined[table.line * wide + kept + table.turn] = keys[lines * kept :]
    lined = lined.reshape(lines, wide)
    lined[:, :kept] = keys[: lines * kept].reshape(lines, kept)
    lined.sort(axis=1)
    index = lined[:, :k] & LOW
    joint = Best(
        known.take(index),
        np.concatenate([best.rows[who].ravel(), rows[some]]).take(index),
        np.concatenate([best.places[who].ravel(), places[some]]).take(index),
    )
    if lines == total:
        return joint
    best.values[who], best.rows[who], best.places[who] = joint.values, joint.rows, joint.places
    return best
