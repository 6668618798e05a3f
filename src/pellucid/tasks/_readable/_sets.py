"""The tables of the contest, as raw columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pellucid.data._csv import read_csv
from pellucid.data._kinds import number_of
from pellucid.data._raw import MARKERS, Cell, text_of
from pellucid.errors import InputError

BUNDLED = "breast-cancer"
FILES = {
    "heart": ("heart_cleveland.csv", "diameter narrowing"),
    "pima": ("pima_diabetes.csv", "diabetes"),
    "german-credit": ("german_credit.csv", "creditability"),
    "heloc": ("heloc.csv", "RiskPerformance"),
    "adult": ("adult.csv.gz", "income"),
}
SETS = (BUNDLED, *FILES)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of one set.

    Args:
        raw: ``[N, D]``: numbers and texts as they were read (float where all are numbers), NaN or ``None``
            where a value is missing.
        codes: float ``[N, D]``: the same with a number for each text; a missing text has one of its own.
        texts: which columns hold texts.
        answers: 0 or 1.
    """

    name: str
    raw: NDArray[Any]
    codes: NDArray[np.float64]
    texts: tuple[int, ...]
    answers: NDArray[np.int64]


def present(name: str, folder: Path | None) -> str:
    """The empty text where the set can be read, else what is missing."""
    if name == BUNDLED:
        return ""
    file = FILES[name][0]
    if folder is None:
        return f"needs {file}; name its folder with --data."
    return "" if (folder / file).exists() else f"needs {file}, which is not in {folder}."


def read(name: str, folder: Path | None) -> Table:
    """A set by name."""
    if name == BUNDLED:
        from sklearn.datasets import load_breast_cancer

        bunch = cast("Any", load_breast_cancer())
        data = np.asarray(bunch.data, dtype=np.float64)
        return Table(name, data, data, (), np.asarray(bunch.target, dtype=np.int64))
    why = present(name, folder)
    if why or folder is None:
        raise InputError(f"{name} {why}")
    file, target = FILES[name]
    return table_of(name, read_csv(folder / file, separator=None, encoding="utf-8", missing=MARKERS).columns,
                    target)  # fmt: skip


def table_of(name: str, columns: dict[str, list[Cell]] | Any, target: str) -> Table:
    """Columns of cells as a table; one called ``split`` is no measurement."""
    if target not in columns:
        raise InputError(f"{name}: there is no column {target!r}.")
    kept = [title for title in columns if title not in (target, "split")]
    raws, codes, texts = list[NDArray[Any]](), list[NDArray[np.float64]](), list[int]()
    for k, title in enumerate(kept):
        cells = cast("list[Cell]", columns[title])
        numbers = [None if cell is None else number_of(cell) for cell in cells]
        if all(n is not None for n, cell in zip(numbers, cells, strict=True) if cell is not None):
            found = np.array([np.nan if n is None else n for n in numbers], dtype=np.float64)
            raws.append(found)
            codes.append(found)
            continue
        texts.append(k)
        named = [None if cell is None else text_of(cell) for cell in cells]
        place = {text: i for i, text in enumerate(sorted({t for t in named if t is not None}))}
        raws.append(np.array(named, dtype=object))
        codes.append(np.array([-1 if t is None else place[t] for t in named], dtype=np.float64))
    answers = np.unique([str(cell) for cell in columns[target]], return_inverse=True)[1].astype(np.int64)
    raw = np.stack([each.astype(object) for each in raws], 1) if texts else np.stack(raws, 1)
    return Table(name, raw, np.stack(codes, 1), tuple(texts), answers)
