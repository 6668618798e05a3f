"""Batch norms that are done by the convolutions before them, while rows go through a network."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from pellucid._core._beside import Again

Args = tuple[Any, ...]
CONVOLUTIONS = {nn.Conv1d: torch.conv1d, nn.Conv2d: torch.conv2d, nn.Conv3d: torch.conv3d}
OWN = (Tensor, nn.Parameter)
NORMS = frozenset({nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d})
SUMS = frozenset({torch.add, Tensor.add})
RELUS = frozenset({torch.relu, Tensor.relu, F.relu})
TOLD: Any = Tensor
# what may be asked of a result before it is computed
SHAPES = frozenset(
    {Tensor.dim, Tensor.size, TOLD.shape.__get__, TOLD.ndim.__get__, TOLD.dtype.__get__, TOLD.device.__get__}
)


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """A convolution that does its norm's work too."""

    weight: Tensor
    bias: Tensor
    given: tuple[Tensor, ...]  # all numbers that went into this
    versions: tuple[int, ...]

    @property
    def holds(self) -> bool:
        """Whether nobody has written into those numbers since."""
        return self.versions == versions(self.given)


def versions(tensors: Iterable[Tensor]) -> tuple[int, ...]:
    """How often each was written into."""
    return tuple(tensor._version for tensor in tensors)


class Folds:
    """What was learned about a network: which convolution goes with which norm, and which with none.

    Inside, a convolution's result is not computed before something reads it. Where that is a norm in
    evaluation, one convolution with other weights does both (Jacob et al. 2018, section 3.2), and a sum and
    a ReLU that follow are written over its result. Everything else finds what it would have found, computed
    when it is asked for. Where that can no longer be had, :class:`Again` is raised, and nothing is folded any
    more.
    """

    __slots__ = ("_alone", "_both", "_made", "_modules", "grads", "left")

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        every = list(modules)
        known = any(type(module) in NORMS for module in every)
        self._modules: list[nn.Module] = [module for module in every if known and _known(module)]
        self._both: dict[tuple[nn.Module, nn.Module], Both | None] = {}
        self._alone: set[nn.Module] = set()  # whose results something else reads
        self._made: list[weakref.ref[Tensor]] = []
        self.left: bool = False
        self.grads: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to fold."""
        return bool(self._modules)

    def close(self) -> None:
        """Fold nothing any more."""
        self._modules = []

    def __enter__(self) -> None:
        """Convolutions and norms work together from here on."""
        self.left, self.grads = False, torch.is_grad_enabled()
        for module in self._modules:
            work = self._norm if type(module) in NORMS else self._convolution
            module.__dict__["forward"] = partial(work, module)  # past Module.__setattr__

    def __exit__(self, *error: object) -> None:
        """The modules as they came; what the network keeps becomes plain tensors."""
        for module in self._modules:
            del module.__dict__["forward"]
        kept = [value for ref in self._made if (value := ref()) is not None]
        self._made.clear()
        if error[0] is None and not self.left:
            for value in kept:
                self.left = True
                # fails where somebody else points at it too, as autograd does: then it stays
                with suppress(Exception):
                    torch.utils.swap_tensors(value, plain(value).detach())
        if self.left:
            self.close()
            raise Again

    def leave(self) -> None:
        """Give up the pass, even where the network catches this."""
        self.left = True
        raise RuntimeError("What this was made of is no more.")

    def alone(self, module: nn.Module) -> None:
        """From now on a convolution is computed at once, because its result is read as it is."""
        self._alone.add(module)

    def pending(self, *parts: Any) -> Pending:
        """A result that is not computed yet."""
        made = Pending(self, *parts)
        self._made.append(weakref.ref(made))
        return made

    def _convolution(self, module: nn.Conv2d, x: Tensor) -> Tensor:
        x = plain(x)
        if module in self._alone or x.ndim != module.weight.ndim or x.is_inference():
            return type(module).forward(module, x)
        return self.pending(_shape(module, x), module, (x,))

    def _norm(self, module: nn.BatchNorm2d, x: Tensor) -> Tensor:
        if isinstance(x, Pending) and x.full is None and x.both is None and not module.training:
            pair = x.module, module
            both = self._both.get(pair)
            if both is None or not both.holds:
                both = self._both[pair] = _joined(*pair)
            if both is not None:
                return self.pending(x.shape, x.module, x.given, both)
        return type(module).forward(module, plain(x))


class Pending(Tensor):
    """The result of a convolution, and perhaps of its norm and a sum, that is computed when it is read."""

    folds: Folds
    module: nn.Conv2d
    given: tuple[Tensor, ...]  # what is convolved, and what is added
    both: Both | None
    versions: tuple[int, ...]
    full: Tensor | None

    @staticmethod
    def __new__(
        cls: type[Pending],
        folds: Folds,
        shape: Sequence[int],
        module: nn.Conv2d,
        given: tuple[Tensor, ...],
        both: Both | None = None,
    ) -> Pending:
        make = cast("Callable[..., Pending]", Tensor._make_wrapper_subclass)
        made = make(cls, shape, dtype=given[0].dtype, device=given[0].device)
        made.folds, made.module, made.given, made.both, made.full = folds, module, given, both, None
        made.versions = versions(given)
        return made

    def __init__(
        self,
        folds: Folds,
        shape: Sequence[int],
        module: nn.Conv2d,
        given: tuple[Tensor, ...],
        both: Both | None = None,
    ) -> None:
        """All is done in ``__new__``."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Sequence[type], args: Args = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do an operation on what it is given, or put it off."""
        if func in SHAPES:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        x = args[0] if args else None
        if func in RELUS and _waits(x) and not (kwargs or {}).get("inplace") and len(args) == 1:
            return x.computed().relu_()
        if func in SUMS and len(args) == 2 and not kwargs:
            x, other = args if _waits(x) else args[::-1]
            if _waits(x) and len(x.given) == 1 and isinstance(other, Tensor) and other is not x:
                other = plain(other)
                if (other.shape, other.dtype) == (x.shape, x.dtype) and not other.is_inference():
                    return x.folds.pending(x.shape, x.module, (*x.given, other), x.both)
        return func(*tree_map(plain, args), **tree_map(plain, dict(kwargs or {})))

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Sequence[type], args: Args = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Whoever comes past Python gets nothing."""
        for value in (*args, *(kwargs or {}).values()):
            if isinstance(value, Pending):
                value.folds.leave()
        raise RuntimeError("This tensor is not computed yet.")

    def computed(self) -> Tensor:
        """The result, new."""
        x, *others = self.given
        # inside a function with slopes of its own nothing would be noted
        if self.folds.grads != torch.is_grad_enabled() or self.versions != versions(self.given):
            self.folds.leave()
        module = self.module
        if self.both is None:
            return type(module).forward(module, x)
        work = CONVOLUTIONS[type(module)]
        made = work(
            x, self.both.weight, self.both.bias, module.stride, module.padding, module.dilation, module.groups
        )
        return made.add_(others[0]) if others else made

    def whole(self) -> Tensor:
        """The result, from now on the same one."""
        if self.full is None:
            self.full = self.computed()
            if self.both is None:
                self.folds.alone(self.module)
        return self.full


def _waits(value: object) -> TypeGuard[Pending]:
    """Whether a convolution with its norm is still to be computed."""
    return isinstance(value, Pending) and value.full is None and value.both is not None


def plain(value: Any) -> Any:
    """A tensor that is computed, and anything else as it is."""
    return value.whole() if isinstance(value, Pending) else value


def _known(module: nn.Module) -> bool:
    """Whether a module does what torch's does."""
    if "forward" in module.__dict__:
        return False
    if type(module) in NORMS:
        norm = cast("nn.BatchNorm2d", module)
        whole = norm.affine == isinstance(norm.weight, Tensor) == isinstance(norm.bias, Tensor)
        return whole and norm.running_mean is not None
    if type(module) not in CONVOLUTIONS:
        return False
    convolution = cast("nn.Conv2d", module)
    return convolution.padding_mode == "zeros" and not isinstance(convolution.padding, str)


def _shape(module: nn.Conv2d, x: Tensor) -> list[int]:
    sides = zip(x.shape[2:], module.kernel_size, module.stride, module.padding, module.dilation, strict=True)
    return [
        len(x),
        module.out_channels,
        *((n + 2 * int(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sides),
    ]


def _joined(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> Both | None:
    """One for the other two; ``None`` where there is none."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return None
    parts = convolution.weight, convolution.bias, norm.weight, norm.bias, mean, variance
    given = tuple(part for part in parts if isinstance(part, Tensor))
    weight = convolution.weight
    if any(part.is_inference() or part.dtype != weight.dtype or type(part) not in OWN for part in given):
        return None
    with torch.no_grad():
        times = (variance + norm.eps).rsqrt()
        times = times * norm.weight if norm.affine else times
        plus = (-mean if convolution.bias is None else convolution.bias - mean) * times
        plus = plus + norm.bias if norm.affine else plus
        order = torch.channels_last if weight.ndim == 4 else torch.contiguous_format
        wide = (weight * times.view(-1, *[1] * (weight.ndim - 1))).contiguous(memory_format=order)
    return Both(wide, plus, given, versions(given))
