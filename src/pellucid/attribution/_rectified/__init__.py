"""ReLUs with a backward of their own, however a network writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pellucid._core import Pass, Slope
from pellucid.attribution._operations import transforms, unseen, visible
from pellucid.errors import MethodError

# (slope that arrives, input of the ReLU) -> slope that goes on
Rule = Callable[[Tensor, Tensor], Tensor]
RELUS = frozenset({"relu", "relu_", "clamp_min", "clamp_min_", "clamp", "clamp_", "clip", "clip_"})
CAPPED = frozenset({"relu6", "relu6_", "hardtanh", "hardtanh_"})
CLOSED = frozenset({"rnn_relu", "rnn_relu_cell"})
SEEN = RELUS | CAPPED | CLOSED


def through(rule: Rule, method: str) -> Slope:
    """Differentiate with ``rule`` at every ReLU and as usual at everything else."""

    def slope(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        with visible(work.feed.model, method), torch.enable_grad(), _Rectifiers(rule, method) as seen:
            start = points.detach().requires_grad_()
            # networks may write into what they are given, and a leaf must not be written into
            score = work.score(start.clone(), rows, len(ks))
        # a function of its own may hold ReLUs
        unseen(score, method)
        if not seen.count:
            raise MethodError(
                f"{method} changes how ReLUs differentiate, and no ReLU of {type(work.feed.model).__name__} "
                f"lies between {work.at or 'the input'} and {work.target.label}."
            )
        (found,) = cast(
            "tuple[Tensor | None]",
            torch.autograd.grad(score, start, torch.ones_like(score), allow_unused=True),
        )
        if found is None:
            raise MethodError(f"{work.target.label} does not depend on {work.at or 'the input'}.")
        return found, score.detach()

    return slope


class _Rectifiers(TorchFunctionMode):
    """Sees modules, functions, methods and in-place writes alike."""

    def __init__(self, rule: Rule, method: str) -> None:
        super().__init__()
        self.rule, self.method, self.count = rule, method, 0

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Exchange a ReLU; leave everything else as it is."""
        given, name = dict(kwargs or {}), str(getattr(func, "__name__", "")).split(".")[0]
        x = args[0] if args else given.get("input")
        if isinstance(x, Tensor) and name in SEEN:
            transforms(name, (x,), self.method)
        if not isinstance(x, Tensor) or not x.requires_grad:
            return func(*args, **given)
        if name in CLOSED:
            raise MethodError(f"{self.method} cannot see the ReLUs inside {name!r}.")
        low, high = _limits(name, args, given)
        if low != 0.0 or not isinstance(x, Tensor):
            return func(*args, **given)
        self.count += 1
        result = cast("Tensor", _Ruled.apply(x, self.rule, high))
        return x.copy_(result) if name.endswith("_") or given.get("inplace") is True else result


class _Ruled(torch.autograd.Function):
    """``min(max(x, 0), high)`` whose backward is the rule."""

    @staticmethod
    def forward(ctx: object, x: Tensor, rule: Rule, high: float | None) -> Tensor:
        context = cast("torch.autograd.function.FunctionCtx", ctx)
        above = x.clamp(0, high)
        # signs, and not x, which a network may write into before the way back; numbers multiply faster than
        # truth values
        context.save_for_backward(above.sign(), *([] if high is None else [x < high]))
        context.rule = rule  # pyright: ignore[reportAttributeAccessIssue]
        return above

    @staticmethod
    def backward(ctx: object, *slopes: Tensor) -> tuple[Tensor, None, None]:
        on, *below = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        slope = slopes[0] * below[0] if below else slopes[0]
        return ctx.rule(slope, on), None, None  # pyright: ignore[reportAttributeAccessIssue]


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
