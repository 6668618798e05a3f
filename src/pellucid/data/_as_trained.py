"""Another table for a network that has learned already: read as its own columns say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pellucid._core import PARTS, Dataset, split
from pellucid.data._csv import read_csv
from pellucid.data._frame import read_parquet
from pellucid.data._kinds import number_of
from pellucid.data._raw import MARKERS, Cell, RawTable, text_of
from pellucid.errors import InputError, near_misses
from pellucid.inputs import MISSING, OTHER, Column, TabularSpec, TextSpec

Answer = int | float | None


def table_as_trained(
    path: str | Path, target: str, spec: TabularSpec, classes: Sequence[str], learned: Dataset | None = None
) -> Dataset:
    """A table encoded with the means, levels and columns of a network's own training.

    Columns are found by name, in any order; others are left aside. Rows with a value that the network cannot
    read (a level it never saw and has no ``(other)`` for, a number missing where none was) are left out, and
    ``notes`` say how many.

    Where the rows are known that the network ``learned`` from, these stay its training and validation rows,
    and all rows of the table are held out, in its order: but those that were learned from. Else the rows of
    the table are split anew.

    Raises:
        InputError: if a column is not there, text stands among numbers, an answer is no class of the network,
            or no row can be read.
    """
    parquet = str(path).lower().endswith((".parquet", ".pq"))
    raw = (
        read_parquet(path, MARKERS)
        if parquet
        else read_csv(path, separator=None, encoding=None, missing=MARKERS)
    )
    if target not in raw.columns:
        raise InputError(
            f"{raw.name} has no column {target!r}, the true answers beside which the network's are judged. "
            "Rows whose answer nobody knows yet can be given in Python, such as pellucid.decision(subject, "
            "{'column': value, …})."
        )
    for name in (column.name for column in spec.columns):
        if name not in raw.columns:
            raise InputError(
                f"{raw.name} has no column {name!r}, which the network needs. "
                f"{near_misses(name, raw.columns)}"
            )
    answers = [_answer(cell, classes, target, raw) for cell in raw.columns[target]]
    values = {c.name: [_value(c, cell, raw) for cell in raw.columns[c.name]] for c in spec.columns}
    why: dict[int, str] = {k: f"no {target}" for k, answer in enumerate(answers) if answer is None}
    for column in spec.columns:
        for k, value in enumerate(values[column.name]):
            if _unreadable(column, value):
                why.setdefault(k, f"{column.name} {'missing' if value in (None, MISSING) else f'= {value}'}")
    kept = [k for k in range(raw.rows) if k not in why]
    if not kept:
        raise InputError(
            f"{raw.name}: no row can be read by the network; the first has {why[0]}.{_known(spec, why[0])}"
        )
    notes = (f"{len(why)} of {raw.rows} rows have values that training never saw and were left out "
             f"(such as {why[min(why)]}): {_counted(why)}.",) if why else ()  # fmt: skip
    inputs = spec.encode_columns({name: [cells[k] for k in kept] for name, cells in values.items()})
    given = [answers[k] for k in kept]
    found = torch.tensor(given, dtype=torch.int64 if classes else torch.float32)
    parts = split(found, classes=bool(classes))
    made = Dataset(
        raw.name, inputs, found, spec, tuple(classes), parts, answer=target, notes=(*raw.notes, *notes),
        source=raw.source,
    )  # fmt: skip
    return made if learned is None else held_out_of(made, learned)


def held_out_of(rows: Dataset, learned: Dataset) -> Dataset:
    """The ``rows`` held out, behind those of ``learned`` that are not."""
    known = learned.rows(learned.parts != PARTS.index("test"))
    known, rows = _as_wide(known, rows), _as_wide(rows, known)
    seen = set(_bytes(known))
    new = torch.tensor([row not in seen for row in _bytes(rows)])
    again, notes = int((~new).sum()), list(rows.notes)
    if again and bool(new.any()):
        rows = rows.rows(new)
        notes.append(
            f"{again} of {len(new)} rows are those that the network learned from and were left out; "
            "the others are counted from 0."
        )
    elif again:
        notes.append("The network learned from all of these rows: what it reaches here flatters it.")
    return Dataset(
        rows.name,
        torch.cat([known.inputs, rows.inputs]),
        torch.cat([known.answers, rows.answers]),
        rows.spec,
        rows.classes,
        torch.cat([known.parts, torch.full((len(rows),), PARTS.index("test"), dtype=known.parts.dtype)]),
        rows.answer,
        learned.unit,
        tuple(notes),
        rows.source,
    )


def _bytes(rows: Dataset) -> list[bytes]:
    """What each row holds, its answer too."""
    inputs, answers = rows.inputs.flatten(1), rows.answers[:, None]
    both = torch.cat([inputs, answers.to(inputs.dtype)], 1)
    return [row.tobytes() for row in both.numpy()]


def _as_wide(rows: Dataset, others: Dataset) -> Dataset:
    """Texts padded to the width of others."""
    spec, missing = rows.spec, others.inputs.shape[-1] - rows.inputs.shape[-1]
    if not isinstance(spec, TextSpec) or missing <= 0:
        return rows
    if spec.pad is None:
        raise InputError(f"{rows.name}: texts of another length need padding, and the network knows none.")
    wide = torch.nn.functional.pad(rows.inputs, (0, missing), value=spec.pad)
    return dataclasses.replace(rows, inputs=wide)


def _counted(why: Mapping[int, str]) -> str:
    """Which rows were left out, the first of them."""
    first = ", ".join(str(k) for k in sorted(why)[:8]) + (", …" if len(why) > 8 else "")
    return f"row{'s' if len(why) > 1 else ''} {first}; the others are counted from 0"


def _known(spec: TabularSpec, why: str) -> str:
    """What the network would read in the place of an unreadable value."""
    for column in spec.columns:
        if why.startswith(f"{column.name} = ") and column.levels:
            return f" It knows {', '.join(column.levels[:8])}{', …' if len(column.levels) > 8 else ''}."
        if why == f"{column.name} missing":
            return " Training had no missing value there: fill it in, or train with such rows."
    return ""


def _answer(cell: Cell, classes: Sequence[str], target: str, raw: RawTable) -> Answer:
    if cell is None:
        return None
    if not classes:
        number = number_of(cell, raw.comma)
        if number is None:
            raise InputError(f"{raw.name}: {target} is a number, got {text_of(cell)!r}.")
        return number
    name = text_of(cell)
    if name not in classes:
        raise InputError(
            f"{raw.name}: {name!r} in {target!r} is no class of the network. {near_misses(name, classes)}"
        )
    return list(classes).index(name)


def _value(column: Column, cell: Cell, raw: RawTable) -> str | float | None:
    if column.levels:
        text = MISSING if cell is None else text_of(cell)
        return OTHER if text not in column.levels and OTHER in column.levels else text
    if cell is None:
        return None
    number = number_of(cell, raw.comma)
    if number is None:
        raise InputError(f"{raw.name}: {column.name} holds numbers in training, got {text_of(cell)!r}.")
    return number


def _unreadable(column: Column, value: str | float | None) -> bool:
    return value not in column.levels if column.levels else value is None and not column.missing
