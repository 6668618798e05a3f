"""Tables with a column to learn, from CSV, Parquet or a DataFrame."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pellucid._core import Dataset, Task
from pellucid.data._build import Reading, build
from pellucid.data._csv import read_csv
from pellucid.data._fit import Meaning
from pellucid.data._frame import read_frame, read_parquet
from pellucid.data._kinds import Kind
from pellucid.data._raw import MARKERS
from pellucid.errors import InputError

Absence = Literal["mean", "median", "background"]
NO_KINDS: Mapping[str, Kind] = MappingProxyType({})
NO_TEXTS: Mapping[str, str] = MappingProxyType({})
NO_SIGNS: Mapping[str, Literal[0, 1, -1]] = MappingProxyType({})
NO_LEVELS: Mapping[str, Sequence[str]] = MappingProxyType({})


def table(
    path: str | Path,
    target: str,
    *,
    task: Task | None = None,
    types: Mapping[str, Kind] = NO_KINDS,
    missing: Collection[str] = MARKERS,
    parts: str | None = None,
    units: Mapping[str, str] = NO_TEXTS,
    immutable: Sequence[str] = (),
    monotone: Mapping[str, Literal[0, 1, -1]] = NO_SIGNS,
    levels: Mapping[str, Sequence[str]] = NO_LEVELS,
    absence: Absence = "mean",
    separator: str | None = None,
    encoding: str | None = None,
    seed: int = 0,
) -> Dataset:
    """Read a table from a file; what was inferred, imputed or left out stands in ``notes``.

    Numbers are standardised and categories one-hot encoded; means, medians and levels come from the training
    rows only. A missing number takes the training median and sets a slot of its own, a missing category is a
    level of its own; rows without an answer are left out and counted. Columns that hold one value, row
    numbers, keys and free text are left out and named; ``types`` brings them back.

    Args:
        path: a ``.csv``, ``.tsv`` or ``.txt`` file, also packed (``.csv.gz``), or ``.parquet`` (extra
            ``parquet``). The separator and a byte-order mark are found; names stand in the first line.
        target: the column to learn.
        task: ``"classification"`` or ``"regression"``; ``None`` decides by the target's values.
        types: ``"number"``, ``"category"`` or ``"ignore"`` for columns that were read otherwise.
        missing: texts that stand for no value, compared without case.
        parts: a column that says train, validation or test; ``None`` splits 70 : 15 : 15, classes alike.
        units: unit of numbers by column, and of the target in regression.
        immutable: columns that nobody can change.
        monotone: 1 or -1 for columns where more can only raise or lower the answer.
        levels: order of a category's levels, and of the target's classes.
        absence: what stands in the place of a column taken away, see :class:`pellucid.inputs.TabularSpec`.
        separator, encoding: of a text table, where they should not be found by themselves; text that is not
            UTF-8 is read as Windows text (cp1252), and ``notes`` say so.
        seed: of the split and the choice of background rows.

    Returns:
        A data set with a :class:`pellucid.inputs.TabularSpec`.

    Raises:
        LoadError: if there is no such file, or a packed one is damaged.
        InputError: if the target is no column or has one value only, text stands among numbers, names
            repeat, or there are no rows. Each says where.

    Limits:
        Types are guessed: look at ``notes``. Numbers that are codes (postal codes, ratings) need
        ``types={…: "category"}``; only a leading zero gives them away.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "loans.csv"
        >>> _ = file.write_text("income,home,paid\\n" + "30,own,yes\\n12,rent,no\\n?,rent,no\\n" * 9)
        >>> data = table(file, "paid", units={"income": "k€"})
        >>> data.classes, data.spec.slots
        (('no', 'yes'), ('income', 'income is missing', 'home = own', 'home = rent'))
    """
    if not isinstance(path, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(
            f"Expected the path of a table, got {type(path).__name__}. Rows in memory: "
            "pellucid.data.frame(rows, target)."
        )
    parquet = str(path).lower().endswith((".parquet", ".pq"))
    raw = (
        read_parquet(path, missing)
        if parquet
        else read_csv(path, separator=separator, encoding=encoding, missing=missing)
    )
    meaning = Meaning(units, immutable, monotone, levels, absence)
    return build(raw, target, Reading(meaning, types, task, parts, seed))


def frame(
    dataframe: object,
    target: str,
    *,
    name: str = "table",
    task: Task | None = None,
    types: Mapping[str, Kind] = NO_KINDS,
    missing: Collection[str] = MARKERS,
    parts: str | None = None,
    units: Mapping[str, str] = NO_TEXTS,
    immutable: Sequence[str] = (),
    monotone: Mapping[str, Literal[0, 1, -1]] = NO_SIGNS,
    levels: Mapping[str, Sequence[str]] = NO_LEVELS,
    absence: Absence = "mean",
    seed: int = 0,
) -> Dataset:
    """Read a DataFrame of pandas, polars, pyarrow or another library that narwhals knows.

    Args:
        dataframe: with named columns; it is not changed.
        target: the column to learn.
        name: short name for people.
        task, types, missing, parts, units, immutable, monotone, levels, absence, seed: as in :func:`table`.

    Returns:
        A data set with a :class:`pellucid.inputs.TabularSpec`.

    Raises:
        InputError: as :func:`table`, and if ``dataframe`` is none.

    Example:
        >>> import pyarrow
        >>> data = frame(pyarrow.table({"x": [1.5, 2, 4] * 10, "y": ["a", "b", "b"] * 10}), "y")
        >>> data.inputs.shape
        torch.Size([30, 1])
    """
    meaning = Meaning(units, immutable, monotone, levels, absence)
    return build(read_frame(dataframe, name, missing), target, Reading(meaning, types, task, parts, seed))
