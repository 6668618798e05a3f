"""The values that each column of one row may take, and which changed rows keep to the constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid._core import InputSpec
from pellucid.errors import InputError, MethodError
from pellucid.inputs import MISSING, TabularSpec
from pellucid.rules._recourse._codes import Codes, Numbers
from pellucid.rules._recourse._constraints import Constraints, Limit

VALUES = 12  # values tried for each number, spread like the real rows
WIDEST = 500  # columns that are free to change; all their single changes are asked about


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """What one row may become.

    Args:
        codes: the way from arrays to rows.
        limits: for each column.
        links: ``(when, then, direction, least)`` by column number.
        low, high: ``[C]``, the range of new numbers.
        most: most columns that change.
    """

    codes: Codes
    limits: tuple[Limit, ...]
    links: tuple[tuple[int, int, int, float], ...]
    low: Numbers
    high: Numbers
    most: int

    def options(self, now: Numbers, pool: Sequence[Numbers]) -> tuple[Numbers, ...]:
        """New values of each column of a row, without its own."""
        return tuple(self._values(k, float(now[k]), pool[k]) for k in range(len(now)))

    def _values(self, k: int, now: float, pool: Numbers) -> Numbers:
        limit, column = self.limits[k], self.codes.columns[k]
        if limit.immutable or now != now:
            return np.empty(0)
        if column.levels:
            return self._levels(k, now)
        tried = np.unique(self.snapped(k, now, pool))
        return tried[self._within(k, now, tried)]

    def _levels(self, k: int, now: float) -> Numbers:
        limit, levels = self.limits[k], self.codes.columns[k].levels
        order = limit.levels or levels
        own = levels[int(now)]
        if own == MISSING:  # nobody can be advised to know something about himself
            return np.empty(0)
        place = {level: i for i, level in enumerate(order)}
        reached = [level for level in order if level not in (own, MISSING)]
        if limit.direction:
            if own not in place:
                return np.empty(0)
            reached = [level for level in reached if (place[level] - place[own]) * limit.direction > 0]
        return np.array([levels.index(level) for level in reached], dtype=np.float64)

    def _within(self, k: int, now: float, values: Numbers) -> NDArray[np.bool_]:
        way = self.limits[k].direction
        inside = (values >= self.low[k]) & (values <= self.high[k]) & (values != now)
        return inside & ((values - now) * way > 0) if way else inside

    def snapped(self, k: int, now: float, values: Numbers) -> Numbers:
        """Numbers as short as advice should be, on the column's steps, within its range."""
        clipped = np.clip(values, self.low[k], self.high[k])
        step = self.limits[k].step
        if step is not None:
            return np.round(now + np.trunc((clipped - now) / step + 1e-9) * step, 9)
        return self.codes.rounded(k, clipped)

    def allowed(self, now: Numbers, rows: Numbers) -> NDArray[np.bool_]:
        """Which changed rows ``[M, C]`` keep to everything that is asked, links included."""
        changed = changed_columns(now, rows)
        fine = changed.sum(1) <= self.most
        for k in range(len(now)):
            here = changed[:, k]
            if not here.any():
                continue
            if self.limits[k].immutable or now[k] != now[k]:
                fine &= ~here
            elif self.codes.levels[k]:
                fine &= ~here | np.isin(rows[:, k], self._levels(k, float(now[k])))
            else:
                fine &= ~here | (
                    self._within(k, float(now[k]), rows[:, k])
                    & np.isclose(rows[:, k], self.snapped(k, float(now[k]), rows[:, k]), rtol=0, atol=1e-9)
                )
        return fine & (self.missing_links(now, rows) < 0)

    def missing_links(self, now: Numbers, rows: Numbers) -> NDArray[np.int64]:
        """The column that must change as well in each row, -1 where none must."""
        changed = changed_columns(now, rows)
        found = np.full(len(rows), -1, dtype=np.int64)
        for when, then, way, least in self.links:
            by = rows[:, then] - now[then]
            met = changed[:, then] & ((by * way if way else np.abs(by)) >= max(least, 1e-12) - 1e-9)
            if self.codes.levels[then] and not way:
                met = changed[:, then]
            found = np.where(changed[:, when] & ~met, then, found)
        return found


def changed_columns(now: Numbers, rows: Numbers) -> NDArray[np.bool_]:
    """Which columns of rows ``[M, C]`` differ from one row."""
    return (rows != now) & ~(np.isnan(rows) & np.isnan(now))


def table_of(spec: InputSpec) -> TabularSpec:
    """The table that changes are made in; what else a network reads has no columns to change."""
    if not isinstance(spec, TabularSpec):
        raise InputError(
            f"Counterfactuals change the columns of a table, and this network reads {spec.reads}. Look at "
            "the nearest real inputs with another answer: pellucid.nearest."
        )
    return spec


def refuse_wide(constraints: Constraints) -> None:
    """Say what to do where more columns are free than can be searched, before anything dear is done.

    Raises:
        MethodError: where more than 500 columns are free to change.
    """
    free = sum(not limit.immutable for limit in constraints.limits)
    if free > WIDEST:
        raise MethodError(
            f"{free:,} columns are free to change, and changes of up to {WIDEST} can be searched. Name "
            "those that matter with actionable=."
        )


def moves_of(codes: Codes, constraints: Constraints, most: int) -> Moves:
    """What rows may become under constraints that were made whole."""
    refuse_wide(constraints)
    names = [column.name for column in codes.columns]
    links = tuple(
        (names.index(link.when), names.index(link.then), link.direction, link.least)
        for link in constraints.links
    )
    low, high = np.empty(len(names)), np.empty(len(names))
    for k, (column, limit) in enumerate(zip(codes.columns, constraints.limits, strict=True)):
        least = limit.low if limit.low is not None else column.low
        greatest = limit.high if limit.high is not None else column.high
        low[k] = -np.inf if least is None else least
        high[k] = np.inf if greatest is None else greatest
        if low[k] > high[k]:
            raise InputError(
                f"{column.name}: no value is from {low[k]:g} to {high[k]:g}; training had {column.low:g} to "
                f"{column.high:g}. Give both low and high to go beyond it."
            )
    return Moves(codes, constraints.limits, links, low, high, min(most, constraints.most or most))


def pool_of(codes: Codes, real: Numbers) -> tuple[Numbers, ...]:
    """Values of each number among real rows, as many as are tried."""
    found: list[Numbers] = []
    for k in range(len(codes.columns)):
        known = real[:, k][~np.isnan(real[:, k])]
        if codes.levels[k] or not len(known):
            found.append(np.empty(0))
            continue
        each = np.unique(known)
        if len(each) > 2 * VALUES:
            each = np.unique(np.quantile(known, np.linspace(0, 1, VALUES), method="nearest"))
        found.append(each)
    return tuple(found)
