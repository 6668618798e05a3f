"""A table as it was read: names and cells, nothing interpreted yet."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pellucid.errors import InputError

Cell = str | float | None
MARKERS = ("", "na", "n/a", "nan", "?", "null", "#n/a")


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns of cells: text, a number, or ``None`` where a value is missing.

    Args:
        name: short name for people.
        columns: one list of cells per column, all of the same length.
        source: where it comes from.
        comma: whether text such as ``"1,5"`` may be a number.
        notes: what reading it already settled.
    """

    name: str
    columns: Mapping[str, list[Cell]]
    source: str = ""
    comma: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), []))


def raw_table(
    name: str,
    names: Sequence[str],
    columns: Sequence[list[Cell]],
    *,
    source: str = "",
    comma: bool = False,
    notes: tuple[str, ...] = (),
) -> RawTable:
    """Columns under their names; refuses names that repeat and tables without rows."""
    names = [title.strip() or f"column {k + 1}" for k, title in enumerate(names)]
    for k, title in enumerate(names):
        if title in names[:k]:
            raise InputError(
                f"{name}: columns {names.index(title) + 1} and {k + 1} are both called {title!r}. "
                "Give each column its own name."
            )
    if not columns or not columns[0]:
        raise InputError(f"{name}: there are names ({', '.join(names[:6])}) but no rows." if names else
                         f"{name} is empty.")  # fmt: skip
    return RawTable(name, dict(zip(names, columns, strict=True)), source, comma, notes)


def cell_of(value: object, markers: Collection[str]) -> Cell:
    """One value of a file or DataFrame as a cell; markers of missing values become ``None``."""
    if isinstance(value, str):
        text = value.strip()
        return None if text.casefold() in markers else text
    if value is None or value != value:  # NaN of any library
        return None
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "true" if value else "false"
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return cell_of(str(value), markers)
    return None if math.isnan(number) or text_of(number).casefold() in markers else number


def text_of(cell: str | float) -> str:
    """A cell as a level: whole numbers without a point."""
    if isinstance(cell, str):
        return cell
    return str(int(cell)) if math.isfinite(cell) and cell == int(cell) else repr(cell)


def marker_set(missing: Collection[str]) -> frozenset[str]:
    """Markers in the form they are compared in."""
    if isinstance(missing, str):
        raise InputError(f"missing takes several markers, such as missing=({missing!r},), got one text.")
    return frozenset(marker.strip().casefold() for marker in missing)
