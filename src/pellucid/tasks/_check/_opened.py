"""The network that a file of expectations names."""

from __future__ import annotations

import os
from pathlib import Path

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.tasks._check._read import Expectations
from pellucid.tasks._told import Told

NOTHING = Told()


def opened(
    asked: Expectations, told: Told | None = None, *, model: str = "", weights: str | Path | None = None
) -> Subject:
    """Open what a file of expectations names; paths in it start at the file.

    Args:
        asked: the file.
        told: the data and how they are read; left out, as the file says.
        model, weights: in the place of what the file names.

    Raises:
        InputError: where nobody names a network.
        LoadError: where it cannot be opened.
    """
    if not model and not asked.model:
        raise InputError(f'{asked.path or "This"} names no network. Add model = "RUN" on top.')
    if not model:
        # package.module:attr is no path
        model = found(asked.path, asked.model) if ":" in asked.model else beside(asked.path, asked.model)
    if weights is None and asked.weights:
        weights = beside(asked.path, asked.weights)
    return (told or as_told(asked)).open(model, weights)


def as_told(asked: Expectations, told: Told = NOTHING) -> Told:
    """What is said of the data: as ``told`` has it, and where it says nothing as the file does."""
    return Told(
        told.data or found(asked.path, asked.data) or None,
        told.answer or asked.answer or None,
        told.text or asked.text or None,
        told.tokenizer or found(asked.path, asked.tokenizer) or None,
        told.sound or asked.sound,
    )


def beside(path: str, named: str) -> str:
    """A path that a file names: it starts at the file.

    Example:
        >>> beside("checks/credit.toml", "runs/credit"), beside("checks/credit.toml", "/runs/credit")
        ('checks/runs/credit', '/runs/credit')
    """
    # not as a Path, which would make "digits" of "./digits"
    return os.path.join(os.path.dirname(path), named)


def found(path: str, named: str) -> str:
    """A path or ``file.py:attr`` that lies beside a file; bundled names and ``package.module:attr`` stay.

    Example:
        >>> found("checks/credit.toml", "breast-cancer")
        'breast-cancer'
    """
    near = beside(path, named)
    file, colon, _ = near.rpartition(":")
    return near if named and Path(file if colon else near).exists() else named
