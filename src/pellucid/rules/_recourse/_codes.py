"""Rows as arrays: a number in its unit, a category by the number of its level, NaN for a missing number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.inputs import Column, TabularSpec

Numbers = NDArray[np.float64]
DIGITS = 3  # significant digits of a column's spread that a changed number may need
MEMORY = 2**22  # distances held at once


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """The way from encoded rows to arrays ``[N, C]`` and back, column by column and never by row.

    Args:
        spec: what the rows mean.
        spread: ``[C]``, the usual range of each number (10th to 90th percentile of the real rows); 1 for
            categories.
        digits: ``[C]``, decimals that a number is rounded to.
        levels: bool ``[C]``, which columns are categories.
    """

    spec: TabularSpec
    spread: Numbers
    digits: NDArray[np.int64]
    levels: NDArray[np.bool_]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return self.spec.columns

    def read(self, x: Tensor) -> Numbers:
        """Arrays ``[N, C]`` of encoded rows."""
        return read(self.spec, x)

    def encode(self, rows: Numbers) -> Tensor:
        """Encoded rows float32 ``[N, D]``, equal to what ``spec.encode`` gives for the raw values."""
        return torch.from_numpy(
            np.concatenate([_encode(column, rows[:, k]) for k, column in enumerate(self.columns)], axis=1)
        )

    def raw(self, k: int, value: float) -> object:
        """One value as people give it."""
        column = self.columns[k]
        if column.levels:
            return column.levels[int(value)]
        if value != value:
            return None
        return int(value) if column.integer else float(value)

    def rounded(self, k: int, values: Numbers) -> Numbers:
        """Numbers as short as advice should be: whole where the column is, else three significant digits."""
        if self.levels[k]:
            return values
        return np.round(values, 0 if self.columns[k].integer else int(self.digits[k])) + 0.0

    def steps(self, first: Numbers, second: Numbers) -> Numbers:
        """Distance of each column between rows that broadcast ``[…, C]``, in usual ranges.

        Another category, or a number that only one of them has, counts 1.
        """
        gone = np.isnan(first) != np.isnan(second)
        apart = np.abs(first - second) / self.spread
        apart = np.where(np.isnan(apart), 0.0, apart)
        return np.where(self.levels, (first != second).astype(np.float64), np.where(gone, 1.0, apart))

    def distances(self, first: Numbers, second: Numbers) -> Numbers:
        """Sum of :meth:`steps` over columns for all pairs: ``[N, M]``."""
        found = np.zeros((len(first), len(second)))
        size = max(1, MEMORY // max(1, len(second)))
        for start in range(0, len(first), size):
            some = slice(start, start + size)
            for k in range(len(self.columns)):
                found[some] += self.one_column(k, first[some, k], second[:, k])
        return found

    def one_column(self, k: int, first: Numbers, second: Numbers) -> Numbers:
        """Distances ``[N, M]`` in one column of values ``[N]`` and ``[M]``."""
        if self.levels[k]:
            return (first[:, None] != second[None]).astype(np.float64)
        apart = np.abs(first[:, None] - second[None]) / self.spread[k]
        if self.columns[k].missing:
            gone = np.isnan(first)[:, None] != np.isnan(second)[None]
            apart = np.where(gone, 1.0, np.where(np.isnan(apart), 0.0, apart))
        return apart


def codes_of(spec: TabularSpec, real: Numbers) -> Codes:
    """The way there and back, with ranges taken from real rows."""
    spread = np.array([_spread(column, real[:, k]) for k, column in enumerate(spec.columns)])
    digits = DIGITS - 1 - np.floor(np.log10(spread)).astype(np.int64)
    levels = np.array([bool(column.levels) for column in spec.columns])
    return Codes(spec, spread, digits, levels)


def read(spec: TabularSpec, x: Tensor) -> Numbers:
    """Arrays ``[N, C]`` of encoded rows."""
    still = x.detach().cpu()
    still = still if still.dtype in (torch.float32, torch.float64) else still.float()
    parts = still.split([column.width for column in spec.columns], dim=1)
    return np.stack([_read(c, part) for c, part in zip(spec.columns, parts, strict=True)], axis=1)


def _read(column: Column, slots: Tensor) -> Numbers:
    if column.levels:
        return slots.argmax(1).double().numpy()
    values = column.decode(slots.numpy())
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _encode(column: Column, values: Numbers) -> NDArray[np.float32]:
    if column.levels:
        return np.eye(len(column.levels), dtype=np.float32)[values.astype(np.int64)]
    gone = np.isnan(values)
    fill = column.mean if column.median is None else column.median
    slot = column.slot(np.where(gone, fill, values))
    return np.stack([slot, gone.astype(np.float32)], 1) if column.missing else slot[:, None]


def _spread(column: Column, values: Numbers) -> float:
    known = values[~np.isnan(values)]
    if column.levels or not len(known):
        return 1.0
    low, high = np.quantile(known, (0.1, 0.9))
    return float(high - low) or float(known.std()) or float(column.std)
