"""From raw rows to what a network takes, with a state for what is missing and one for what is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError, near_misses
from pellucid.inputs import MISSING, OTHER, Column, TabularSpec
from pellucid.inputs._column import level_of
from pellucid.readable._rows import Numbers, RawRows, Texts, Values

LEVELS = 50  # most levels of a category that keep their own name; the rarer ones share "(other)"
RARE = 3  # a level seen in fewer training rows has no name of its own

Direction = Literal[0, 1, -1]


@dataclass(frozen=True, slots=True)
class Said:
    """What the user says about columns; everything else is read from the training rows.

    Args:
        categorical: names of columns (or, for arrays, their numbers) whose values are names, not amounts.
        monotone: 1 or -1 by column, where more can only raise or lower the answer.
        units: unit of numbers by column.
        immutable: columns that nobody can change.
    """

    categorical: Sequence[str | int] = ()
    monotone: Mapping[str | int, int] | None = None
    units: Mapping[str | int, str] | None = None
    immutable: Sequence[str | int] = ()

    def by_name(self, names: Sequence[str]) -> dict[str, _About]:
        """What is said of each column.

        Raises:
            InputError: if a name or number is no column, or a direction is none.
        """
        categorical = {_name(c, names, "categorical") for c in self.categorical}
        fixed = {_name(c, names, "immutable") for c in self.immutable}
        units = {_name(c, names, "units"): unit for c, unit in (self.units or {}).items()}
        directions = self._directions(names)
        wrong = next((c for c, sign in directions.items() if sign not in (-1, 0, 1)), None)
        if wrong is not None:
            raise InputError(f"monotone: {wrong!r} must be 1, 0 or -1, got {directions[wrong]!r}.")
        both = sorted(c for c in categorical if directions.get(c))
        if both:
            raise InputError(
                f"monotone: {both[0]!r} is categorical, and names have no more or less. Leave it out of one."
            )
        return {
            name: _About(
                name in categorical,
                cast("Direction", directions.get(name, 0)),
                units.get(name, ""),
                name in fixed,
            )
            for name in names
        }

    def _directions(self, names: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for column, sign in (self.monotone or {}).items():
            name = _name(column, names, "monotone")
            if found.setdefault(name, sign) != sign:
                raise InputError(
                    f"monotone: {name!r} is declared twice, by name and by number, as {found[name]!r} and as "
                    f"{sign!r}. Leave one out."
                )
        return found


@dataclass(frozen=True, slots=True)
class _About:
    categorical: bool
    monotone: Direction
    unit: str
    immutable: bool


def said_by(data: Dataset) -> Said:
    """What the columns of a data set already say."""
    columns = cast("TabularSpec", data.spec).columns
    return Said(
        [c.name for c in columns if c.levels],
        {c.name: c.monotone for c in columns if c.monotone},
        {c.name: c.unit for c in columns if c.unit},
        [c.name for c in columns if c.immutable],
    )


def fit_spec(rows: RawRows, said: Said) -> TabularSpec:
    """Columns with their moments, medians and levels. Every number has a slot that says that it is missing,
    every category the levels ``"(missing)"`` and ``"(other)"``, whether or not training had such rows."""
    about = said.by_name(rows.names)
    fitted = [_fit(n, c, about[n]) for n, c in zip(rows.names, rows.columns, strict=True)]
    return TabularSpec(tuple(fitted))


def encode(rows: RawRows, spec: TabularSpec) -> Tensor:
    """Encoded rows float32 ``[N, D]``; ``rows`` has the columns of ``spec`` in their order.

    The same numbers as ``spec.encode_columns``, a column at a time.

    Raises:
        InputError: if a number was expected and a text came.
    """
    out = np.zeros((len(rows), spec.width), dtype=np.float32)
    start = 0
    for column, values in zip(spec.columns, rows.columns, strict=True):
        part = out[:, start : start + column.width]
        (_put_levels if column.levels else _put_numbers)(column, values, part)
        start += column.width
    return torch.from_numpy(out)


def _name(column: str | int, names: Sequence[str], what: str) -> str:
    if isinstance(column, str):
        if column not in names:
            raise InputError(f"{what} names {column!r}, which is no column. {near_misses(column, names)}")
        return column
    if not 0 <= column < len(names):
        raise InputError(f"{what} names column {column}; there are columns 0 to {len(names) - 1}.")
    return names[column]


def _fit(name: str, values: Values, about: _About) -> Column:
    texts = values.dtype == object
    if texts and about.monotone:
        raise InputError(f"monotone: {name!r} holds names, which have no more or less.")
    if texts or about.categorical:
        return _fit_category(name, _as_texts(values), about)
    return _fit_number(name, cast("Numbers", values), about)


def _fit_number(name: str, values: Numbers, about: _About) -> Column:
    seen = values[~np.isnan(values)]
    if not len(seen):  # nothing known: a state of its own is all that such a column has
        seen = np.zeros(1)
    with np.errstate(over="ignore"):
        spread = float(seen.std())
    if not np.isfinite(spread):
        raise InputError(
            f"{name}: its numbers are too large to compute with (up to {np.abs(seen).max():.3g})."
        )
    return Column(
        name,
        unit=about.unit,
        mean=float(seen.mean()),
        std=spread if spread > 1e-12 * max(1.0, float(np.abs(seen).max())) else 1.0,
        immutable=about.immutable,
        monotone=about.monotone,
        low=float(seen.min()),
        high=float(seen.max()),
        missing=True,
        integer=bool((seen == np.round(seen)).all()),
        median=float(np.median(seen)),
    )


def _fit_category(name: str, values: Texts, about: _About) -> Column:
    counts = Counter(MISSING if text is None else str(text) for text in values)
    named = [level for level in counts if level not in (MISSING, OTHER)]
    common = sorted(named, key=lambda level: (-counts[level], level))[:LEVELS]
    kept = _in_order([level for level in common if counts[level] >= RARE] or common)
    levels = [*kept, MISSING, OTHER]
    shares = [counts[level] / len(values) for level in kept]
    gone = counts[MISSING] / len(values)
    return Column(
        name,
        levels=tuple(levels),
        immutable=about.immutable,
        shares=(*shares, gone, max(0.0, 1 - gone - sum(shares))),
    )


def _in_order(levels: Sequence[str]) -> list[str]:
    try:
        return sorted(levels, key=float)
    except ValueError:
        return sorted(levels)


def _as_texts(values: Values) -> Texts:
    if values.dtype == object:
        return cast("Texts", values)
    return np.array([None if v != v else level_of(v) for v in cast("Numbers", values).tolist()], dtype=object)


def _put_levels(column: Column, values: Values, out: NDArray[np.float32]) -> None:
    place = {level: k for k, level in enumerate(column.levels)}
    other = place.get(OTHER)
    texts = [MISSING if text is None else text for text in _as_texts(values)]
    if other is None:
        out[:] = column.encode(texts)
        return
    index = [place.get(text, other) for text in texts]
    out[np.arange(len(index)), index] = 1


def _put_numbers(column: Column, values: Values, out: NDArray[np.float32]) -> None:
    if values.dtype == object:
        out[:] = column.encode(list(values))  # says which value is no number
        return
    numbers = cast("Numbers", values)
    gone = np.isnan(numbers)
    if not column.missing:
        out[:] = column.encode(list(numbers))
        return
    fill = column.mean if column.median is None else column.median
    out[:, 0] = column.slot(np.where(gone, fill, numbers))
    out[:, 1] = gone
