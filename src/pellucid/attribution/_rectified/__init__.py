"""ReLUs with a backward of their own, however a network writes them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid._core import Pass, Sharing, back_to, by_hand
from pellucid.attribution._operations import refuse_inner_slopes, transforms, unseen, visible
from pellucid.errors import MethodError

RELUS = frozenset({"relu", "relu_", "clamp_min", "clamp_min_", "clamp", "clamp_", "clip", "clip_"})
CAPPED = frozenset({"relu6", "relu6_", "hardtanh", "hardtanh_"})
CLOSED = frozenset({"rnn_relu", "rnn_relu_cell"})
SEEN = RELUS | CAPPED | CLOSED


class Through(Sharing):
    """Differentiate with only what is positive going on at every ReLU, and as usual at everything else.

    Args:
        method: for error texts.
        gated: let it pass only where the ReLU is on, too.
    """

    along = 0

    def __init__(self, method: str, *, gated: bool) -> None:
        super().__init__(self._slopes)
        self.method, self.gated = method, gated

    def _slopes(self, work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """Slopes and scores of one chunk."""
        method = self.method
        with torch.enable_grad():
            start = points.detach().requires_grad_()
            # networks may write into what they are given, and a leaf must not be written into
            fed = work.laid(start, rows, len(ks))
            with self._watched(work.feed.model, work.feed.guard.modules) as seen:
                score = work.score(fed, rows, len(ks))
        # a function of its own may hold ReLUs
        unseen(score, method)
        if not seen.count:
            raise MethodError(
                f"{method} changes how ReLUs differentiate, and no ReLU of {type(work.feed.model).__name__} "
                f"lies between {work.at or 'the input'} and {work.target.label}."
            )
        found = back_to(work, score, start, f"on {work.at or 'the input'} in a differentiable way.")
        return found, score.detach()

    def output(self, model: nn.Module, modules: Iterable[nn.Module], fed: Tensor, *, still: bool) -> object:
        """What the network gives, with that way back; raises where the long road would."""
        seen = _Rectifiers(self.method, gated=self.gated)
        # what is still is made of torch's own layers, and hides nothing
        with nullcontext() if still else visible(model, modules, self.method), seen:
            output: object = (by_hand(model, modules) if still else model)(fed)
        if not seen.count:
            raise MethodError(f"{self.method} met no ReLU.")
        if isinstance(output, Tensor) and not still:
            unseen(output, self.method)
        return output

    @contextmanager
    def _watched(self, model: nn.Module, modules: Iterable[nn.Module]) -> Generator[_Rectifiers]:
        with visible(model, modules, self.method), _Rectifiers(self.method, gated=self.gated) as seen:
            yield seen


class _Rectifiers(TorchFunctionMode):
    """Sees modules, functions, methods and in-place writes alike."""

    def __init__(self, method: str, *, gated: bool) -> None:
        super().__init__()
        self.method, self.gated, self.count = method, gated, 0

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Exchange a ReLU; leave everything else as it is."""
        name = _named(func)
        if name not in SEEN:
            refuse_inner_slopes(func, self.method)
            return func(*args, **(kwargs or {}))
        given = dict(kwargs or {})
        x = args[0] if args else given.get("input")
        if isinstance(x, Tensor):
            transforms(name, (x,), self.method)
        if not isinstance(x, Tensor) or not x.requires_grad:
            return func(*args, **given)
        if name in CLOSED:
            raise MethodError(f"{self.method} cannot see the ReLUs inside {name!r}.")
        low, high = _limits(name, args, given)
        if low != 0.0:
            return func(*args, **given)
        self.count += 1
        return self._ruled(x, high, written=_written(name, args, given))

    def _ruled(self, x: Tensor, high: float | None, *, written: bool) -> Tensor:
        if not self.gated:
            result = cast("Tensor", _Open.apply(x, high))
            return x.copy_(result) if written else result
        if high is None:
            result = torch.relu_(x) if written else torch.relu(x)
        else:
            result = F.hardtanh(x, 0.0, high, inplace=written)
        if result.requires_grad:
            result.register_hook(_positive)
        return result


@lru_cache
def _named(func: Callable[..., object]) -> str:
    return str(getattr(func, "__name__", "")).split(".")[0]


def _positive(slope: Tensor | None) -> Tensor | None:
    # what follows may have no slope, as quantised layers: that is not 0
    return None if slope is None else slope.clamp(min=0)


class _Open(torch.autograd.Function):
    """``min(max(x, 0), high)``; what is positive goes back, whether the ReLU was on or not."""

    @staticmethod
    def forward(ctx: object, x: Tensor, high: float | None) -> Tensor:
        context = cast("torch.autograd.function.FunctionCtx", ctx)
        context.set_materialize_grads(False)
        if high is not None:
            context.save_for_backward(x < high)
        return torch.relu(x) if high is None else x.clamp(0, high)

    @staticmethod
    def backward(ctx: object, *slopes: Tensor | None) -> tuple[Tensor | None, None]:
        below = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        slope = _positive(slopes[0])
        return slope * below[0] if below and slope is not None else slope, None


def _written(name: str, args: tuple[object, ...], given: dict[str, object]) -> bool:
    """Whether an operation writes its result into what it was given."""
    place = {"relu": 1, "relu6": 1, "hardtanh": 3}.get(name)
    told = args[place] if place is not None and place < len(args) else given.get("inplace")
    return name.endswith("_") or told is True


def _limits(
    name: str, args: tuple[object, ...], given: dict[str, object]
) -> tuple[float | None, float | None]:
    """Between which numbers an operation cuts off; the first is 0 for everything that is a ReLU."""
    numbers = [*args[1:], *[None] * 2]
    if name in {"relu", "relu_"}:
        return 0.0, None
    if name in {"relu6", "relu6_"}:
        return 0.0, 6.0
    if name in CAPPED:
        low, high = given.get("min_val", numbers[0]), given.get("max_val", numbers[1])
        return _number(-1.0 if low is None else low), _number(1.0 if high is None else high)
    if name in RELUS:
        return _number(given.get("min", numbers[0])), _number(given.get("max", numbers[1]))
    return None, None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
