"""The best of each of many units, joined with what comes later; of equal values the earlier one is first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32 | np.float64]
Whole = NDArray[np.int64]
SHARE = 4  # offers to a unit that are joined at once, in units of k: tables stay small where one has many
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

    def of(self, some: NDArray[np.bool_] | Whole) -> Offers:
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
    count = np.bincount(offers.units, minlength=total)
    turn = np.arange(len(order)) - (count.cumsum() - count)[offers.units]
    most, width = int(count.max()), SHARE * k
    for begin in range(0, most, width):
        if most <= width:
            return _joined(best, offers, turn, k)
        part = (turn >= begin) & (turn < begin + width)
        best = _joined(best, offers.of(part), turn[part] - begin, k)
    return best


def _joined(best: Best, offers: Offers, turn: Whole, k: int) -> Best:
    """As :func:`joined`, where each unit's offers come one after the other and ``turn`` numbers them."""
    total, kept = best.rows.shape
    offered = np.bincount(offers.units, minlength=total) > 0
    who = np.flatnonzero(offered)
    place = (offered.cumsum() - 1)[offers.units], kept + turn
    shape = len(who), kept + int(turn.max()) + 1

    def beside(known: Whole, found: Whole) -> Whole:
        made = np.zeros(shape, np.int64)
        made[:, :kept] = known[who]
        made[place] = found
        return made

    # where nothing was offered stands -inf, behind any real one
    values = np.full(shape, -np.inf, offers.values.dtype)
    values[:, :kept] = best.values[who]
    values[place] = offers.values
    chosen = np.arange(len(who))[:, None], first(values, min(k, shape[1]))
    rows, places = beside(best.rows, offers.rows)[chosen], beside(best.places, offers.places)[chosen]
    if len(who) == total:
        return Best(values[chosen], rows, places)
    best.values[who], best.rows[who], best.places[who] = values[chosen], rows, places
    return best
