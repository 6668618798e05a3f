"""Text tables: encodings, separators and quotes, read with the csv module."""

from __future__ import annotations

import codecs
import csv
import io
import re
import statistics
from collections.abc import Collection
from pathlib import Path

from pellucid.data._paths import existing_file, read_bytes
from pellucid.data._raw import Cell, RawTable, cell_of, marker_set, raw_table
from pellucid.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
SAMPLE = 40  # records that decide which separator it is
WINDOWS = "cp1252"  # what Excel writes in Western Europe where it is not asked for UTF-8


def read_csv(
    path: str | Path, *, separator: str | None, encoding: str | None, missing: Collection[str]
) -> RawTable:
    """Cells of a text table whose first line holds the names; packed with gzip or not."""
    path = existing_file(path)
    text, notes = decoded(read_bytes(path), encoding, path.name)
    found = separator or _separator(text)
    records = _records(text, found, path.name)
    if not records:
        raise InputError(f"{path.name} is empty; expected a line of names and rows below it.")
    (_, names), rows = records[0], records[1:]
    _check_names(names, path.name)
    markers = marker_set(missing)
    columns: list[list[Cell]] = [[] for _ in names]
    for line, row in rows:
        if len(row) != len(names):
            raise InputError(
                f"{path.name}, line {line}: {len(row)} fields, but {len(names)} names in the first line. "
                f"The separator was taken to be {found!r}; put text that contains it in quotes."
            )
        for column, value in zip(columns, row, strict=True):
            column.append(cell_of(value, markers))
    notes += [] if found == "," else [f"Fields are separated by {found!r}."]
    return raw_table(
        path.name.split(".")[0], names, columns, source=str(path), comma=found != ",", notes=tuple(notes)
    )


def decoded(content: bytes, encoding: str | None, name: str) -> tuple[str, list[str]]:
    """Text, and what was assumed to read it; without an encoding UTF-8, else that of Western Windows."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    if encoding != "utf-16" and b"\0" in content:
        raise InputError(f"{name} is not a text table: it holds binary data. Expected CSV, .parquet or .npz.")
    try:
        return content.decode(encoding or "utf-8"), []
    except LookupError:
        raise InputError(f"No text encoding is called {encoding!r}; try utf-8, cp1252, latin-1.") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        if encoding is None:
            try:
                return content.decode(WINDOWS), [_assumed(content, line)]
            except UnicodeDecodeError:
                pass
        raise InputError(
            f"{name}, line {line}: not {encoding or 'UTF-8'} text. Save it as UTF-8, or name its encoding "
            "(--encoding, in Python encoding=)."
        ) from None


def _assumed(content: bytes, line: int) -> str:
    text = content.split(b"\n")[line - 1].decode(WINDOWS)
    word = re.search(r"\w*[^\W\x00-\x7f]\w*|[^\x00-\x7f]", text)
    return (
        f"It is not UTF-8 and was read as Windows text ({WINDOWS}), so that line {line} has "
        f"{word[0] if word else text!r}. If that is wrong, name its encoding (--encoding)."
    )


def _records(text: str, separator: str, name: str, most: int | None = None) -> list[tuple[int, list[str]]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    found: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(value.strip() for value in row):
                found.append((reader.line_num, row))
            if most is not None and len(found) >= most:
                break
    except csv.Error as error:
        raise InputError(
            f"{name}, line {reader.line_num}: {error}. Look for a quote that is not closed."
        ) from None
    return found


def _separator(text: str) -> str:
    """The separator under which most records have as many fields as the first line, and most fields."""

    def fit(separator: str) -> tuple[float, int]:
        try:
            widths = [len(row) for _, row in _records(text, separator, "", SAMPLE)]
        except InputError:
            return (0.0, 0)
        if not widths or widths[0] < 2:
            return (0.0, 0)
        return (statistics.fmean(width == widths[0] for width in widths), widths[0])

    best = max(SEPARATORS, key=fit)
    return best if fit(best)[1] else ","


def _check_names(names: list[str], name: str) -> None:
    def number(text: str) -> bool:
        try:
            float(text)
        except ValueError:
            return False
        return True

    if all(number(title) for title in names):
        raise InputError(
            f"{name}: the first line holds numbers ({', '.join(names[:4])}), expected names. "
            "Add a first line that names each column."
        )
