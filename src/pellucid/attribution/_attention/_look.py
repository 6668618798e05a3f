"""Attention as a pass does it: every softmax that weighs values, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from pellucid._core._attention import recomputed
from pellucid._core._spoken import plain
from pellucid.attribution._operations import Call, Watch
from pellucid.attribution._operations._names import STRUCTURE
from pellucid.attribution._operations._parts import scaled_dot_product_attention
from pellucid.attribution._operations._watch import tensors
from pellucid.errors import MethodError

# a softmax stays one of these later
CARRIED = STRUCTURE | {"dropout", "mul", "div", "nan_to_num"}
MATRICES = ("matmul", "bmm", "mm")


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """One attention layer in the graph of a pass.

    Args:
        op: the operation that weighed the values.
        used: how much each query takes from each key, the operand itself, for gradients.
        values: ``[…, S, d]``, what was weighed.
        turn: brings a tensor like ``used`` into the shape ``[…, T, S]``.
    """

    op: str
    used: Tensor
    values: Tensor
    turn: Callable[[Tensor], Tensor]

    @property
    def weights(self) -> Tensor:
        """The operand with queries and keys last."""
        return self.turn(self.used)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many attention layers a pass went through, and how many of them were fused."""

    layers: int
    fused: int


class Look(Watch):
    """Finds each product of a softmax with values; fused attention is done in its parts and compared."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.found: list[Heads] = []
        self.fused = 0
        self._softmaxes: dict[int, Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Do one operation, and remember what is still a softmax."""
        carries = plain(func) in CARRIED and any(id(t) in self._softmaxes for t in tensors(args))
        result = super().__torch_function__(func, types, args, kwargs)
        if carries and isinstance(result, Tensor):
            self._softmaxes[id(result)] = result
        return result

    def rule(self, call: Call) -> object:
        """The operation as it is, with what it says of attention written down."""
        if call.name == "scaled_dot_product_attention":
            return self._parts(call)
        if call.name in (*MATRICES, "einsum"):
            operands = tensors(call.args)
            for place, operand in enumerate(operands):
                if id(operand) in self._softmaxes:
                    self.found.append(_heads(call, operands, place, self.method))
        result = call.plainly()
        if call.name == "softmax" and isinstance(result, Tensor):
            self._softmaxes[id(result)] = result
        return result

    def counted(self) -> Counts:
        """Numbers that outlive the pass."""
        return Counts(len(self.found), self.fused)

    def _parts(self, call: Call) -> Tensor:
        with torch.no_grad():
            fused = cast("Tensor", call.plainly())
        with self:
            made = scaled_dot_product_attention(*call.args, **call.kwargs)  # pyright: ignore[reportArgumentType]
        recomputed(made, fused, self.method)
        self.fused += 1
        return made


def _heads(call: Call, operands: list[Tensor], place: int, method: str) -> Heads:
    if len(operands) != 2:
        raise MethodError(f"{method} cannot read attention in {call.name!r} of {len(operands)} tensors.")
    used, values = operands[place], operands[1 - place]
    if call.name == "einsum":
        return _by_letters(str(call.args[0]), place, used, values, method)
    if place == 0:
        return Heads(call.name, used, values, lambda t: t)
    return Heads(call.name, used, values.transpose(-2, -1), lambda t: t.transpose(-2, -1))


def _by_letters(text: str, place: int, used: Tensor, values: Tensor, method: str) -> Heads:
    """An einsum: the letter that vanishes counts keys, the one that only weights and result share queries."""
    terms, arrow, out = text.replace(" ", "").partition("->")
    letters = terms.split(",")
    if not arrow or len(letters) != 2 or "." in text:
        raise MethodError(f"{method} cannot read attention in the einsum {text!r}.")
    mine, other = letters[place], letters[1 - place]
    keys = [c for c in mine if c not in out]
    queries = [c for c in mine if c in out and c not in other]
    if len(keys) != 1 or len(queries) != 1 or keys[0] not in other:
        raise MethodError(f"{method} cannot read attention in the einsum {text!r}.")
    shared = [c for c in mine if c not in (*keys, *queries)]
    order = [mine.index(c) for c in (*shared, *queries, *keys)]
    rest = [c for c in other if c not in (*shared, *keys)]
    # values [shared…, key, features]; a letter that they lack is one they are the same for
    for c in shared:
        if c not in other:
            values, other = values[None], c + other
    values = values.permute([other.index(c) for c in (*shared, *keys, *rest)])[..., None]
    return Heads("einsum", used, values.flatten(len(shared) + 1), lambda t: t.permute(order))
