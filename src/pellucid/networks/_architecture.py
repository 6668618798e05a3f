"""What a network is made of, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pellucid._core import Json
from pellucid.errors import InputError


def _plain(value: object) -> Json:
    """The same value in the types that JSON knows."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in cast("tuple[object, ...]", value)]
    raise InputError(f"An architecture holds numbers, texts and lists of them, got {type(value).__name__}.")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is made of, as data: enough to build it again without the code that made it.

    Args:
        kind: name of the function that builds it, such as ``"mlp"``.
        params: its arguments by name; tuples are kept as lists, so that a round trip through JSON is equal.

    Raises:
        InputError: if a parameter is no number, text or list of them.

    Example:
        >>> from pellucid.networks import mlp
        >>> network = mlp(4, 2, hidden=(8,))
        >>> network.architecture.kind, network.architecture.params["hidden"]
        ('mlp', [8])
    """

    kind: str
    params: Mapping[str, Json]

    def __post_init__(self) -> None:
        """Keep plain types only."""
        object.__setattr__(self, "params", {name: _plain(value) for name, value in self.params.items()})

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        return {"kind": self.kind, "params": dict(self.params)}

    @classmethod
    def from_json(cls, written: Mapping[str, Json]) -> Architecture:
        """From what :meth:`to_json` gave.

        Raises:
            InputError: if ``kind`` or ``params`` are missing or of another type.
        """
        kind, params = written.get("kind"), written.get("params")
        if not isinstance(kind, str) or not isinstance(params, dict):
            raise InputError(f"Expected a text 'kind' and a table 'params', got {dict(written)!r}.")
        return cls(kind, params)
