"""A pass at the reference and one at the input, compared operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor

from pellucid.attribution._multipliers._maxima import maxima
from pellucid.attribution._multipliers._pairing import Pairing
from pellucid.attribution._multipliers._reveal import Reveal
from pellucid.attribution._multipliers._rules import (
    Elementwise,
    Maximum,
    Place,
    Product,
    Softmax,
)
from pellucid.attribution._operations import (
    ELEMENTWISE,
    LINEAR,
    MAXIMA,
    PRODUCTS,
    Call,
    Makers,
    Watch,
    affine,
    weighted,
)
from pellucid.errors import MethodError

Rule = Literal["rescale", "reveal_cancel"]
SOFTMAX = ("softmax", "log_softmax", "logsumexp")


class Differences(Watch):
    """Watches both passes: the first to remember it, the second to build multipliers into its backward.

    Args:
        method: for error texts.
        pairing: what the two passes share.
        remember: whether this is the pass at the reference.
        rule: how an elementwise operation shares its difference.
    """

    def __init__(self, method: str, pairing: Pairing, *, remember: bool, rule: Rule = "rescale") -> None:
        super().__init__(method)
        self.pairing, self.remember, self.way = pairing, remember, rule
        self.makers = Makers()
        self.rescaled = 0

    def chooses(self, name: str, chosen: tuple[Tensor, ...]) -> None:
        """Keep what steers an operation, to compare it between the passes."""
        self.pairing.choose(name, tuple(self.kept(t) for t in chosen), there=self.remember)

    def rule(self, call: Call) -> object:
        """The operation with DeepLIFT's multiplier in its backward."""
        name, active = call.name, call.active
        if name in PRODUCTS and len(active) > 2:
            raise MethodError(
                f"{self.method} has no rule for {name!r} of {len(active)} tensors that all depend on the "
                "input. Multiply them two at a time."
            )
        if name in LINEAR or (name in PRODUCTS and len(active) == 1):
            return self._straight(call)
        if name in PRODUCTS:
            return self._product(call)
        if len(active) > 1:
            return NotImplemented
        if name in ELEMENTWISE:
            return self._elementwise(call)
        if name in SOFTMAX:
            return self._softmax(call)
        return self._maximum(call) if name in MAXIMA else NotImplemented

    def _next(self, call: Call, *seen: Tensor) -> Place | None:
        """The place of an operation, or ``None`` in the pass that only remembers."""
        if self.remember:
            self.pairing.add(call.name, tuple(self.kept(t) for t in seen))
            return None
        number = self.pairing.saw(call.name, seen)
        return Place(call.name, call.form(), self.pairing, number, self.kept)

    def _straight(self, call: Call) -> object:
        if call.name == "batch_norm" and call.args[5]:
            raise MethodError(
                f"{self.method} cannot explain a batch norm that uses the batch's own statistics; "
                "give it running statistics, or use a group norm."
            )
        made = call.plainly()
        if self.way == "reveal_cancel" and isinstance(made, Tensor):
            self._note_maker(call, made)
        return made

    def _note_maker(self, call: Call, made: Tensor) -> None:
        source = call.active[0]
        by = weighted(call)
        before = self.makers.of(source) if call.name == "batch_norm" else None
        if before is not None:
            by, source = before[0].scaled(*affine(call)), before[1]
        if by is not None:
            self.makers.add(made, by, source)

    def _elementwise(self, call: Call) -> object:
        x = call.active[0]
        maker = self.makers.of(x) if self.way == "reveal_cancel" else None
        if self.remember:
            y = cast("Tensor", call.plainly())
            self._next(call, x, y, *([] if maker is None else [maker[1]]))
            return y
        place = cast("Place", self._next(call, x))
        if maker is not None:
            return Reveal.apply(maker[1], x.detach(), place, maker[0])
        self.rescaled += 1
        return Elementwise.apply(x, place)

    def _product(self, call: Call) -> object:
        a, b = call.active
        place = self._next(call, a, b)
        return call.plainly() if place is None else Product.apply(place, a, b)

    def _softmax(self, call: Call) -> object:
        x = call.active[0]
        dim = call.given(1, "dim")
        if isinstance(dim, tuple | list) and len(cast("tuple[int]", dim)) == 1:
            dim = cast("tuple[int]", dim)[0]
        if not isinstance(dim, int):
            return NotImplemented
        place = self._next(call, x)
        return call.plainly() if place is None else Softmax.apply(x, place, dim)

    def _maximum(self, call: Call) -> object:
        x = call.active[0]
        if call.name in ("min", "amin"):
            largest = cast("Callable[..., Tensor]", torch.amax if call.name == "amin" else torch.max)
            with self:
                found = largest(-x, *call.args[1:], **call.kwargs)
                if isinstance(found, Tensor):
                    return -found
                return torch.return_types.min((-found.values, found.indices))
        how = maxima(call)
        if how is None:
            return self._several_axes(call)
        if self.remember:
            y, index = how.pick(x)
            self._next(call, x, y, index)
        else:
            y, index = cast("tuple[Tensor, Tensor]", Maximum.apply(x, self._next(call, x), how))
        return how.finish(y, index)

    def _several_axes(self, call: Call) -> object:
        """A maximum over several axes, none of them the rows': one over an axis that holds them all."""
        x, dim = call.active[0], call.given(1, "dim")
        if not isinstance(dim, tuple | list):
            return NotImplemented
        axes = sorted(axis % x.ndim for axis in cast("Sequence[int]", dim))
        if not axes or axes[0] == 0:
            return NotImplemented
        with self:
            last = x.movedim(axes, list(range(-len(axes), 0))).flatten(-len(axes))
            found = torch.amax(last, -1)
            for axis in axes if call.given(2, "keepdim", False) else []:
                found = found.unsqueeze(axis)
        return found
