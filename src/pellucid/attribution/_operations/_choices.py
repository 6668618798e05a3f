"""What a network makes of its input without a slope, to steer by it: comparisons, places, detached copies."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from torch import Tensor

if TYPE_CHECKING:
    from pellucid.attribution._operations._watch import Call


class Choices:
    """The tensors of one pass that depend on the explained point and carry no graph."""

    def __init__(self) -> None:
        self._known: dict[int, weakref.ref[Tensor]] = {}

    def add(self, made: object) -> None:
        """Everything without a graph in what an operation gave."""
        for tensor in tensors(made):
            if not tensor.requires_grad:
                self._known[id(tensor)] = weakref.ref(tensor)

    def among(self, call: Call) -> tuple[Tensor, ...]:
        """The ones that an operation takes."""
        if not self._known:
            return ()
        taken = [t for t in call.tensors if not t.requires_grad]
        return tuple(t for t in taken if (ref := self._known.get(id(t))) is not None and ref() is t)


def tensors(value: object) -> list[Tensor]:
    """All tensors in nested arguments, in order."""
    found: list[Tensor] = []
    for item in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
        if isinstance(item, Tensor):
            found.append(item)
        elif item is not None and not isinstance(item, int | float | str):
            _gather(item, found)
    return found


def _gather(value: object, found: list[Tensor]) -> None:
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, tuple | list):
        for item in cast("list[object]", value):
            _gather(item, found)
    # asking whether something is a Mapping is slow, and most arguments are numbers
    elif value is not None and not isinstance(value, int | float | str) and isinstance(value, Mapping):
        for item in cast("Mapping[str, object]", value).values():
            _gather(item, found)
