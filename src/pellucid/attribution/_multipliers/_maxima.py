"""Taking a maximum, looking where it was, and handing something back to that place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.attribution._operations import Call


class Maxima(ABC):
    """How one operation takes its maxima; indices are what it gives back with them."""

    @abstractmethod
    def pick(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maxima and their indices."""

    @abstractmethod
    def look(self, x: Tensor, index: Tensor) -> Tensor:
        """What stands in ``x`` at these indices, in the shape of the maxima."""

    @abstractmethod
    def spread(self, parts: Sequence[tuple[Tensor, Tensor]], like: Tensor) -> Tensor:
        """The sum of several values, each put at its indices, in the shape of ``like`` and zero elsewhere."""

    @abstractmethod
    def apart(self, x: Tensor) -> bool:
        """Whether each element of ``x`` lies in the window of one maximum, so that :meth:`over` works."""

    @abstractmethod
    def over(self, g: Tensor, share: Tensor) -> Tensor:
        """Values of maxima times each element's own share in its maximum."""

    @abstractmethod
    def finish(self, y: Tensor, index: Tensor) -> object:
        """The form that torch gives it."""


class Pooled(Maxima):
    """Max-pooling."""

    def __init__(self, call: Call) -> None:
        name, self.axes = call.name, int(call.name[-2])
        last = 2 if name.startswith("adaptive") else 6
        options = dict(call.kwargs)
        given = call.args[last] if len(call.args) > last else False
        self.both = bool(options.pop("return_indices", given))
        self._do: Callable[..., tuple[Tensor, Tensor]] = getattr(F, name)
        self._rest, self._options = call.args[1:last], options
        self._plain = not name.startswith("adaptive") and _plain(call)

    def pick(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._do(x, *self._rest, **self._options, return_indices=True)

    def look(self, x: Tensor, index: Tensor) -> Tensor:
        flat = index.flatten(-self.axes)
        return x.flatten(-self.axes).gather(-1, flat).view_as(index)

    def spread(self, parts: Sequence[tuple[Tensor, Tensor]], like: Tensor) -> Tensor:
        flat = torch.zeros_like(like).flatten(-self.axes)
        for value, index in parts:
            flat = flat.scatter_add(-1, index.flatten(-self.axes), value.flatten(-self.axes))
        return flat.view_as(like)

    def apart(self, x: Tensor) -> bool:
        each = zip(x.shape[-self.axes :], self._windows, strict=True)
        return self._plain and all(size % k == 0 for size, k in each)

    def over(self, g: Tensor, share: Tensor) -> Tensor:
        # the axis [o·k] of the share is [o, k]: each window's value meets the k elements of its window
        parted, shape = share, share.shape
        for i, k in enumerate(self._windows[::-1]):
            parted, g = parted.unflatten(-1 - 2 * i, (-1, k)), g.unsqueeze(g.ndim - 2 * i)
        return (parted * g).reshape(*g.shape[: -2 * self.axes], *shape[-self.axes :])

    def finish(self, y: Tensor, index: Tensor) -> object:
        return (y, index) if self.both else y

    @property
    def _windows(self) -> list[int]:
        size = self._rest[0] if self._rest else self._options["kernel_size"]
        each = [size] if isinstance(size, int) else list(cast("tuple[int, ...]", size))
        return each * self.axes if len(each) == 1 else each


def _plain(call: Call) -> bool:
    """Whether windows lie side by side: as far apart as they are wide, nothing padded or left out."""
    size, stride = call.given(1, "kernel_size"), call.given(2, "stride")
    padding, dilation = call.given(3, "padding", 0), call.given(4, "dilation", 1)
    side = stride in (None, [], ()) or stride == size
    return side and padding in (0, (0,), (0, 0), (0, 0, 0)) and dilation in (1, (1,), (1, 1), (1, 1, 1))


class Along(Maxima):
    """A maximum along one axis."""

    def __init__(self, call: Call, dim: int) -> None:
        self.dim, self.keep = dim, bool(call.given(2, "keepdim", False))
        self.both = call.name == "max"

    def pick(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return cast("tuple[Tensor, Tensor]", x.max(self.dim, keepdim=True))

    def look(self, x: Tensor, index: Tensor) -> Tensor:
        return x.gather(self.dim, index)

    def spread(self, parts: Sequence[tuple[Tensor, Tensor]], like: Tensor) -> Tensor:
        made = torch.zeros_like(like)
        for value, index in parts:
            made = made.scatter_add(self.dim, index, value)
        return made

    def apart(self, x: Tensor) -> bool:
        return True

    def over(self, g: Tensor, share: Tensor) -> Tensor:
        return g * share

    def finish(self, y: Tensor, index: Tensor) -> object:
        y, index = (y, index) if self.keep else (y.squeeze(self.dim), index.squeeze(self.dim))
        return torch.return_types.max((y, index)) if self.both else y


def maxima(call: Call) -> Maxima | None:
    """How a call takes its maxima; ``None`` where not along one axis or in windows."""
    if "pool" in call.name:
        return Pooled(call)
    dim = call.given(1, "dim")
    if isinstance(dim, tuple | list) and len(cast("tuple[object]", dim)) == 1:
        dim = cast("tuple[object]", dim)[0]
    return Along(call, dim) if isinstance(dim, int) else None
