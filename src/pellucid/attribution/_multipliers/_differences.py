"""A pass at the reference and one at the input, compared operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.attribution._multipliers._pairing import Pairing
from pellucid.attribution._multipliers._reveal import Reveal
from pellucid.attribution._multipliers._rules import (
    Elementwise,
    Maximum,
    Pick,
    Place,
    Product,
    Softmax,
    Spread,
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
# how a maximum is taken, undone, and put into the form that torch gives it
Maxima = tuple[Pick, Spread, Callable[[Tensor, Tensor], object]]
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
        self.count = self.rescaled = self.steered = 0
        # operations that the input steers differently than the reference does
        self.torn: set[str] = set()

    def chooses(self, name: str, chosen: tuple[Tensor, ...]) -> None:
        """Compare what steers an operation in both passes."""
        if self.remember:
            self.pairing.choose(tuple(self.kept(t) for t in chosen))
            return
        if not self.pairing.chose_alike(self.steered, chosen):
            self.torn.add(name)
        self.steered += 1

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
        place = Place(call.name, call.form(), self.pairing, self.count, self.kept)
        self.pairing.meet(self.count, call.name, seen)
        self.count += 1
        return place

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
        found = _window(call) if "pool" in call.name else _axis(call)
        if found is None:
            return NotImplemented
        pick, spread, finish = found
        if self.remember:
            y, index = pick(x)
            self._next(call, x, y, index)
            place = None
        else:
            place = self._next(call, x)
            y, index = Maximum.apply(x, place, pick, spread), pick(x.detach())[1]
        return finish(y, index)


def _window(call: Call) -> Maxima:
    """Max-pooling: values, places of them within a row's map, and back."""
    name, axes = call.name, int(call.name[-2])
    pool = getattr(F, name)
    last = 2 if name.startswith("adaptive") else 6
    options = dict(call.kwargs)
    wanted = bool(options.pop("return_indices", call.args[last] if len(call.args) > last else False))
    rest = call.args[1:last]

    def pick(x: Tensor) -> tuple[Tensor, Tensor]:
        return pool(x, *rest, **options, return_indices=True)

    def spread(v: Tensor, index: Tensor, like: Tensor) -> Tensor:
        flat = torch.zeros_like(like).flatten(-axes)
        return flat.scatter_add(-1, index.flatten(-axes), v.flatten(-axes)).view_as(like)

    return pick, spread, _both if wanted else _first


def _both(y: Tensor, index: Tensor) -> object:
    return y, index


def _first(y: Tensor, index: Tensor) -> object:
    return y


def _axis(call: Call) -> Maxima | None:
    """A maximum along one axis."""
    dim, keep = call.given(1, "dim"), bool(call.given(2, "keepdim", False))
    if isinstance(dim, tuple | list) and len(dim) == 1:
        dim = dim[0]
    if not isinstance(dim, int):
        return None

    def pick(x: Tensor) -> tuple[Tensor, Tensor]:
        return cast("tuple[Tensor, Tensor]", x.max(dim, keepdim=True))

    def spread(v: Tensor, index: Tensor, like: Tensor) -> Tensor:
        return torch.zeros_like(like).scatter_add(dim, index, v)

    def finish(y: Tensor, index: Tensor) -> object:
        y, index = (y, index) if keep else (y.squeeze(dim), index.squeeze(dim))
        return torch.return_types.max((y, index)) if call.name == "max" else y

    return pick, spread, finish
