"""The network that a file of expectations names."""

from __future__ import annotations

from pathlib import Path

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.tasks._check._read import Expectations
from pellucid.tasks._open import open as open_subject


def opened(
    asked: Expectations,
    *,
    model: str = "",
    data: str | None = None,
    answer: str | None = None,
    weights: str | Path | None = None,
) -> Subject:
    """Open what a file of expectations names; paths in it start at the file.

    Args:
        asked: the file.
        model, data, answer, weights: in the place of what the file names.

    Raises:
        InputError: where nobody names a network.
        LoadError: where it cannot be opened.
    """
    if not model and not asked.model:
        raise InputError(f'{asked.path or "This"} names no network. Add model = "RUN" on top.')
    if not model:
        # package.module:attr is no path
        model = asked.model if ":" in asked.model else beside(asked.path, asked.model)
    if data is None and asked.data:
        near = beside(asked.path, asked.data)
        # a bundled name is no path
        data = near if Path(near).exists() else asked.data
    if weights is None and asked.weights:
        weights = beside(asked.path, asked.weights)
    return open_subject(model, data=data, answer=answer or asked.answer or None, weights=weights)


def beside(path: str, named: str) -> str:
    """A path that a file names: it starts at the file.

    Example:
        >>> beside("checks/credit.toml", "runs/credit"), beside("checks/credit.toml", "/runs/credit")
        ('checks/runs/credit', '/runs/credit')
    """
    return str(Path(path).parent / named)
