"""DataFrames of any library, and Parquet files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import cast

from pellucid.data._paths import existing_file
from pellucid.data._raw import RawTable, cell_of, marker_set, raw_table
from pellucid.errors import InputError, LoadError


def read_frame(frame: object, name: str, missing: Collection[str], source: str = "") -> RawTable:
    """Cells of a DataFrame (pandas, polars, pyarrow, … through narwhals)."""
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        known = nw.from_native(frame, eager_only=True)  # pyright: ignore[reportCallIssue, reportArgumentType]
        names = [str(title) for title in known.columns]
        columns = [cast("Iterable[object]", known[title].to_list()) for title in known.columns]
    except DuplicateError as error:
        raise InputError(f"{name}: each column needs its own name. {' '.join(str(error).split())}.") from None
    except TypeError:
        raise InputError(
            f"Expected a DataFrame (pandas, polars, pyarrow), got {type(frame).__name__}. "
            "Arrays go to pellucid.data.arrays."
        ) from None
    markers = marker_set(missing)
    return raw_table(
        name, names, [[cell_of(v, markers) for v in column] for column in columns], source=source
    )


def read_parquet(path: str | Path, missing: Collection[str]) -> RawTable:
    """Cells of a Parquet file; needs the extra ``parquet``."""
    path = existing_file(path)
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise LoadError(f"Reading {path.name} needs pyarrow: pip install 'pellucid[parquet]'.") from None
    try:
        table: object = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path.name} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    return read_frame(table, path.name.split(".")[0], missing, str(path))
