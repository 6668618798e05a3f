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
        taken = [t for t in tensors((call.args, call.kwargs)) if not t.requires_grad]
        return tuple(t for t in taken if (ref := self._known.get(id(t))) is not None and ref() is t)


def tensors(value: object) -> list[Tensor]:
    """All tensors in nested arguments, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [t for item in cast("list[object]", value) for t in tensors(item)]
    if isinstance(value, Mapping):
        return [t for item in cast("Mapping[str, object]", value).values() for t in tensors(item)]
    return []
