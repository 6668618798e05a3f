"""Layers that keep order to the last digit: the rows largest before them are the largest behind them."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import pooling

from pellucid._core._site import Site, named

T = TypeVar("T")
OURS = ("torch", "pellucid")  # whose classes do what their names say
# what they make of a number depends on it and its unit alone, and NaN stays NaN
BY_NUMBER = frozenset(
    {
        nn.ReLU,
        nn.ReLU6,
        nn.Hardtanh,
        nn.LeakyReLU,
        nn.ELU,
        nn.GELU,
        nn.SiLU,
        nn.Sigmoid,
        nn.Tanh,
        nn.Hardswish,
    }
)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Trail(Generic[T]):
    """What was found out about tensors of a pass, as long as they are what they were; none is kept alive."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], int, T]] = {}

    def keep(self, tensor: Tensor, found: T) -> None:
        """Not where changes in place are not counted."""
        if not tensor.is_inference():
            self._known[id(tensor)] = weakref.ref(tensor), tensor._version, found

    def of(self, tensor: Tensor, changes: int = 0) -> T | None:
        """What was kept of this tensor, where it was changed in place so many times since."""
        known = self._known.get(id(tensor))
        if known is None or known[0]() is not tensor or tensor._version != known[1] + changes:
            return None
        return known[2]

    def before(self, made: Tensor, given: tuple[object, ...]) -> tuple[T, Tensor] | None:
        """What was kept of the one tensor that a module was given, and that tensor."""
        if len(given) != 1 or not isinstance(given[0], Tensor):
            return None
        went = given[0]
        found = self.of(went, changes=int(went is made))
        return None if found is None else (found, went)

    def clear(self) -> None:
        """Forget all, behind a pass."""
        self._known.clear()


@dataclass(frozen=True, slots=True)
class Order:
    """What a layer makes of the largest value of each unit.

    Args:
        of: the largest value before to the largest behind; exactly, unless ``turned``.
        low, high: between these it leaves numbers as they are.
        flat: whether it makes ``low`` of all that lies below.
        placed: whether it also leaves them where they are, and what lies below stays below.
        turned: whether it makes other numbers of them, which keep their places.
    """

    of: Callable[[Tensor], Tensor]
    low: float = -math.inf
    high: float = math.inf
    flat: bool = False
    placed: bool = True
    turned: bool = False


def _kept(values: Tensor) -> Tensor:
    return values


SAME = Order(_kept)
POOLED = Order(_kept, placed=False)


def module_at(model: nn.Module, site: str) -> nn.Module | None:
    """The module whose output stands at a site as the module gives it."""
    address = Site.parse(site)
    module = named(model, address.module)
    return module if address.side == "out" and address.item is None and not module._forward_hooks else None


def keeps_order(module: nn.Module, given: Tensor, made: Tensor) -> Order | None:
    """What a layer makes of the largest value of each unit, where it keeps their order exactly.

    Only functions that choose, or multiply once: others, such as a sigmoid, round differently at different
    places of a tensor. A norm in evaluation mode does the same to each number of a unit, and rounding keeps
    order too. Pools count where their windows leave nothing out.

    Example:
        >>> import torch
        >>> x = torch.rand(1, 1, 5, 5)
        >>> keeps_order(nn.MaxPool2d(2), x, nn.MaxPool2d(2)(x)) is None, keeps_order(nn.GELU(), x, x) is None
        (True, True)
        >>> keeps_order(nn.ReLU(), x, x.relu()).of(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if type(module).__module__.partition(".")[0] not in OURS or "forward" in vars(module):
        return None
    if isinstance(module, pooling._MaxPoolNd):
        return POOLED if _covers(module, given, made) else None
    if isinstance(module, pooling._AdaptiveMaxPoolNd):
        return POOLED
    if given.shape != made.shape:
        return None
    if isinstance(module, NORMS):
        rises = _fixed(module) and (not module.affine or bool((module.weight > 0).all()))
        return Order(partial(_normed, module), turned=True) if rises else None
    if type(module) is nn.ReLU:
        return Order(F.relu, 0.0, flat=True)
    if isinstance(module, nn.Hardtanh) and type(module) in (nn.Hardtanh, nn.ReLU6):
        low, high = module.min_val, module.max_val
        return Order(lambda values: F.hardtanh(values, low, high), low, high, flat=True)
    if type(module) is nn.LeakyReLU and module.negative_slope > 0:
        slope = module.negative_slope
        return Order(lambda values: F.leaky_relu(values, slope), 0.0)
    return None


def by_number(module: nn.Module) -> bool:
    """Whether a layer makes each number of what it was and its unit alone, and NaN of NaN.

    Example:
        >>> by_number(nn.GELU()), by_number(nn.BatchNorm1d(2).eval()), by_number(nn.LayerNorm(2))
        (True, True, False)
    """
    if "forward" in vars(module):
        return False
    return type(module) in BY_NUMBER or (isinstance(module, NORMS) and _fixed(module))


def _fixed(norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) -> bool:
    """Whether a norm does not depend on the rows that pass together."""
    return not norm.training and norm.running_mean is not None and norm.running_var is not None


def _normed(norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, values: Tensor) -> Tensor:
    """Numbers ``[b, units]`` as a norm makes them."""
    return F.batch_norm(values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


def _covers(pool: pooling._MaxPoolNd, given: Tensor, made: Tensor) -> bool:
    """Whether every number is in a window."""
    axes = made.ndim - 2
    if given.ndim != made.ndim:
        return False
    every = [_each(part, axes) for part in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)]
    sizes = zip(given.shape[2:], made.shape[2:], *every, strict=True)
    return all(
        stride <= kernel and dilation == 1 and (out - 1) * stride + kernel - padding >= size
        for size, out, kernel, stride, padding, dilation in sizes
    )


def _each(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)
