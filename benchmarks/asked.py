"""What the benchmarks are asked for on the command line: a wrong name or folder ends in a sentence."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from pellucid.errors import PellucidError, near_misses


def one_of(known: Sequence[str]) -> Callable[[str], str]:
    """For ``argparse``: one of these names."""

    def read(name: str) -> str:
        if name not in known:
            raise ArgumentTypeError(f"there is no {name!r}. {near_misses(name, known)}")
        return name

    return read


def several_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """For ``argparse``: names parted by commas."""
    one = one_of(known)
    return lambda text: [one(name.strip()) for name in text.split(",")]


def folder(text: str) -> Path:
    """For ``argparse``: a folder that is there."""
    if not Path(text).is_dir():
        raise ArgumentTypeError(f"there is no folder {text!r}; name the one that holds the tables.")
    return Path(text)


def words(said: str | None, *, least: int = 0, most: int | None = None) -> list[str]:
    """The bare arguments; too few or too many print how a benchmark is run (its ``__doc__``)."""
    given = sys.argv[1:]
    if not least <= len(given) <= (len(given) if most is None else most):
        raise SystemExit(f"Expected at least {least} arguments, got {len(given)}.\n\n{said or ''}")
    return given


def names(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """The names that were given, each one of these; all of these where none was."""
    for name in given:
        if name not in known:
            raise SystemExit(f"There is no {name!r}. {near_misses(name, known)}")
    return [*given] or [*known]


def count(said: str | None, usual: int) -> int:
    """The one bare argument, a whole number from 1 on."""
    given = words(said, most=1)
    if given and not (given[0].isdecimal() and int(given[0]) > 0):
        raise SystemExit(f"Expected a whole number from 1 on, got {given[0]!r}.")
    return int(given[0]) if given else usual


def data_file(name: str) -> Path:
    """A file in the folder that ``PELLUCID_TEST_DATA`` names."""
    place = Path(os.environ.get("PELLUCID_TEST_DATA", "data")) / name
    if not place.exists():
        raise SystemExit(f"{place} does not exist; PELLUCID_TEST_DATA names the folder that holds {name}.")
    return place


def in_a_sentence(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A table that is missing or damaged ends in what is wrong with it, not in a traceback."""
    if isinstance(error, PellucidError):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = in_a_sentence
