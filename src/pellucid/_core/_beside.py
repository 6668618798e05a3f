"""Whether variants of a row can be computed beside it: only what lies near each change anew."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid._core._boxed import Boxed, Places, places
from pellucid._core._stand_in import Run

FEW = 16  # variants of a row that must share the pass of the row itself
TOGETHER, ROOM = 32, 2**22  # rows of large pictures that go together, and the most numbers in them
SMALL = 256  # places of a map that are computed sooner than looked up
WIDE = 4096  # places from which boxes save more than channels last in memory do, where both could be had
# loops in C, as in the guard; attributes of modules are quicker found in their dictionaries
listeners: Callable[[Mapping[str, object]], tuple[object, ...]] = itemgetter(
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
)
MOST = 0.5  # share of the map that a change may take to begin with


class Again(Exception):  # noqa: N818
    """A chunk could not be computed beside its rows and is to be computed as any other."""


class Beside:
    """The decision for one run of passes; it is withdrawn where it saved nothing.

    Networks that something listens to, or that torch runs in other ways than operation by operation, are
    left alone, and so are accelerators, which many small operations would keep waiting. One row of the first
    pass is compared with a plain pass of it, because a network could ask of what type its input is, or mix
    the rows of a batch.
    """

    def __init__(self, modules: Iterable[nn.Module], point: Tensor) -> None:
        self.open: bool = (
            point.ndim > 2 and math.prod(point.shape[2:]) >= SMALL and step_by_step(modules, point)
        )
        self.checked: bool = False

    def at_once(self, rows: int, most: int, point: Tensor) -> int:
        """How many rows go together, at least ``rows``: large ones take little room beside their row."""
        return max(rows, min(most, TOGETHER, ROOM // max(1, point[:1].numel())))

    def boxed(self, points: Tensor, base: Tensor, copies: int) -> Boxed | None:
        """Points ``[copies * n, C, *map]`` as boxes on base rows ``[n, C, *map]``; ``None`` where too much
        differs."""
        if not self.open or copies < FEW:
            return None
        rows, axes = len(points), base.ndim - 2
        # bit by bit, because there is a zero below zero
        bits = torch.int32 if base.dtype == torch.float32 else torch.int64
        unlike = points.view(bits).view(copies, *base.shape) != base.view(bits)
        differs: NDArray[np.bool_] = unlike.flatten(0, 1).any(1).numpy()
        corners, sides = list[Places](), list[int]()
        for axis in range(axes):
            others = tuple(other + 1 for other in range(axes) if other != axis)
            line = np.asarray(differs.any(others))
            first, last = line.argmax(1), line.shape[1] - line[:, ::-1].argmax(1)
            side = int(np.where(line.any(1), last - first, 1).max())
            corners.append(np.minimum(first, line.shape[1] - side))
            sides.append(side)
        if math.prod(sides) > MOST * math.prod(base.shape[2:]):
            return None
        corner = np.stack(corners, 1)
        index = places(corner, sides, base.shape[2:]).view(rows, 1, -1).expand(rows, base.shape[1], -1)
        crops = points.flatten(2).gather(2, index).view(rows, base.shape[1], *sides)
        return Boxed.of(base.clone(), crops, corner, Run())


def agree(score: Tensor, plain: Tensor, scores: Tensor) -> bool:
    """Whether one score is that of a plain pass: in half of the digits that the largest has."""
    near = 0.0
    if scores.is_floating_point():
        near = torch.finfo(scores.dtype).eps ** 0.5 * float(scores.nan_to_num(0, 0, 0).abs().max())
    return torch.allclose(score, plain, rtol=0, atol=near, equal_nan=True)


def watched() -> bool:
    """Whether somebody listens to every module or operation, who would see what a network is given."""
    every = torch.nn.modules.module
    return bool(
        every._global_forward_hooks
        or every._global_forward_pre_hooks
        or every._global_backward_hooks
        or every._global_backward_pre_hooks
        or torch._C._len_torch_dispatch_stack()  # pyright: ignore[reportPrivateUsage]
        or torch._C._len_torch_function_stack()  # pyright: ignore[reportPrivateUsage]
    )


def step_by_step(modules: Iterable[nn.Module], point: Tensor) -> bool:
    """Whether a processor passes these points operation by operation in their own precision, unheard."""
    return (
        point.device.type == "cpu"
        and point.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled("cpu")
        and not watched()
        and alone(modules)
    )


def alone(modules: Iterable[nn.Module]) -> bool:
    """Whether torch runs modules operation by operation, and nothing listens to them."""
    each, dynamo = list(modules), sys.modules.get("torch._dynamo")
    whole = torch.jit.ScriptModule if dynamo is None else (torch.jit.ScriptModule, dynamo.OptimizedModule)
    if any(issubclass(kind, whole) for kind in set(map(type, each))):
        return False
    held = [module.__dict__ for module in each]
    try:
        heard = any(map(any, map(listeners, held)))
    except KeyError:  # a part that was never set up
        return False
    return not heard and not any("_compiled_call_impl" in attributes for attributes in held)
