"""The reference goes through a network along with the rows, so that all weights are read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

from pellucid._core import Pass, by_hand
from pellucid.attribution._multipliers._maxima import maxima
from pellucid.attribution._multipliers._pairing import Pairing
from pellucid.attribution._multipliers._rules import Elementwise, Maximum, Place, Softmax, share_of_relu
from pellucid.attribution._operations import ELEMENTWISE, MAXIMA, Call, Slot, named
from pellucid.errors import MethodError

# each row by itself, and straight in it
STRAIGHT = frozenset(
    {"conv2d", "batch_norm", "avg_pool2d", "adaptive_avg_pool2d", "flatten", "dropout", "dropout2d"}
)
SUMS = frozenset({"add", "sub", "rsub"})
SCALED = frozenset({"mul", "div"})
SOFTMAX = frozenset({"softmax", "log_softmax"})


class Along:
    """DeepLIFT's way back through a network that is still, in one pass of the rows and one reference.

    It takes one way for all inputs then, so that each operation may be done for both before the next one. Of
    operations it knows those of torch's own layers; anything else raises, and is left to two passes.

    Args:
        method: for error texts.
        baseline: the number that stands in every element of the reference.
    """

    along = 1

    def __init__(self, method: str, baseline: float) -> None:
        self.method, self.baseline = method, baseline
        self._there: Tensor | None = None

    def __call__(self, work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """There is no other way of it than :meth:`output`."""
        raise NotImplementedError

    def output(self, model: nn.Module, modules: Iterable[nn.Module], fed: Tensor, *, still: bool) -> Tensor:
        """What the network gives, with multipliers in its way back."""
        there = torch.full_like(fed[:1], self.baseline, requires_grad=False)
        with _Lockstep(self.method, fed, there) as both:
            output: object = (by_hand(model, modules) if still else model)(fed)
        self._there = both.there(output)
        return cast("Tensor", output)

    @property
    def reached(self) -> Tensor:
        """The output at the reference ``[1, outputs]``, once there has been a pass."""
        assert self._there is not None
        return self._there


class _Lockstep(TorchFunctionMode):
    """Does each operation at the reference too."""

    def __init__(self, method: str, here: Tensor, there: Tensor) -> None:
        super().__init__()
        self.method, self.rows = method, len(here)
        # numbers of tensors mean nothing once they are gone, so they stay
        self._known: dict[int, tuple[Tensor, Tensor]] = {id(here): (here, there)}
        self._pairing = Pairing(self.rows, once=True)

    def there(self, here: object) -> Tensor:
        """What stands at the reference for a tensor of the rows; raises where it is none of them."""
        found = self._known.get(id(here))
        if found is None:
            raise MethodError(f"{self.method} does not know where a tensor comes from.")
        return found[1]

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Do one operation for the rows and for the reference."""
        name, given = named(func)[0], kwargs or {}
        if name == "dim":
            return func(*args, **given)
        if given.get("inplace") or given.get("training"):
            raise MethodError(f"{self.method} cannot take {name!r} along.")
        x = args[0]
        x0 = self.there(x)
        if name in SUMS and isinstance(args[1], Tensor) and args[1].ndim == cast("Tensor", x).ndim:
            return self._know(func(x, args[1], **given), func(x0, self.there(args[1]), **given))
        if name in SUMS | SCALED and not isinstance(args[1], Tensor):
            return self._know(func(*args, **given), func(x0, *args[1:], **given))
        if name == "linear" and isinstance(x, Tensor) and x.ndim > 1:
            return self._know(*cast("tuple[Tensor, Tensor]", _Dense.apply(x, x0, *args[1:])))
        if name in STRAIGHT:
            with torch.no_grad():
                there = func(x0, *args[1:], **given)
            return self._know(func(*args, **given), there)
        if name == "relu":
            return self._know(_Rectified.apply(x, x0), torch.relu(x0))
        return self._ruled(Call(name, func, args, given), x0)

    def _ruled(self, call: Call, x0: Tensor) -> object:
        """An operation with a multiplier of its own."""
        x, name = call.active[0], call.name
        if name in ELEMENTWISE:
            y0 = cast("Tensor", call.func(x0, *call.args[1:], **call.kwargs))
            return self._know(Elementwise.apply(x, self._place(call, x0, y0)), y0)
        if name in MAXIMA and "pool" in name:
            how = maxima(call)
            assert how is not None
            y0, index0 = how.pick(x0)
            y, index = cast("tuple[Tensor, Tensor]", Maximum.apply(x, self._place(call, x0, y0, index0), how))
            return self._know(how.finish(y, index), how.finish(y0, index0))
        dim = call.given(1, "dim")
        # over the rows it would mix them
        if name in SOFTMAX and isinstance(dim, int) and dim % x.ndim:
            y0 = call.func(x0, *call.args[1:], **call.kwargs)
            return self._know(Softmax.apply(x, self._place(call, x0), dim), y0)
        raise MethodError(f"{self.method} cannot take {name!r} along.")

    def _place(self, call: Call, *there: Tensor) -> Place:
        number = self._pairing.saw(call.name, there)
        self._pairing.add(call.name, tuple(map(Slot, there)))
        return Place(call.name, call.form(), self._pairing, number, lambda t: Slot(t.detach()))

    def _know(self, here: object, there: object) -> Tensor:
        """A tensor of the rows, and the one that stands for it; raises where rows are not the first axis."""
        if not isinstance(here, Tensor) or not isinstance(there, Tensor):
            raise MethodError(f"{self.method} cannot take several tensors along.")
        if here.shape[:1] != (self.rows,) or there.shape != (1, *here.shape[1:]):
            raise MethodError(f"{self.method} cannot take rows along that are mixed.")
        self._known[id(here)] = here, there
        return here


class _Dense(Function):
    """A dense layer of the rows and the reference at once; only the rows' way leads back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, x0: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.weight = weight
        both = F.linear(torch.cat((x0, x)), weight, bias)
        there, here = both[:1], both[1:]
        ctx.mark_non_differentiable(there)
        return here, there

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        return grads[0] @ ctx.weight, None, None, None


class _Rectified(Function):
    """A ReLU with the share of it that lies above zero as its slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x0: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.there = x0
        return torch.relu(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * share_of_relu(ctx.saved_tensors[0], ctx.there), None
