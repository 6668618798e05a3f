"""The best of each of many units, joined with what comes later; of equal values the earlier one is first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32 | np.float64]
Whole = NDArray[np.int64]
SHARE = 4  # offers to a unit that are joined at once, in units of k: tables stay small where one has many
TOGETHER = 1024  # units that are joined at once: their tables stay in the cache
LOW = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """Candidates ``[n]``: whose, their values, rows and places; of equal values the earlier row first."""

    units: Whole
    values: Numbers
    rows: Whole
    places: Whole

    @classmethod
    def together(cls, offers: Sequence[Offers]) -> Offers:
        """Several one after the other."""
        return cls(
            np.concatenate([offer.units for offer in offers]),
            np.concatenate([offer.values for offer in offers]),
            np.concatenate([offer.rows for offer in offers]),
            np.concatenate([offer.places for offer in offers]),
        )

    def of(self, some: Whole | slice) -> Offers:
        """Some of them."""
        return Offers(self.units[some], self.values[some], self.rows[some], self.places[some])


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


def _ordered(values: Numbers) -> Whole:
    """Whole numbers in the order of floats, below 2³¹ for short ones; NaN of any sign is the largest."""
    whole, most, nan = (
        (np.int32, 0x7FFFFFFF, 0x7FC00000)
        if values.dtype == np.float32
        else (np.int64, 0x7FFFFFFFFFFFFFFF, 0x7FF8000000000000)
    )
    # a float's bits, read as a whole number, keep its order, or turn it below zero
    bits = (values + values.dtype.type(0)).view(whole)
    bits = np.where(np.isnan(values), whole(nan), bits)
    return np.where(bits < 0, bits ^ whole(most), bits).astype(np.int64)


def first(values: Numbers, k: int) -> Whole:
    """Columns of the ``k`` largest of each row, largest first; of equal ones the earlier column.

    Example:
        >>> first(np.array([[1.0, 3.0, 3.0, 2.0]]), 3).tolist()
        [[1, 2, 3]]
    """
    count, ordered = values.shape[1], _ordered(values)
    if values.dtype != np.float32:
        return (~ordered).argsort(axis=1, kind="stable")[:, :k]
    # the column in the lower half parts equal ones
    key = ordered << 32 | np.arange(count - 1, -1, -1)
    key.sort(axis=1)
    return count - 1 - (key[:, : -k - 1 : -1] & LOW)


def joined(best: Best, offers: Offers, k: int) -> Best:
    """The best, exchanged in place, with what is offered besides; less than ``k`` are offered by every unit.

    Example:
        >>> zero, one = np.zeros(2, np.int64), np.arange(2)
        >>> joined(Best.none(1), Offers(zero, np.array([1.0, 2.0]), one, zero), 1).rows.tolist()
        [[1]]
    """
    if not len(offers.units):
        return best
    total = len(best.rows)
    # numbers below 2¹⁶ are sorted without comparing them
    order = offers.units.astype(np.uint16 if total <= 2**16 else np.int64).argsort(kind="stable")
    offers = offers.of(order)
    begins = np.arange(0, total, TOGETHER)
    places = np.searchsorted(offers.units, np.append(begins, total))
    return Best.together(
        [
            _in_turn(best.of(slice(begin, begin + TOGETHER)), offers.of(slice(*ends)), int(begin), k)
            for begin, ends in zip(begins, pairwise(places.tolist()), strict=True)
        ]
    )


def _in_turn(best: Best, offers: Offers, begin: int, k: int) -> Best:
    """As :func:`joined` for units counted from ``begin``, whose offers come one after the other."""
    if not len(offers.units):
        return best
    unit = offers.units - begin
    count = np.bincount(unit, minlength=len(best.rows))
    turn = np.arange(len(unit)) - (count.cumsum() - count)[unit]
    most, width = int(count.max()), SHARE * k
    for start in range(0, most, width):
        if most <= width:
            return _joined(best, offers, unit, turn, k)
        part = np.flatnonzero((turn >= start) & (turn < start + width))
        best = _joined(best, offers.of(part), unit[part], turn[part] - start, k)
    return best


def _joined(best: Best, offers: Offers, unit: Whole, turn: Whole, k: int) -> Best:
    """As :func:`_in_turn`, with the number of each offer's ``unit``, and of it among those of its unit."""
    total, kept = best.rows.shape
    count = np.bincount(unit, minlength=total)
    who = np.flatnonzero(count)
    shape = len(who), kept + int(turn.max()) + 1
    # where nothing was offered stands -inf, behind any real one
    values = np.full(shape, -np.inf, offers.values.dtype)
    values[:, :kept] = best.values[who]
    values[((count > 0).cumsum() - 1)[unit], kept + turn] = offers.values
    column, line = first(values, min(k, shape[1])), np.arange(len(who))[:, None]
    # which of those known, one unit after the other, and of those offered behind them
    start = len(who) * kept + (count.cumsum() - count)[who][:, None]
    index = np.where(column < kept, line * kept + column, start + column - kept)
    rows = np.concatenate([best.rows[who].ravel(), offers.rows])[index]
    places = np.concatenate([best.places[who].ravel(), offers.places])[index]
    if len(who) == total:
        return Best(values[line, column], rows, places)
    best.values[who], best.rows[who], best.places[who] = values[line, column], rows, places
    return best
