"""Raw rows as people have them: what comes into ``fit`` and ``predict``, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pellucid._core import Dataset
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.inputs._column import is_missing, level_of

Numbers = NDArray[np.float64]  # NaN where a value is missing
Texts = NDArray[np.object_]  # str, or None where a value is missing
Values = Numbers | Texts


@dataclass(frozen=True, slots=True, eq=False)
class RawRows:
    """Columns of raw values under their names.

    Args:
        names: of the columns, ``"x0"``, ``"x1"``, … where nobody named them.
        columns: one array a column: float64 with NaN, or objects (texts and ``None``).
        named: whether the names are the user's own.
    """

    names: tuple[str, ...]
    columns: tuple[Values, ...]
    named: bool

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def ordered(self, names: Sequence[str]) -> RawRows:
        """The columns of these names in this order; others are left aside.

        Raises:
            InputError: if a column is not there, with near misses.
        """
        place = {name: k for k, name in enumerate(self.names)}
        gone = [name for name in names if name not in place]
        if gone:
            more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
            raise InputError(
                f"The rows have no column {gone[0]!r}{more}, which training had. "
                f"{near_misses(gone[0], self.names)}"
            )
        return RawRows(tuple(names), tuple(self.columns[place[name]] for name in names), True)


def named_rows(X: object) -> RawRows | None:
    """Rows that bring column names (a DataFrame, a :class:`Dataset` of a table, dicts), else ``None``."""
    if isinstance(X, Dataset):
        return _of_dataset(X)
    if isinstance(X, list) and X and all(isinstance(row, Mapping) for row in cast("list[object]", X)):
        return _of_dicts(cast("list[Mapping[str, object]]", X))
    return _of_frame(X)


def array_rows(X: NDArray[np.generic], names: Sequence[str] | None = None) -> RawRows:
    """Columns of an array ``[N, D]`` by their place."""
    named = tuple(names) if names is not None else tuple(f"x{k}" for k in range(X.shape[1]))
    if X.dtype.kind in "fiub":
        every = np.asarray(X, dtype=np.float64)
        _refuse_infinite(every, named)
        return RawRows(named, tuple(np.ascontiguousarray(every.T)), names is not None)
    columns = tuple(_column(named[k], [*X[:, k]]) for k in range(X.shape[1]))
    return RawRows(named, columns, names is not None)


def _of_dataset(data: Dataset) -> RawRows:
    if not isinstance(data.spec, TabularSpec):
        raise InputError(f"{data.name} is no table: this estimator reads rows of columns.")
    rows = data.spec.decode(data.inputs)
    columns = tuple(
        _column(c.name, [row[c.name] for row in rows], category=bool(c.levels)) for c in data.spec.columns
    )
    return RawRows(tuple(c.name for c in data.spec.columns), columns, True)


def _of_dicts(rows: list[Mapping[str, object]]) -> RawRows:
    names = tuple(dict.fromkeys(str(name) for row in rows for name in row))
    return RawRows(names, tuple(_column(name, [row.get(name) for row in rows]) for name in names), True)


def _of_frame(X: object) -> RawRows | None:
    if isinstance(X, np.ndarray | list | tuple):
        return None
    import narwhals as nw

    try:
        frame = nw.from_native(X, eager_only=True)  # pyright: ignore[reportCallIssue, reportArgumentType]
    except TypeError:
        return None
    names = cast("list[str]", frame.columns)
    if not all(isinstance(name, str) for name in names):  # numbers are places, not names
        return None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Each column needs its own name; twice: {', '.join(twice[:4])}.")
    columns: list[Values] = []
    for name in names:
        column = frame.get_column(name)
        if column.dtype.is_numeric():
            values = np.asarray(column.cast(nw.Float64).to_numpy(), dtype=np.float64)
            _refuse_infinite(values[:, None], (name,))
            columns.append(values)
        else:
            columns.append(_column(name, column.to_list()))
    return RawRows(tuple(names), tuple(columns), True)


def _column(name: str, values: Sequence[object], *, category: bool | None = None) -> Values:
    """Numbers where every value that is there is one, else texts."""
    gone = np.array([is_missing(value) for value in values], dtype=bool)
    numeric = [v for v, g in zip(values, gone, strict=True) if not g]
    if category is None:
        category = not all(
            isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in numeric
        )
    if not category:
        numbers = [np.nan if g else float(cast("float", v)) for v, g in zip(values, gone, strict=True)]
        found = np.array(numbers, dtype=np.float64)
        _refuse_infinite(found[:, None], (name,))
        return found
    wrong = next((v for v in numeric if isinstance(v, Mapping | list | tuple | set | np.ndarray)), None)
    if wrong is not None:
        raise TypeError(
            f"{name}: each argument must be a string or a number, got {type(wrong).__name__} {wrong!r}."
        )
    texts = [None if g else level_of(v) for v, g in zip(values, gone, strict=True)]
    return np.array(texts, dtype=object)


def _refuse_infinite(values: Numbers, names: Sequence[str]) -> None:
    infinite = np.isinf(values)
    if not infinite.any():
        return
    row, column = np.argwhere(infinite)[0]
    raise InputError(
        f"{names[column]}: expected finite numbers or missing values, got infinity (inf) in row {row + 1}."
    )
