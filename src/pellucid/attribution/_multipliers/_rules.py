"""One multiplier for each kind of operation, as the backward of an autograd function.

Each holds exactly: the sum over an operation's inputs of multiplier × difference is its output's difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

from pellucid.attribution._operations import Form, Slot, transposed

if TYPE_CHECKING:
    from pellucid.attribution._multipliers._maxima import Maxima
    from pellucid.attribution._multipliers._pairing import Pairing


class Place:
    """One operation in the pass at the input: what it is and where its twin at the reference is found."""

    __slots__ = ("form", "index", "keep", "name", "pairing", "slots")

    def __init__(
        self, name: str, form: Form, pairing: Pairing, index: int, keep: Callable[[Tensor], Slot]
    ) -> None:
        self.name, self.form, self.pairing, self.index, self.keep = name, form, pairing, index, keep
        self.slots: tuple[Slot, ...] = ()

    def kept(self, *tensors: Tensor) -> None:
        """Keep what the backward needs."""
        self.slots = tuple(self.keep(t) for t in tensors)

    @property
    def here(self) -> tuple[Tensor, ...]:
        """What was kept at the input."""
        return tuple(slot.now for slot in self.slots)

    @property
    def there(self) -> tuple[Tensor, ...]:
        """The same at the reference."""
        return self.pairing.at(self.index)


STRAIGHT = (
    "relu",
    "leaky_relu",
    "prelu",
    "relu6",
    "hardtanh",
    "clamp",
    "clamp_min",
    "clamp_max",
    "abs",
    "threshold",
)


def quotient(over: Tensor, under: Tensor, limit: Tensor | float, noise: Tensor | float = 0.0) -> Tensor:
    """``over / under``; ``limit`` where ``under`` is no more than rounding noise."""
    small = under == 0 if isinstance(noise, float) else under.abs() <= noise
    return torch.where(small, limit, over / under)


class Elementwise(Function):
    """Rescale rule: the output's difference over the input's; the slope where the inputs are equal."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, place: Place) -> Tensor:
        y = place.form.of(x)
        ctx.place = place
        place.kept(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        place: Place = ctx.place
        (x, y), (x0, y0) = place.here, place.there[:2]
        if place.name == "relu":
            return grads[0] * share_of_relu(x, x0), None
        # pieces that are straight divide exactly; what bends is all rounding where the difference is tiny
        bends = place.name not in STRAIGHT
        noise = torch.finfo(x.dtype).eps ** 0.75 * (1 + x.abs()) if bends else 0.0
        return grads[0] * quotient(y - y0, x - x0, slope(place, x), noise), None


def share_of_relu(x: Tensor, x0: Tensor) -> Tensor:
    """Its difference over its input's: 1 above zero, 0 below, between them the part that lies above."""
    # a tiny number makes 0 of 0/0 and changes no other difference
    width = (x - x0).abs_().add_(torch.finfo(x.dtype).tiny)
    return torch.maximum(x, x0).div_(width).clamp(0, 1)


def slope(place: Place, x: Tensor) -> Tensor:
    """Derivative of an elementwise operation."""
    return transposed(place.form.of, x)(torch.ones_like(x))[0]


class Product(Function):
    """A product of two tensors: each gets its difference times the other's value half-way."""

    @staticmethod
    def forward(ctx: Any, place: Place, a: Tensor, b: Tensor) -> Tensor:
        ctx.place = place
        place.kept(a, b)
        return place.form.of(a, b)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, Tensor]:
        place: Place = ctx.place
        (a, b), (a0, b0) = place.here, place.there
        middle_a, middle_b = (a + a0) / 2, (b + b0) / 2
        if place.name == "mul":
            g = grads[0]
            return None, (g * middle_b).sum_to_size(a.shape), (g * middle_a).sum_to_size(b.shape)
        of_a, of_b = transposed(place.form.of, middle_a, middle_b)(grads[0])
        return None, of_a, of_b


def log_mean(a: Tensor, b: Tensor) -> Tensor:
    """Logarithmic mean of ``exp a`` and ``exp b``: what makes a difference of logarithms one of numbers."""
    half = (a - b) / 2
    near = half.abs() < 0.5
    safe = torch.where(near & (half.abs() > 1e-4), half, torch.ones_like(half))
    ratio = torch.where(half.abs() > 1e-4, safe.sinh() / safe, 1 + half.square() / 6)
    far = (a.exp() - b.exp()) / torch.where(near, torch.ones_like(half), 2 * half)
    return torch.where(near, ((a + b) / 2).exp() * ratio, far).nan_to_num(0.0)


def shares(x: Tensor, x0: Tensor, dim: int) -> Tensor:
    """What each element's difference adds to the difference of the log of summed exponentials."""
    total, total0 = x.logsumexp(dim, keepdim=True), x0.logsumexp(dim, keepdim=True)
    top = torch.maximum(total, total0)
    return log_mean(x - top, x0 - top) / log_mean(total - top, total0 - top)


class Softmax(Function):
    """Softmax and its kin, each sample by itself: in logarithms they are differences."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, place: Place, dim: int) -> Tensor:
        ctx.place, ctx.dim = place, dim
        place.kept(x)
        return place.form.of(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,), (x0, *_), dim, g = ctx.place.here, ctx.place.there, ctx.dim, grads[0]
        share = shares(x, x0, dim)
        if ctx.place.name == "logsumexp":
            return share * (g if g.ndim == share.ndim else g.unsqueeze(dim)), None, None
        if ctx.place.name == "softmax":
            g = g * log_mean(x.log_softmax(dim), x0.log_softmax(dim))
        return g - share * g.sum(dim, keepdim=True), None, None


class Maximum(Function):
    """A maximum: what it rose goes to where it is now, what it fell to where it was at the reference."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, place: Place, how: Maxima) -> tuple[Tensor, Tensor]:
        y, index = how.pick(x)
        ctx.place, ctx.how = place, how
        ctx.mark_non_differentiable(index)
        place.kept(x, y, index)
        return y, index

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        how: Maxima = ctx.how
        (x, y, index), (x0, y0, index0) = ctx.place.here, ctx.place.there
        d, least = x - x0, torch.finfo(x.dtype).tiny
        # where the maximum rose, its element rose as much or more; where it fell, the old one's fell so
        index0 = index0.expand_as(index)
        rose = (y - y0).clamp(min=0) / (y - how.look(x0.expand_as(x), index)).clamp(min=least)
        fell = (y0 - y).clamp(min=0) / (y0 - how.look(x, index0)).clamp(min=least)
        if how.apart(x):
            return how.over(grads[0], how.spread([(rose, index), (fell, index0)], d)), None, None
        return how.spread([(grads[0] * rose, index), (grads[0] * fell, index0)], d), None, None
