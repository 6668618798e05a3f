"""An operation that is straight in one tensor, with weights: convolution, dense layer, matrix product."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from torch import Tensor

from pellucid._core import brief
from pellucid.attribution._operations._names import CONVOLUTIONS
from pellucid.attribution._operations._watch import Call, transposed

Run = Callable[[Tensor, Tensor, Tensor | None], Tensor]
Adjoint = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Weighted:
    """``z = run(x, weight, bias)``, and its transpose, with any weights.

    Args:
        kind: a convolution, or anything else.
        run: does it.
        adjoint: ``(c like z, weight, x) -> c · dz/dx``, without a forward pass where torch allows.
        outputs: axis of the weight that counts output channels; ``None`` where there is no such axis.
    """

    kind: Literal["conv", "dense"]
    run: Run
    adjoint: Adjoint
    weight: Tensor
    bias: Tensor | None
    outputs: int | None

    __repr__ = brief

    def scaled(self, scale: Tensor, shift: Tensor) -> Weighted | None:
        """The same followed by ``scale · z + shift`` for each output channel."""
        if self.outputs is None or self.weight.shape[self.outputs] != len(scale):
            return None
        shape = [1] * self.weight.ndim
        shape[self.outputs] = -1
        bias = shift if self.bias is None else self.bias * scale + shift
        return replace(self, weight=self.weight * scale.view(shape), bias=bias)


def weighted(call: Call) -> Weighted | None:
    """An operation as :class:`Weighted`; ``None`` where it is none, or not straight in one first tensor."""
    if call.name in CONVOLUTIONS and call.args[0] is call.active[0] and call.active[0].ndim > 2:
        return _convolution(call)
    if call.name == "linear" and call.args[0] is call.active[0]:
        weight, bias = cast("Tensor", call.given(1, "weight")), cast("Tensor | None", call.given(2, "bias"))
        return Weighted("dense", torch.nn.functional.linear, _times, weight, bias, 0)
    others = [(i, a) for i, a in enumerate(call.args) if isinstance(a, Tensor) and not a.requires_grad]
    if call.name in ("matmul", "mm", "bmm", "mv", "einsum", "inner", "tensordot") and len(others) == 1:
        return _product(call, *others[0])
    return None


def _times(c: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    return c @ weight


def _product(call: Call, place: int, weight: Tensor) -> Weighted:
    form, func = call.form(), call.func

    def run(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        args = list(form.args)
        hole = next(i for i, a in enumerate(args) if i != place and not isinstance(a, Tensor | str))
        args[place], args[hole] = w, x
        return cast("Tensor", func(*args, **form.kwargs))

    def adjoint(c: Tensor, w: Tensor, x: Tensor) -> Tensor:
        return transposed(lambda t: run(t, w, None), x)(c)[0]

    return Weighted("dense", run, adjoint, weight, None, None)


def _convolution(call: Call) -> Weighted | None:
    x = call.active[0]
    turned, axes = "transpose" in call.name, x.ndim - 2
    weight = cast("Tensor", call.given(1, "weight"))
    stride = _each(call.given(3, "stride", 1), axes)
    if turned:
        padding = _each(call.given(4, "padding", 0), axes)
        extra = _each(call.given(5, "output_padding", 0), axes)
        groups = cast("int", call.given(6, "groups", 1))
        dilation = _each(call.given(7, "dilation", 1), axes)
    else:
        dilation = _each(call.given(5, "dilation", 1), axes)
        kernel = weight.shape[2:]
        padding = _padding(call.given(4, "padding", 0), kernel, dilation)
        groups, extra = cast("int", call.given(6, "groups", 1)), [0] * axes
    outputs = (1 if groups == 1 else None) if turned else 0
    bias = cast("Tensor | None", call.given(2, "bias"))
    if padding is None:
        return _lopsided(call, weight, bias)

    def run(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        return torch.convolution(x, w, b, stride, padding, dilation, turned, extra, groups)

    def adjoint(c: Tensor, w: Tensor, x: Tensor) -> Tensor:
        return torch.ops.aten.convolution_backward(
            c, x, w, None, stride, padding, dilation, turned, extra, groups, [True, False, False]
        )[0]

    return Weighted("conv", run, adjoint, weight, bias, outputs)


def _lopsided(call: Call, weight: Tensor, bias: Tensor | None) -> Weighted:
    """``padding="same"`` that pads the two sides differently; its transpose needs a forward pass."""
    form = call.form()

    def run(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        named = {k: v for k, v in form.kwargs.items() if k not in ("input", "weight", "bias")}
        return cast("Tensor", call.func(x, w, b, *form.args[3:], **named))

    def adjoint(c: Tensor, w: Tensor, x: Tensor) -> Tensor:
        return transposed(lambda t: run(t, w, None), x)(c)[0]

    return Weighted("conv", run, adjoint, weight, bias, 0)


def _each(value: object, axes: int) -> list[int]:
    return (
        [value] * axes
        if isinstance(value, int)
        else list(cast("tuple[int, ...]", value)) * (axes if len(cast("tuple[int, ...]", value)) == 1 else 1)
    )


def _padding(value: object, kernel: torch.Size, dilation: list[int]) -> list[int] | None:
    """In numbers; ``None`` where ``"same"`` pads the two sides differently."""
    if value == "valid":
        return [0] * len(kernel)
    if value == "same":
        both = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return None if any(b % 2 for b in both) else [b // 2 for b in both]
    return _each(value, len(kernel))


class Makers:
    """Which weighted operation made a tensor, for as long as nothing was written into it."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[weakref.ref[Tensor], int, Weighted, Tensor, int]] = {}

    def add(self, made: Tensor, by: Weighted, source: Tensor) -> None:
        """``made`` came from ``source`` by a weighted operation."""
        if made.is_inference():
            return  # nothing goes back through it, and writes into it are not counted
        self._made[id(made)] = (weakref.ref(made), made._version, by, source, source._version)

    def of(self, tensor: Tensor) -> tuple[Weighted, Tensor] | None:
        """The operation and what it was given."""
        found = self._made.get(id(tensor))
        if found is None:
            return None
        ref, version, by, source, before = found
        unchanged = ref() is tensor and tensor._version == version and source._version == before
        return (by, source) if unchanged else None


def affine(call: Call) -> tuple[Tensor, Tensor]:
    """Scale and shift for each channel of a batch norm that uses what it learned."""
    weight, bias, mean, variance = (cast("Tensor | None", a) for a in call.args[1:5])
    assert mean is not None
    assert variance is not None
    scale = (variance + cast("float", call.args[7])).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale
    return scale, shift if bias is None else shift + bias
