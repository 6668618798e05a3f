"""Layers that keep order to the last digit: the rows largest before them are the largest behind them."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import pooling

OURS = ("torch", "pellucid")  # whose classes do what their names say


@dataclass(frozen=True, slots=True)
class Passed:
    """A tensor of a pass, as it was when it was looked at; it is not kept alive."""

    tensor: weakref.ref[Tensor]
    version: int

    @classmethod
    def of(cls, tensor: Tensor) -> Passed | None:
        """``None`` where changes in place are not counted."""
        return None if tensor.is_inference() else cls(weakref.ref(tensor), tensor._version)

    def still(self, tensor: Tensor, changes: int = 0) -> bool:
        """Whether this is that tensor, changed in place so many times since."""
        return self.tensor() is tensor and tensor._version == self.version + changes


@dataclass(frozen=True, slots=True)
class Order:
    """What a layer makes of the largest value of each unit.

    Args:
        of: the largest value before to the largest behind, exactly.
        low, high: between these it leaves numbers as they are.
        placed: whether it also leaves them where they are, and what lies below stays below.
    """

    of: Callable[[Tensor], Tensor]
    low: float = -math.inf
    high: float = math.inf
    placed: bool = True


def _kept(values: Tensor) -> Tensor:
    return values


SAME = Order(_kept)
POOLED = Order(_kept, placed=False)


def keeps_order(module: nn.Module, given: Tensor, made: Tensor) -> Order | None:
    """What a layer makes of the largest value of each unit, where it keeps their order exactly.

    Only functions that choose, or multiply once: others, such as a sigmoid, round differently at different
    places of a tensor. Pools count where their windows leave nothing out.

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
    if type(module) is nn.ReLU:
        return Order(F.relu, 0.0)
    if isinstance(module, nn.Hardtanh) and type(module) in (nn.Hardtanh, nn.ReLU6):
        low, high = module.min_val, module.max_val
        return Order(lambda values: F.hardtanh(values, low, high), low, high)
    if type(module) is nn.LeakyReLU and module.negative_slope > 0:
        slope = module.negative_slope
        return Order(lambda values: F.leaky_relu(values, slope), 0.0)
    return None


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
