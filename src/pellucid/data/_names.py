"""From a name or a path to a data set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pellucid._core import Dataset
from pellucid.data import _bundled, _imagenet, _packaged, _planted
from pellucid.data._kinds import Kind
from pellucid.data._npz import npz
from pellucid.data._paths import existing, names_in
from pellucid.data._pictures import pictures
from pellucid.data._raw import MARKERS
from pellucid.data._sounds import holds_sounds, sounds
from pellucid.data._table import NO_KINDS, NO_SIGNS, table
from pellucid.data._text import holds_texts, texts
from pellucid.errors import InputError, LoadError, near_misses

TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".pq")


def _makers() -> Mapping[str, Callable[[], Dataset]]:
    return {
        "mnist": _packaged.mnist,
        "digits": _bundled.digits,
        "breast-cancer": _bundled.breast_cancer,
        "wine": _bundled.wine,
        "diabetes": _bundled.diabetes,
        "german-credit": _packaged.german_credit,
        "photographs": _imagenet.photographs,
        **{f"planted-{name}": partial(_plant, name) for name in _planted.planted_names()},
        **{f"planted-{name}-clean": partial(_twin, name) for name in _planted.planted_names()},
    }


def _plant(name: str) -> Dataset:
    return _planted.planted(name).dataset


def _twin(name: str) -> Dataset:
    return _planted.planted(name).twin


def names() -> tuple[str, ...]:
    """Names that :func:`by_name` knows.

    Example:
        >>> "breast-cancer" in names()
        True
    """
    return tuple(_makers())


def _key(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def by_name(name: str) -> Dataset:
    """The data set of a name such as ``"digits"`` or ``"breast-cancer"``; case and ``_`` do not matter.

    Raises:
        LoadError: if no data set has that name (near misses are listed), or its package is not installed.

    Example:
        >>> by_name("Breast_Cancer").classes
        ('malignant', 'benign')
    """
    makers = _makers()
    key = _key(name)
    if key not in makers:
        raise LoadError(f"No data set is called {name!r}. {near_misses(key, makers)}")
    return makers[key]()


def refuse_both(source: str | Path) -> None:
    """A word that names a bundled data set and something that lies here is refused: it could be either."""
    place = Path(source)
    # ./digits, digits/ and a Path are no words
    if isinstance(source, str) and source == place.name and place.exists() and _key(source) in _makers():
        raise InputError(
            f"{source!r} is a bundled data set, and a {'folder' if place.is_dir() else 'file'} of that name "
            f"lies here. That one is written ./{source}; for the bundled one go to another folder, or in "
            f"Python give pellucid.data.by_name({source!r})."
        )


def from_path(
    path: str | Path,
    target: str | None = None,
    *,
    text: str | None = None,
    parts: str | None = None,
    types: Mapping[str, Kind] = NO_KINDS,
    missing: Collection[str] = (),
    encoding: str | None = None,
    skip: bool = False,
    monotone: Mapping[str, Literal[0, 1, -1]] = NO_SIGNS,
    seed: int = 0,
) -> Dataset:
    """Read a table, an ``.npz`` file or a folder of pictures, sounds or texts, by what lies at the path.

    Args:
        path: ``.csv``, ``.tsv``, ``.txt`` (also ``.gz``), ``.parquet``, ``.npz``, or a folder per class
            (pictures and sounds also in a ``.zip``).
        target: the column to learn; for tables, and for nothing else.
        text: the column to read, where a table holds texts: see :func:`texts`.
        parts: a column that says train, validation or test; for tables.
        types, missing, encoding: of a table, see :func:`table`; ``missing`` are markers beside the usual.
        skip: leave out pictures or sounds that are damaged, and name them in ``notes``.
        monotone: 1 or -1 by column of a table, see :func:`table`.
        seed: of the split.

    Raises:
        LoadError: if nothing is there, or it is of no known kind.
        InputError: if a table comes without ``target``, or something else with one; and as the reader raises.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "points.csv"
        >>> _ = file.write_text("x,side\\n" + "1,left\\n-2,right\\n" * 10)
        >>> from_path(file, "side").classes
        ('left', 'right')
    """
    place = existing(path)
    ending = place.name.lower()
    if place.is_file() and ending.endswith(TABLES):
        if skip:
            raise InputError(f"skip is for pictures and sounds; {place.name} is a table.")
        if text is not None:
            for name, given in (("types", types), ("missing", missing), ("monotone", monotone)):
                if given:
                    raise InputError(
                        f"{name}={given!r} is about numbers and categories; with text={text!r} "
                        "that column alone is read."
                    )
            return texts(place, text=text, target=target, parts=parts, encoding=encoding, seed=seed)
        if target is None:
            raise InputError(
                f"{place.name} is a table: say which column is to be learned (target), and for texts also "
                "which one is to be read (text)."
            )
        every = (*MARKERS, *missing)
        return table(
            place, target, types=types, missing=every, parts=parts, monotone=monotone, encoding=encoding,
            seed=seed,
        )  # fmt: skip
    columns = {"text": text, "parts": parts, "types": types, "missing": missing, "monotone": monotone}
    for name, given in columns.items():
        if given:
            raise InputError(f"{name}={given!r} is about columns, and {place.name} is no table.")
    if target is not None:
        raise InputError(f"target={target!r} belongs to tables; {place.name} brings its answers with it.")
    if holds_sounds(place):
        return sounds(place, skip=skip, seed=seed)
    if place.is_dir() and holds_texts(place):
        return texts(place, encoding=encoding, seed=seed)
    if place.is_dir() or ending.endswith(".zip"):
        return pictures(place, skip=skip, seed=seed)
    if ending.endswith(".npz"):
        return npz(place, seed=seed)
    readable = [name for name in names_in(place.parent) if name.lower().endswith((*TABLES, ".npz", ".zip"))]
    raise LoadError(
        f"{place.name} is of no kind that can be read; expected {', '.join(TABLES)}, .npz, or a folder or "
        f".zip of pictures or sounds. {near_misses(place.name, readable)}"
    )
