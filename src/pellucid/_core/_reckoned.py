"""What the positions of layers see, reckoned from the operations on the way there instead of measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._C import TensorBase

from pellucid._core._probe import probe
from pellucid._core._units import unit_axis

Span = NDArray[np.int64]  # [positions, 2]: first index seen, and one past the last; neither ever falls
Sizes = int | Sequence[int]
ROWS = 2  # of a blank; one alone could be taken for an axis to be left out


class UnknownError(Exception):
    """More goes on than is known here, so that it must be measured."""


class Blank(Tensor):
    """Goes through a network in the place of inputs: it knows its shape and what it sees, and has no numbers.

    Whatever is done to it, or asked of it, beyond the operations below raises :class:`UnknownError`.
    """

    spans: tuple[Span, ...]
    lent: bool  # whether others may share its memory: what is written into it would have to reach them

    @classmethod
    def of(cls, shape: Sequence[int], spans: tuple[Span, ...]) -> Blank:
        """One with units on axis 1, and behind it an axis for each of the spans, or none."""
        made = torch.empty(tuple(shape), device="meta").as_subclass(cls)
        made.spans, made.lent = spans, False
        return made

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """What an operation makes of it."""
        named = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if func in _BY_NUMBER and "out" not in named:
                return _new(args, inplace=bool(named.get("inplace")))
            if func in _KNOWN:
                return _KNOWN[func](*args, **named)
        raise UnknownError(func)


def reckoned(model: nn.Module, example: Tensor, sites: Sequence[str]) -> dict[str, tuple[Span, ...]] | None:
    """For each site a span per spatial axis of the input: one number per position, or one in all.

    ``None`` where the network does anything but convolve, pool, add up and work number by number: this then
    says nothing. Sites that see alike share what they see. One pass without numbers.

    Example:
        >>> net = nn.Sequential(nn.Conv1d(1, 1, 3), nn.ReLU(), nn.MaxPool1d(2))
        >>> reckoned(net, torch.zeros(1, 1, 8), ["2"])["2"][0].tolist()
        [[0, 4], [2, 6], [4, 8]]
    """
    own = [np.stack([np.arange(size), np.arange(1, size + 1)], 1) for size in example.shape[2:]]
    stop = sites[0] if len(sites) == 1 else None
    held = [(vars(module), dict(vars(module))) for module in model.modules()]
    try:
        with probe(model, read=dict.fromkeys(sites, _itself), stop=stop) as seen:
            model(Blank.of((ROWS, *example.shape[1:]), tuple(own)))
        return {site: _seen(model, seen[site], site, example.ndim) for site in sites}
    except Exception:
        # also what networks make of it that catch or translate an error
        return None
    finally:
        # no module keeps a blank that it has put down
        for now, before in held:
            for name in now.keys() - before.keys():
                del now[name]
            now.update(before)


def _itself(tensor: Tensor) -> Tensor:
    return tensor


def _seen(model: nn.Module, found: Tensor, site: str, ndim: int) -> tuple[Span, ...]:
    if not isinstance(found, Blank) or (found.ndim == ndim and unit_axis(model, found, site) != 1):
        raise UnknownError(site)
    return found.spans


def _each(value: Sizes, axes: int) -> tuple[int, ...]:
    found = (value,) * axes if isinstance(value, int) else tuple(value)
    return found * axes if len(found) == 1 else found


def _windows(
    x: Blank, units: int, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil: bool = False
) -> Blank:
    """What sees all of a window of ``x``; its units may be others."""
    axes = x.ndim - 2
    every = [_each(part, axes) for part in (kernel, stride, padding, dilation)]
    spans: list[Span] = []
    for span, size, wide, step, padded, apart in zip(x.spans, x.shape[2:], *every, strict=True):
        room = size + 2 * padded - apart * (wide - 1) - 1
        count = (-(-room // step) if ceil else room // step) + 1
        if ceil and (count - 1) * step >= size + padded:
            count -= 1
        begin = np.arange(count) * step - padded
        first = begin + apart * np.maximum(0, -(begin // apart))
        last = begin + apart * np.minimum(wide - 1, (size - 1 - begin) // apart)
        if count < 1 or (first > last).any():
            raise UnknownError("a window outside the picture")
        spans.append(np.stack([span[first, 0], span[last, 1]], 1))
    return Blank.of((len(x), units, *map(len, spans)), tuple(spans))


def _convolved(
    x: Blank,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Blank:
    return _windows(x, len(weight), weight.shape[2:], stride, padding, dilation)


def _largest(
    x: Blank,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Blank:
    if return_indices:
        raise UnknownError("indices")
    return _windows(x, x.shape[1], kernel_size, stride or kernel_size, padding, dilation, ceil_mode)


def _mean(
    x: Blank,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Blank:
    return _windows(x, x.shape[1], kernel_size, stride or kernel_size, padding, 1, ceil_mode)


def _adaptive(x: Blank, output_size: Sizes) -> Blank:
    spans: list[Span] = []
    for span, size, count in zip(x.spans, x.shape[2:], _each(output_size, x.ndim - 2), strict=True):
        at = np.arange(count)
        spans.append(np.stack([span[at * size // count, 0], span[-(-(at + 1) * size // count) - 1, 1]], 1))
    return Blank.of((*x.shape[:2], *map(len, spans)), tuple(spans))


def _new(given: Sequence[object], *, inplace: bool = False) -> Blank:
    """Number by number."""
    x = given[0]
    if not isinstance(x, Blank):
        raise UnknownError("given by name")
    if inplace:
        return x
    made = Blank.of(x.shape, x.spans)
    # what else comes by place may say that it works in place
    x.lent = made.lent = len(given) > 1 or x.lent
    return made


def _passed(x: Blank, p: float = 0.5, training: bool = True, inplace: bool = False) -> Blank:
    """Dropout hands on what it was given, where it is not training."""
    if training:
        raise UnknownError("chance")
    return x


def _normed(
    x: Blank,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Blank:
    if training:
        raise UnknownError("rows together")
    return _new([x])


def _both(x: object, y: object) -> Blank:
    """What sees what either sees; one position goes along with many."""
    shapes = [part.shape for part in (x, y) if isinstance(part, Tensor)]
    seen = [part for part in (x, y) if isinstance(part, Blank)]
    whole = np.broadcast_shapes(*shapes)  # torch.broadcast_shapes imports sympy
    if any(len(part.shape) != len(whole) or len(part) != whole[0] for part in seen):
        raise UnknownError("other axes")
    spans = [part.spans for part in seen]
    if len(seen) < len(shapes) and whole != tuple(seen[0].shape):
        raise UnknownError("repeated numbers")
    return Blank.of(whole, spans[0] if len(spans) == 1 else _union(spans))


def _union(every: Sequence[tuple[Span, ...]]) -> tuple[Span, ...]:
    if all(spans is every[0] for spans in every):
        return every[0]
    axes = zip(*every, strict=True)
    return tuple(
        np.stack(
            np.broadcast_arrays(
                np.minimum.reduce(np.broadcast_arrays(*[span[:, 0] for span in axis])),
                np.maximum.reduce(np.broadcast_arrays(*[span[:, 1] for span in axis])),
            ),
            1,
        )
        for axis in axes
    )


def _added(x: object, y: object) -> Blank:
    """In place."""
    made = _both(x, y)
    if not isinstance(x, Blank) or x.lent or made.shape != x.shape:
        raise UnknownError("written into what others may hold")
    x.spans = made.spans
    return x


def _joined(tensors: Sequence[Blank], dim: int = 0) -> Blank:
    first = tensors[0]
    alike = all(isinstance(part, Blank) and part.shape[2:] == first.shape[2:] for part in tensors)
    if dim % first.ndim != 1 or not alike:
        raise UnknownError("other axes")
    units = sum(part.shape[1] for part in tensors)
    return Blank.of((len(first), units, *first.shape[2:]), _union([part.spans for part in tensors]))


def _whole(x: Blank, units: int, places: Sequence[int] = ()) -> Blank:
    spans = tuple(np.array([[span[:, 0].min(), span[:, 1].max()]]) for span in x.spans)
    return Blank.of((len(x), units, *places), spans)


def _flat(x: Blank, start_dim: int = 0, end_dim: int = -1) -> Blank:
    if start_dim != 1 or end_dim % x.ndim != x.ndim - 1:
        raise UnknownError("other axes")
    made = _whole(x, x.numel() // len(x))
    x.lent = made.lent = True
    return made


def _viewed(x: Blank, *shape: int | Sequence[int]) -> Blank:
    sizes = shape if len(shape) != 1 or isinstance(shape[0], int) else tuple(shape[0])
    rows, each = len(x), x.numel() // len(x)
    if sizes not in ((rows, -1), (rows, each), (-1, each)):
        raise UnknownError("other axes")
    return _flat(x, 1)


def _over(x: Blank, dim: Sizes, keepdim: bool = False) -> Blank:
    """One number of all positions."""
    axes = x.ndim - 2
    if not axes or sorted(axis % x.ndim for axis in _each(dim, 1)) != list(range(2, x.ndim)):
        raise UnknownError("other axes")
    return _whole(x, x.shape[1], (1,) * axes if keepdim else ())


def _dense(x: Blank, weight: Tensor, bias: Tensor | None = None) -> Blank:
    if x.ndim != 2:
        raise UnknownError("other axes")
    return Blank.of((len(x), len(weight)), x.spans)


def _shares(x: Blank, dim: int, _stacklevel: int = 3, dtype: object = None) -> Blank:
    if dim % x.ndim != 1:
        raise UnknownError("other axes")
    return _new([x])


# what they make of a number depends on it alone, and NaN stays NaN
_BY_NUMBER = frozenset(
    {F.relu, F.relu6, F.hardtanh, F.leaky_relu, F.elu, F.silu, F.hardswish, F.gelu}
    | {torch.relu, Tensor.relu, torch.sigmoid, Tensor.sigmoid, torch.tanh, Tensor.tanh}
)
_KNOWN: dict[Callable[..., object], Callable[..., object]] = {
    **{asked: asked for asked in (Tensor.dim, Tensor.size, Tensor.numel, Tensor.__len__)},
    # what reads an attribute
    **{asked: asked for asked in (vars(TensorBase)[name].__get__ for name in ("shape", "ndim"))},
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d), _convolved),
    **dict.fromkeys((F.max_pool1d, F.max_pool2d, F.max_pool3d), _largest),
    **dict.fromkeys((F.avg_pool1d, F.avg_pool2d, F.avg_pool3d), _mean),
    **dict.fromkeys((F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d), _adaptive),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d), _passed),
    F.batch_norm: _normed,
    **dict.fromkeys((torch.add, torch.sub, torch.mul, torch.div), _both),
    **dict.fromkeys((Tensor.add, Tensor.sub, Tensor.mul, Tensor.div, Tensor.__rsub__), _both),
    **dict.fromkeys((Tensor.add_, Tensor.mul_), _added),
    torch.cat: _joined,
    **dict.fromkeys((torch.flatten, Tensor.flatten), _flat),
    **dict.fromkeys((Tensor.view, Tensor.reshape), _viewed),
    **dict.fromkeys((torch.mean, Tensor.mean, torch.amax, Tensor.amax), _over),
    F.linear: _dense,
    **dict.fromkeys((F.softmax, F.log_softmax), _shares),
}
