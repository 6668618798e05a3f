"""Whether variants of a row can be computed beside it: only what lies near each change anew."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pellucid._core._boxed import Boxed, Places, cut, ends, fitted
from pellucid._core._composed import none_has
from pellucid._core._nearby import Nearby
from pellucid._core._stand_in import Args, Run

FEW = 16  # variants of a row that must share the pass of the row itself
TOGETHER, ROOM = 160, 2**22  # rows of large pictures that go together, and the most numbers in them
SMALL = 256  # places of a map that are computed sooner than looked up
LEAST = 2**16  # numbers of rows that go together, so that looking for boxes may pay
LOOSE = 1.5  # how much larger a box may be so that all rows of a variant share it
# loops in C, as in the guard; attributes of modules are quicker found in their dictionaries
listeners: Callable[[Mapping[str, object]], tuple[object, ...]] = itemgetter(
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
)
MOST = 0.5  # share of the map that a change may take to begin with


class Again(Exception):  # noqa: N818
    """A chunk could not be computed beside its rows and is to be computed as any other."""


class Sizes(TorchDispatchMode):
    """Numbers in the largest tensor that a pass makes: if rows were passed whole, and as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.plain: int = 1
        self.held: int = 1

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Args = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do an operation as if nobody looked."""
        found = func(*args, **(kwargs or {}))
        made = () if func.is_view else (found,) if isinstance(found, Tensor) else tree_leaves(found)
        for one in made:
            if isinstance(one, Tensor):
                self.plain = max(self.plain, one.numel())
                self.held = max(self.held, one.held if isinstance(one, Boxed) else one.numel())
        return found


class Beside:
    """The decision for one run of passes; it is withdrawn where it saved nothing.

    Networks that something listens to, or that torch runs in other ways than operation by operation, are
    left alone, and so are accelerators, which many small operations would keep waiting. Unless a network only
    calls torch's own parts and adds up what they give, one row of the first pass is compared with a plain
    pass of it, because a network could ask of what type its input is, or mix the rows of a batch.
    """

    def __init__(self, modules: Iterable[nn.Module], point: Tensor, variants: Nearby | None) -> None:
        self.variants: Nearby | None = variants
        self.open: bool = (
            point.ndim > 2 and math.prod(point.shape[2:]) >= SMALL and step_by_step(modules, point)
        )
        self.checked: bool = False
        self._pooled: dict[int, int] = squares(modules) if self.open else {}
        self.sizes: Sizes | None = None
        self.more_to_come: bool = True

    @contextmanager
    def measured(self, run: Run) -> Generator[None]:
        """Learn from the first pass how much it holds."""
        if self.sizes is not None or not self.more_to_come:
            yield
            return
        with Sizes() as sizes:
            yield
        sizes.held = max(sizes.held, run.held)
        self.sizes = sizes

    def more(self, rows: int) -> int:
        """How many rows hold no more by boxes than so many do plainly, as far as the first pass tells."""
        return rows if self.sizes is None else max(rows, int(rows * self.sizes.plain / self.sizes.held))

    def at_once(self, rows: int, most: int, point: Tensor) -> int:
        """How many rows go together, at least ``rows``: large ones take little room beside their row."""
        return max(rows, min(most, TOGETHER, ROOM // max(1, point[:1].numel())))

    def known(self, ks: Tensor, rows: slice, last: bool) -> Boxed | None:
        """Variants ``[c * n, C, *map]`` as boxes, that come back with their channels last in memory or not,
        without making them; ``None`` where too much differs."""
        variants = self.variants
        if variants is None:
            return None
        base = variants.point[rows]
        if not self._many(len(ks), base) or variants.fill.dtype != base.dtype:
            return None
        corner, sides = variants.boxes(ks)
        return self._standing(base, corner, sides, partial(variants.crops, ks, rows), last)

    def boxed(self, points: Tensor, base: Tensor, last: bool) -> Boxed | None:
        """As :meth:`known`, of points ``[c * n, C, *map]`` on base rows ``[n, C, *map]``."""
        copies = len(points) // len(base)
        if not self._many(copies, base):
            return None
        # bit by bit, because there is a zero below zero
        bits = torch.int32 if base.dtype == torch.float32 else torch.int64
        unlike = points.view(bits).view(copies, *base.shape) != base.view(bits)
        unlike = unlike.any(2)
        axes = range(2, unlike.ndim)
        # which indices of each axis differ, [copies, n, length]
        lines = [_over(unlike, [other for other in axes if other != axis]) for axis in axes]
        corner, sides = _spans([np.asarray(line.any(1)) for line in lines])
        if len(base) > 1:
            own, closer = _spans([line.reshape(len(points), -1) for line in lines])
            if math.prod(sides) > LOOSE * math.prod(closer):
                corner, sides = own, closer
        return self._standing(base, corner, sides, lambda at, size: cut(points, at, size, len(points)), last)

    def _many(self, copies: int, base: Tensor) -> bool:
        return self.open and copies >= FEW and copies * base.numel() >= LEAST

    def _standing(
        self,
        base: Tensor,
        corner: Places,
        sides: Sequence[int],
        cropped: Callable[[Places, Sequence[int]], Tensor],
        last: bool,
    ) -> Boxed | None:
        if math.prod(sides) > MOST * math.prod(base.shape[2:]):
            return None
        crops = cropped(corner, sides)
        # whatever the network is given back, boxes go faster so
        form = torch.channels_last if base.ndim == 4 else torch.contiguous_format
        run = Run(held=len(crops) // len(base) * base.numel(), pooled=self._pooled)
        return Boxed.of(base.clone(memory_format=form), crops, corner, run, last=last)


def squares(modules: Iterable[nn.Module]) -> dict[int, int]:
    """Side of the squares that are pooled behind a convolution, by the id of its weight, as far as the order
    of modules tells."""
    found, weight = dict[int, int](), None
    for module in modules:
        # what was never set up has no such attributes, and what stands in for a weight computes it
        given = module.__dict__
        if isinstance(module, nn.Conv2d):
            weight = given["_parameters"].get("weight")
        elif isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
            side = given.get("kernel_size")
            if (
                weight is not None
                and isinstance(side, int)
                and (given.get("stride"), given.get("padding")) == (side, 0)
            ):
                found[id(weight)] = side
            weight = None
    return found


def _over(marks: Tensor, axes: list[int]) -> NDArray[np.bool_]:
    """Whether anything is marked over some axes."""
    return (marks.amax(axes) if axes else marks).numpy()


def _spans(lines: list[NDArray[np.bool_]]) -> tuple[Places, list[int]]:
    """Where boxes of one size begin, int64 ``[boxes, axes]``, that hold what is marked on each axis
    ``[boxes, length]``, and their sides."""
    return fitted(*ends(lines), [line.shape[1] for line in lines])


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
    return unheard(map(vars, each))


def unheard(held: Iterable[dict[str, Any]]) -> bool:
    """Whether nothing listens to modules with these attributes, and nothing stands for their forward."""
    held = list(held)
    try:
        heard = any(chain.from_iterable(map(listeners, held)))
    except KeyError:  # a part that was never set up
        return False
    return not heard and none_has(held, "_compiled_call_impl")
