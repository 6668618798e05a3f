"""Tables: columns with units, categories and limits, and how a row becomes a network's input and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import torch
from torch import Tensor

from pellucid._core import InputSpec, finite
from pellucid.errors import InputError, near_misses
from pellucid.inputs._column import MISSING, OTHER, Column

__all__ = ["MISSING", "OTHER", "Column", "TabularSpec"]

WIDE = 200  # columns beyond which a table is wide: some are chosen to be read, shuffled or exchanged
FAR = 10  # times the training range: further out, numbers were not standardised


@final
@dataclass(frozen=True, slots=True, eq=False)
class TabularSpec(InputSpec):
    """What a row of a table means, slot by slot.

    Args:
        columns: in the order of the input; each is one removable part with all its slots.
        background: encoded training rows ``[B, D]``.
        absence: what stands in the place of a column taken away: ``"mean"`` the training mean (for categories
            the share of each level), ``"median"`` the training median (the commonest level), or
            ``"background"`` the background row nearest to the centre of all, which is a real row.

    Raises:
        InputError: if names repeat or ``background`` does not fit.

    Example:
        >>> age = Column("age", "years", mean=40, std=10)
        >>> spec = TabularSpec((age, Column("housing", levels=("own", "rent"))))
        >>> spec.encode([{"age": 50, "housing": "rent"}]).tolist()
        [[1.0, 0.0, 1.0]]
        >>> spec.describe(torch.tensor([1.0, 0.0, 1.0]))
        [('age', '50 years'), ('housing', 'rent')]
    """

    columns: tuple[Column, ...]
    background: Tensor | None = None
    absence: Literal["mean", "median", "background"] = "mean"

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        several = (self.columns,) if isinstance(self.columns, Column) else tuple(self.columns)
        object.__setattr__(self, "columns", several)  # a list is welcome, a value stays frozen
        strange = next((one for one in several if not isinstance(one, Column)), None)
        if strange is not None:
            raise InputError(f"columns: expected Column values, such as Column('age'), got {strange!r}.")
        names = [column.name for column in several]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            got = f"{', '.join(twice)} twice" if twice else "none"
            raise InputError(f"A table needs columns with different names, got {got}.")
        known = ("mean", "median", "background")
        if self.absence not in known:
            raise InputError(
                f"TabularSpec: absence={self.absence!r} is not known. {near_misses(self.absence, known)}"
            )
        if self.background is not None:
            self._check_shape(self.background, "Background rows")
        elif self.absence == "background":
            raise InputError("TabularSpec: absence='background' needs background rows [B, D].")

    @property
    def reads(self) -> str:
        """What a network with such inputs reads, in words."""
        return "rows of a table"

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of one row."""
        return ("D",)

    @property
    def width(self) -> int:
        """Number of slots D."""
        return sum(column.width for column in self.columns)

    @property
    def slots(self) -> tuple[str, ...]:
        """Name of each slot."""
        return tuple(slot for column in self.columns for slot in column.slots)

    @property
    def column_of_slot(self) -> tuple[int, ...]:
        """Index of the column that each slot belongs to."""
        return tuple(k for k, column in enumerate(self.columns) for _ in range(column.width))

    def column(self, name: str) -> Column:
        """The column of a name.

        Raises:
            InputError: if there is none, with near misses.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise InputError(f"No column is called {name!r}. {near_misses(name, [c.name for c in self.columns])}")

    def check(self, x: Tensor) -> None:
        """Raise :class:`InputError` unless ``x`` holds encoded rows of this table."""
        self._check_shape(x, "Rows")
        if not x.is_floating_point():
            raise InputError(
                f"Expected floating rows, got {x.dtype}. Encode raw values with spec.encode(rows)."
            )
        if not len(x):
            raise InputError(f"Expected at least one row, got {list(x.shape)}.")
        finite(x, "Rows")
        for column, slots in zip(self.columns, self._by_column(x.detach().double()), strict=True):
            _check_column(column, slots)

    def _check_shape(self, x: Tensor, what: str) -> None:
        if x.ndim == 2 and x.shape[1] == self.width:
            return
        hint = ""
        if x.ndim == 1 and len(x) == self.width:
            hint = " Add the row axis: x[None]."
        elif x.ndim == 2 and x.shape[1] == len(self.columns):
            hint = " These look like raw columns: encode them with spec.encode(rows)."
        raise InputError(
            f"{what}: expected [N, {self.width}] ({len(self.columns)} columns in {self.width} slots), "
            f"got {list(x.shape)}.{hint}"
        )

    def _by_column(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.split([column.width for column in self.columns], dim=1)

    def groups(self, x: Tensor) -> Tensor:
        """Index of the column of each slot: int64 ``[D]``."""
        return torch.tensor(self.column_of_slot, device=x.device)

    def group_names(self, x: Tensor) -> tuple[str, ...]:
        """Name of each column."""
        return tuple(column.name for column in self.columns)

    def absent(self, x: Tensor) -> Tensor:
        """``x`` with every column taken away, as ``absence`` says; the same for each row."""
        if self.absence == "background" and self.background is not None:
            rows = self.background
            nearest = (rows - rows.mean(0)).square().sum(1).argmin()
            return rows[nearest].to(x).expand_as(x).clone()
        parts = [_typical(column, median=self.absence == "median") for column in self.columns]
        return torch.from_numpy(np.concatenate(parts)).to(x).expand_as(x).clone()

    def encode(self, rows: Sequence[Mapping[str, object]]) -> Tensor:
        """Encoded rows float32 ``[N, D]`` from rows of raw values; keys that are no columns are left aside.

        A missing number takes the training median and sets its own slot; a missing category is a level.

        Raises:
            InputError: if a column is not given, or a value is none that training knew.
        """
        for k, row in enumerate(rows):
            absent = next((c.name for c in self.columns if c.name not in row), None)
            if absent is not None:
                raise InputError(f"Row {k + 1} gives no {absent!r}. {near_misses(absent, map(str, row))}")
        return self.encode_columns({c.name: [row[c.name] for row in rows] for c in self.columns})

    def encode_columns(self, values: Mapping[str, Sequence[object]]) -> Tensor:
        """As :meth:`encode`, from one sequence of raw values per column."""
        return torch.from_numpy(np.concatenate([c.encode(values[c.name]) for c in self.columns], axis=1))

    def decode(self, x: Tensor) -> list[dict[str, object]]:
        """Raw values of encoded rows ``[N, D]``, in human units; a missing number is ``None``.

        Of all numbers with exactly these slots the shortest is given; between levels the largest slot wins.
        """
        self._check_shape(x, "Rows")
        parts = [
            c.decode(part.numpy()) for c, part in zip(self.columns, self._by_column(_still(x)), strict=True)
        ]
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)]

    def describe(self, x: Tensor) -> list[tuple[str, str]]:
        """Each column's name with its value and unit, for one encoded row ``[D]`` or ``[1, D]``."""
        rows = self.decode(x[None] if x.ndim == 1 else x)
        if len(rows) != 1:
            raise InputError(f"describe takes one row, got {len(rows)}.")
        return [(column.name, column.text(rows[0][column.name])) for column in self.columns]

    def text(self, x: Tensor) -> str:
        """One encoded row in words: ``"age = 50 years, housing = rent"``."""
        return ", ".join(f"{name} = {value}" for name, value in self.describe(x))


def _still(x: Tensor) -> Tensor:
    x = x.detach().cpu()
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def _typical(column: Column, *, median: bool) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    slots = np.zeros(column.width, dtype=np.float32)
    if not column.levels:
        value = column.median if median and column.median is not None else column.mean
        slots[0] = column.slot(np.array(value, dtype=np.float64))
        return slots
    shares = np.array(column.shares or [1 / len(column.levels)] * len(column.levels), dtype=np.float32)
    if not median:
        return shares
    slots[shares.argmax()] = 1
    return slots


def _check_column(column: Column, slots: Tensor) -> None:
    if column.levels:
        wrong = (slots.sum(1) - 1).abs().gt(1e-3) | slots.lt(-1e-3).any(1)
        if bool(wrong.any()):
            row = int(wrong.int().argmax())
            got = [round(v, 3) for v in slots[row].tolist()]
            raise InputError(
                f"{column.name}: the {len(got)} level slots should add up to 1, got {got} in row {row}. "
                "Encode raw values: spec.encode(rows)."
            )
    elif column.low is not None and column.high is not None:
        low, high = (float(v) * column.std + column.mean for v in torch.aminmax(slots[:, 0]))
        slack = FAR * max(column.high - column.low, column.std)
        if low < column.low - slack or high > column.high + slack:
            raise InputError(
                f"{column.name}: values decode to {low:.4g}..{high:.4g} {column.unit}".rstrip()
                + f", training had {column.low:.4g}..{column.high:.4g}. Raw numbers must be encoded first: "
                "spec.encode(rows)."
            )
