"""Everything that pellucid raises on purpose.

::

    PellucidError
    ├── SiteError(LookupError)       a layer address that does not exist, is not reached or is ambiguous
    ├── InputError(ValueError)       inputs of a wrong shape, type, range or content
    ├── TargetError(ValueError)      an output, class or unit that cannot be explained
    ├── MethodError(RuntimeError)    a method that cannot answer for this network
    ├── TrainingError(RuntimeError)  training that cannot go on
    ├── LoadError(OSError)           a path, name or file from which nothing can be opened
    ├── StoreError(OSError)          a result that cannot be written or read back
    └── CancelledError               the caller asked to stop

Each text says what was expected, what came, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CancelledError",
    "InputError",
    "LoadError",
    "MethodError",
    "PellucidError",
    "SiteError",
    "StoreError",
    "TargetError",
    "TrainingError",
    "near_misses",
]


class PellucidError(Exception):
    """Any failure that pellucid foresaw."""


class SiteError(PellucidError, LookupError):
    """A layer address that does not exist, is not reached by the pass, or is ambiguous."""


class InputError(PellucidError, ValueError):
    """Inputs of a wrong shape, type, range or content."""


class TargetError(PellucidError, ValueError):
    """An output, class or unit that cannot be explained."""


class MethodError(PellucidError, RuntimeError):
    """A method that cannot answer for this network."""


class TrainingError(PellucidError, RuntimeError):
    """Training that cannot go on, with the layer and step where it broke."""


class LoadError(PellucidError, OSError):
    """A path, name or file from which nothing can be opened."""


class StoreError(PellucidError, OSError):
    """A result that cannot be written or read back."""


class CancelledError(PellucidError):
    """The caller asked to stop; what was finished before is kept."""


def near_misses(name: str, options: Iterable[str], *, limit: int = 3) -> str:
    """A sentence that names what the user may have meant, or the options when nothing is near.

    Example:
        >>> near_misses("conv33", ["conv1", "conv3", "fc"])
        'Did you mean conv3 or conv1?'
        >>> near_misses("Age", ["age_in_years", "amount"])
        'Did you mean age_in_years?'
    """
    known = list(dict.fromkeys(options))
    close = difflib.get_close_matches(name, known, n=limit)
    if not close and len(name) > 2:
        close = [option for option in known if name.lower() in option.lower()][:limit]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    if not known:
        return "There is none to choose from."
    shown = ", ".join(known[:12])
    return f"There are: {shown}{f' and {len(known) - 12} more' if len(known) > 12 else ''}."
