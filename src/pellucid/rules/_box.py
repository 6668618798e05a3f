"""The region that a rule speaks for, column by column, and unions that are exact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pellucid.inputs import MISSING, Column
from pellucid.rules._readable import Feature
from pellucid.rules._rule import GIVEN, Condition

Interval = tuple[float, float]  # above the first, up to and including the second
Levels = tuple[str, ...]
EVERYWHERE: Interval = (-math.inf, math.inf)


def every_level(column: Column) -> Levels:
    """The levels of a column; of a number, whether it is there."""
    return column.levels or (MISSING, GIVEN)


@dataclass(frozen=True, slots=True)
class Box:
    """A region with the answer given there; a column that is not named is free.

    Args:
        answer: class number, or number.
        numbers: interval of each column that is asked for its number, in the order of asking.
        levels: levels of each column that is asked for them.
        order: what is asked, in its order: (column, whether for levels).
    """

    answer: float
    numbers: Mapping[Column, Interval] = field(default_factory=dict[Column, Interval])
    levels: Mapping[Column, Levels] = field(default_factory=dict[Column, Levels])
    order: tuple[tuple[Column, bool], ...] = ()

    def halved(self, feature: Feature, threshold: float, below: bool) -> Box:
        """The part of it on one side of a split."""
        column, order = feature.column, self.order
        asked = (column, feature.level is not None)
        order = order if asked in order else (*order, asked)
        if feature.level is None:
            low, high = self.numbers.get(column, EVERYWHERE)
            side = (low, min(high, threshold)) if below else (max(low, threshold), high)
            return Box(self.answer, {**self.numbers, column: side}, self.levels, order)
        held = self.levels.get(column, every_level(column))
        kept = tuple(level for level in held if (level == feature.level) != below)
        return Box(self.answer, self.numbers, {**self.levels, column: kept}, order)

    def joined(self, other: Box) -> Box | None:
        """The union, where it is a box again and both give the same answer."""
        if self.answer != other.answer:
            return None
        asked = tuple(dict.fromkeys((*self.order, *other.order)))
        apart = [
            (column, of_levels) for column, of_levels in asked if not self._alike(other, column, of_levels)
        ]
        if len(apart) != 1:
            return None
        column, of_levels = apart[0]
        rest = tuple(key for key in asked if key != apart[0])
        if of_levels:
            both = {
                *self.levels.get(column, every_level(column)),
                *other.levels.get(column, every_level(column)),
            }
            kept = tuple(level for level in every_level(column) if level in both)
            free = kept == every_level(column)
            levels = {c: v for c, v in self.levels.items() if c != column} | ({} if free else {column: kept})
            return Box(self.answer, self.numbers, levels, rest if free else asked)
        first, second = sorted((self.numbers.get(column, EVERYWHERE), other.numbers.get(column, EVERYWHERE)))
        if first[1] < second[0]:
            return None
        whole = (first[0], max(first[1], second[1]))
        numbers = {c: v for c, v in self.numbers.items() if c != column}
        numbers |= {} if whole == EVERYWHERE else {column: whole}
        return Box(self.answer, numbers, self.levels, rest if whole == EVERYWHERE else asked)

    def _alike(self, other: Box, column: Column, of_levels: bool) -> bool:
        if of_levels:
            every = every_level(column)
            return self.levels.get(column, every) == other.levels.get(column, every)
        return self.numbers.get(column, EVERYWHERE) == other.numbers.get(column, EVERYWHERE)

    def conditions(self) -> tuple[Condition, ...]:
        """What it asks of a row, in its order."""
        found: list[Condition] = []
        for column, of_levels in self.order:
            if of_levels:
                kept = self.levels[column]
                others = tuple(level for level in every_level(column) if level not in kept)
                found.append(Condition(column.name, "in", kept, "", others))
                continue
            low, high = self.numbers[column]
            found += [Condition(column.name, ">", low, column.unit)] if low > -math.inf else []
            found += [Condition(column.name, "<=", high, column.unit)] if high < math.inf else []
        return tuple(found)


def fewest(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The same answers everywhere with boxes joined while any two can be."""
    left = list(boxes)
    k = 0
    while k < len(left):
        pairs = ((j, left[k].joined(left[j])) for j in range(len(left)) if j != k)
        j, union = next(((j, union) for j, union in pairs if union is not None), (k, None))
        if union is None:
            k += 1
        else:
            left[min(j, k)] = union
            del left[max(j, k)]
            k = 0
    return tuple(left)
