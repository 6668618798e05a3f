"""Rows that differ from base rows inside a box each: what lies outside is computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core._stand_in import Args, Rule, Run, StandIn, aten, pointwise

# few numbers for each box: numpy takes a third of the time for each step
Places = NDArray[np.int64]
Sliding = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]  # size, stride, padding, dilation
FAR = 2**48  # more places than lie in any memory
# nanoseconds of a product, of a number that goes out of a convolution or a pooling or is patched, and the
# least that one operation must save
PRODUCT, NUMBER, POOLED, PATCHED, LEAST = 1 / 60, 1.0, 10.0, 1.0, 4e5


class Boxed(StandIn):
    """``[c * n, C, *map]`` as ``[n, C, *map]`` and a crop for each row, which holds all that differs.

    Convolutions, poolings, batch norms and what works on one number at a time are done on the base and on the
    crops, where the crop is less than most of the map.

    Args:
        base: ``[n, C, *map]``; row ``i`` stands on base row ``i % n``.
        crops: ``[c * n, C, *box]``, true values.
        corner: int64 ``[c or c * n, axes]``, where the crops of each ``n`` rows, or of each row, lie.
        last: whether the plain tensor is to have its channels last in memory.
    """

    base: Tensor
    crops: Tensor
    corner: Places
    last: bool
    later: Callable[[], Tensor] | None
    full: Tensor | None

    @classmethod
    def of(cls, base: Tensor, crops: Tensor, corner: Places, run: Run, *, last: bool) -> Boxed:
        """From its parts."""
        made = cls.standing((len(crops), *base.shape[1:]), base, run, last=last)
        made.base, made.crops, made.corner, made.last = base, crops, corner, last
        made.full = made.later = None
        return made

    def like(self, base: Tensor, crops: Tensor, corner: Places) -> Boxed:
        """Other rows of the same pass."""
        return Boxed.of(base, crops, corner, self.run, last=self.last)

    @classmethod
    def rule(cls, func: Any) -> Rule | None:
        """See :class:`StandIn`."""
        return RULES.get(func, _pointwise if pointwise(func) else None)

    @property
    def map(self) -> torch.Size:
        """Length of each axis."""
        return self.base.shape[2:]

    @property
    def box(self) -> torch.Size:
        """Length of a crop along each axis."""
        return self.crops.shape[2:]

    @property
    def held(self) -> int:
        """Numbers of the rows that lie in memory."""
        return self.crops.numel() if self.full is None else self.full.numel()

    def whole(self) -> Tensor:
        """The plain tensor; from now on it is the only thing here."""
        if self.full is None and self.later is not None:
            self.full, self.later = self.later(), None
        if self.full is None:
            full = self.patch(np.zeros_like(self.corner), self.map)
            form = torch.channels_last if self.last else torch.contiguous_format
            # others may hold the crops
            self.full = full.clone(memory_format=form) if full is self.crops or not self.last else full
            self.run.held = max(self.run.held, self.full.numel())
            self.base, self.crops = self.base[:0], self.crops[:0]
        return self.full

    def patch(self, start: Places, size: Sequence[int], outside: float = 0.0) -> Tensor:
        """What lies in boxes of a size from ``start`` ``[blocks, axes]`` on; ``outside`` off the map."""
        if list(size) == list(self.box) and (start == self.corner).all():
            return self.crops
        memory = [by_place(self.base), by_place(self.crops)]
        end, blocks = len(memory[0]), len(start)
        # in all rows of a block a box lies alike, but for how far these lie apart
        each, apart, between = len(self.crops) // blocks, math.prod(self.map), math.prod(self.box)
        block = np.arange(blocks) * each
        # of each box the numbers on the map, and those in the crop
        at, own = _numbered(
            np.stack([start, start - self.corner]),
            size,
            np.array([self.map, self.box]),
            np.stack([block % len(self.base) * apart, block * between + end]),
        )
        here = own < FAR
        every = _every(np.where(here, own, at), np.where(here, between, apart), each)
        if (start < 0).any() or (start + size > self.map).any():
            every = np.minimum(every, end + len(memory[1]))
            memory.append(self.base.new_full((1, self.base.shape[1]), outside))
        return taken(torch.cat(memory), every)


def by_place(tensor: Tensor) -> Tensor:
    """``[N * places, C]``, without a copy where channels lie last in memory."""
    return tensor.movedim(1, -1).reshape(-1, tensor.shape[1])


def _numbered(start: Places, size: Sequence[int], within: Places, first: Places) -> Places:
    """Number of each place in boxes of a size ``[…, blocks, *size]`` that begin at ``start``
    ``[…, blocks, axes]``, among those of maps as large as ``within`` ``[…, axes]``, which begin at ``first``
    ``[…, blocks]``; ``FAR`` or more off them."""
    number, axes = first.reshape(*first.shape, *[1] * len(size)), len(size)
    for axis, length in enumerate(size):
        place = start[..., axis, None] + np.arange(length)
        ends, apart = within[..., axis, None, None], within[..., axis + 1 :].prod(-1)[..., None, None]
        place = np.where((place >= 0) & (place < ends), place * apart, FAR)
        number = number + place.reshape(*first.shape, *[1] * axis, length, *[1] * (axes - axis - 1))
    return number


def _every(index: Places, step: Places | int, each: int) -> Places:
    """Numbers of the places of all rows ``[blocks * each, *size]`` by those of each block's first row
    ``[blocks, *size]`` and how far the next rows lie behind it."""
    if each == 1:
        return index
    row = np.arange(each).reshape(-1, *[1] * (index.ndim - 1))
    every = index[:, None] + row * (step if isinstance(step, int) else step[:, None])
    return every.reshape(-1, *index.shape[1:])


def taken(places: Tensor, index: Places) -> Tensor:
    """``[rows, C, *size]``, channels last in memory, from ``[places, C]`` by numbers ``[rows, *size]``."""
    found = places.index_select(0, torch.from_numpy(index.reshape(-1)))
    return found.view(*index.shape, places.shape[1]).movedim(-1, 1)


def inside(start: Places, size: Sequence[int], within: Sequence[int], count: int, rows: int) -> Places:
    """Numbers of the places of boxes on maps ``[rows, *size]``, that begin at ``start`` ``[blocks, axes]``,
    among all places of ``count`` maps; row ``i`` lies on map ``i % count``."""
    each, apart = rows // len(start), math.prod(within)
    first = np.arange(len(start)) * each % count * apart
    return _every(_numbered(start, size, np.array(within), first), apart, each)


def cut(tensor: Tensor, start: Places, size: Sequence[int], rows: int) -> Tensor:
    """``[rows, C, *size]`` from boxes that begin at ``start`` ``[blocks, axes]``; row ``i`` lies in row
    ``i % len(tensor)``."""
    return taken(by_place(tensor), inside(start, size, tensor.shape[2:], len(tensor), rows))


def ends(marked: Sequence[NDArray[np.bool_]]) -> tuple[Places, Places]:
    """First index of each box that is marked along each axis ``[boxes, length]``, and the index behind the
    last, int64 ``[boxes, axes]``; the length and 0 where nothing is."""
    none = np.stack([~line.any(1) for line in marked], 1)
    first = np.stack([line.argmax(1) for line in marked], 1)
    end = np.stack([line.shape[1] - line[:, ::-1].argmax(1) for line in marked], 1)
    return np.where(none, [line.shape[1] for line in marked], first), np.where(none, 0, end)


def fitted(first: Places, end: Places, within: Sequence[int]) -> tuple[Places, list[int]]:
    """Where boxes of one size begin on a map, int64 ``[boxes, axes]``, that hold what lies from ``first`` to
    before ``end``, and their sides."""
    side = np.maximum((end - first).max(0), 1)
    return np.minimum(first, np.asarray(within) - side), side.tolist()


def _open(value: object) -> bool:
    return isinstance(value, Boxed) and value.full is None and value.later is None


def _sides(given: Sequence[int], x: Boxed) -> list[int]:
    return [*given] * len(x.map) if len(given) == 1 else [*given]


def _slid(
    x: Boxed, out: Sequence[int], sliding: Sliding, cost: float, pooled: int = 1, channels: int = 1
) -> tuple[Places, list[int], Places, list[int]] | None:
    """Boxes of what a sliding window changes, and of all that it reads; ``None`` where that does not pay.
    ``cost`` is nanoseconds of one place of one row. Boxes that hold whole squares of a side ``pooled`` need
    no patching where these are pooled, if they cost less than that."""
    rows, (size, stride, padding, dilation) = len(x.crops), sliding
    reach = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
    first = x.corner + (np.array(padding) - reach)
    last = x.corner + (np.array(x.box) + padding - 1)
    if max(stride) > 1:
        first, last = -(-first // stride), last // stride
    first, last = np.maximum(first, 0), np.minimum(last, np.array(out) - 1)
    side = _spanned(first, last, out)
    if pooled > 1:
        begin = first - first % pooled
        wide = _spanned(begin, last, out, pooled)
        spared = LEAST + PATCHED * rows * channels * math.prod(wide)
        if cost * rows * (math.prod(wide) - math.prod(side)) < spared:
            first, side = begin, wide
    read = [(length - 1) * s + r + 1 for length, s, r in zip(side, stride, reach, strict=True)]
    patched = 0.0 if read == [*x.box] else PATCHED * rows * x.shape[1] * math.prod(read)
    area = math.prod(out)
    share = math.prod(side) / area + len(x.base) / rows
    if (1 - share) * cost * area * rows < LEAST + patched:
        return None
    x.run.saved = True
    first = np.minimum(first, np.array(out) - side)
    return first, side, first * np.array(stride) - np.array(padding), read


def _spanned(first: Places, last: Places, within: Sequence[int], times: int = 1) -> list[int]:
    """Sides of a box that holds all from first to last, a multiple of a number as far as there is room."""
    longest = (last - first).max(0).tolist()
    return [min(max(more // times + 1, 1) * times, end) for more, end in zip(longest, within, strict=True)]


def _lengths(
    x: Boxed, size: Sequence[int], stride: list[int], padding: list[int], by: list[int]
) -> list[int]:
    each = zip(x.map, size, stride, padding, by, strict=True)
    return [(length + 2 * p - d * (k - 1) - 1) // s + 1 for length, k, s, p, d in each]


def _convolution(func: Any, args: Args) -> Any:
    x: Boxed = args[0]
    weight, bias, stride, padding, dilation, transposed, _, groups = args[1:]
    if transposed or not _open(x) or isinstance(weight, Boxed):
        return None
    size = weight.shape[2:]
    stride, padding, dilation = _sides(stride, x), _sides(padding, x), _sides(dilation, x)
    cost = len(weight) * (weight[0].numel() * PRODUCT + NUMBER)
    out = _lengths(x, size, stride, padding, dilation)
    if min(out) < 1:
        return None
    pooled = x.run.pooled.get(id(weight), 1)
    found = _slid(x, out, (size, stride, padding, dilation), cost, pooled, len(weight))
    if found is None:
        return None
    corner, _, at, read = found
    none = [0] * len(size)
    base = func(x.base, weight, bias, stride, padding, dilation, False, none, groups)
    crops = func(x.patch(at, read), weight, bias, stride, none, dilation, False, none, groups)
    return x.like(base, crops, corner)


def _given(args: Args, *default: Any) -> list[Any]:
    """What follows the first argument, with what stands for the last ones where they are left out."""
    return [*args[1:], *default[len(args) - 2 :]][: len(default) + 1]


def _max_pool(func: Any, args: Args) -> Any:
    x: Boxed = args[0]
    size, stride, padding, dilation = _given(args, [], [0], [1])
    if not _open(x) or len(x.map) != 2:
        return None
    base = func(x.base, *args[1:])
    size, padding, dilation = _sides(size, x), _sides(padding, x), _sides(dilation, x)
    stride = _sides(stride, x) if len(stride) else size
    found = _slid(x, base[0].shape[2:], (size, stride, padding, dilation), POOLED * x.shape[1])
    if found is None:
        return None
    corner, _, at, read = found
    crops = func(x.patch(at, read, -torch.inf), size, stride, [0] * len(size), dilation)[0]
    index = x.like(base[1], crops.new_empty(len(crops), dtype=torch.int64), corner)
    kept = x.base, x.crops, x.corner
    # hardly anybody asks where the largest numbers were
    index.later = lambda: func(Boxed.of(*kept, Run(), last=x.last).whole(), *args[1:])[1]
    return x.like(base[0], crops, corner), index


def _average_pool(func: Any, args: Args) -> Any:
    x: Boxed = args[0]
    size, stride, padding, ceil, padded, divisor = _given(args, [], [0], False, True, None)
    if not _open(x) or len(x.map) != 2 or ceil or not (padded or not any(padding)):
        return None
    size, padding = _sides(size, x), _sides(padding, x)
    stride, none = _sides(stride, x) if len(stride) else size, [0] * len(size)
    base = func(x.base, *args[1:])
    sliding = size, stride, padding, [1] * len(size)
    found = _slid(x, base.shape[2:], sliding, POOLED * x.shape[1])
    if found is None:
        return None
    corner, _, at, read = found
    crops = func(x.patch(at, read), size, stride, none, False, True, divisor)
    return x.like(base, crops, corner)


def _batch_norm(func: Any, args: Args) -> Any:
    x: Boxed = args[0]
    given = args[1:]
    # a norm over the batch would have to see all of it
    if not _open(x) or given[4] or any(isinstance(part, Boxed) for part in given):
        return None
    base, *rest = func(x.base, *given)
    return (x.like(base, func(x.crops, *given)[0], x.corner), *rest)


def _together(parts: Sequence[Boxed]) -> tuple[Places, list[Tensor]]:
    """A box that holds the boxes of all, and the crops of each there."""
    first = parts[0]
    if all(x.corner is first.corner and x.box == first.box for x in parts):
        return first.corner, [x.crops for x in parts]
    corner = np.min([x.corner for x in parts], 0)
    end = np.max([x.corner + np.asarray(x.box) for x in parts], 0)
    side = (end - corner).max(0)
    corner = np.minimum(corner, np.asarray(first.map) - side)
    return corner, [x.patch(corner, side.tolist()) for x in parts]


def _spread(value: object, axes: int) -> bool:
    """Whether a plain tensor is the same for every row and place: one number, or one for each channel."""
    if not isinstance(value, Tensor):
        return True
    shape = (1,) * (axes + 2 - value.ndim) + value.shape
    return len(shape) == axes + 2 and shape[0] == 1 and all(length == 1 for length in shape[2:])


def _pointwise(func: Any, args: Args) -> Any:
    parts: list[Boxed] = [value for value in args if isinstance(value, Boxed)]
    if not parts or not all(_open(x) and x.map == parts[0].map for x in parts):
        return None
    others = [value for value in args if not isinstance(value, Boxed)]
    writes = func._schema.is_mutable
    if not all(_spread(value, len(parts[0].map)) for value in others) or (
        writes and (not _open(args[0]) or any(x.shape[1] != args[0].shape[1] for x in parts))
    ):
        return None
    corner, crops = _together(parts)
    bases = [x.base for x in parts]
    if writes:
        # others may hold the same memory
        crops, bases = [crops[0].clone(), *crops[1:]], [bases[0].clone(), *bases[1:]]
    waiting, below = iter(crops), iter(bases)
    made = func(*[next(waiting) if isinstance(value, Boxed) else value for value in args])
    base = func(*[next(below) if isinstance(value, Boxed) else value for value in args])
    if not writes:
        return parts[0].like(base, made, corner)
    args[0].base, args[0].crops, args[0].corner = base, made, corner
    return args[0]


def _joined(func: Any, args: Args) -> Any:
    parts, axis = args[0], args[1] if len(args) > 1 else 0
    if not all(_open(x) and x.map == parts[0].map for x in parts) or axis not in (1, 1 - parts[0].ndim):
        return None
    corner, crops = _together(parts)
    return parts[0].like(func([x.base for x in parts], 1), func(crops, 1), corner)


RULES: dict[Any, Rule] = {
    aten.convolution.default: _convolution,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _average_pool,
    aten.native_batch_norm.default: _batch_norm,
    aten.cat.default: _joined,
    aten.hardswish.default: _pointwise,
    aten.hardswish_.default: _pointwise,
    aten._prelu_kernel.default: _pointwise,
}
