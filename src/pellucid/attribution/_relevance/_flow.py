"""Relevance flowing back through a pass, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from pellucid._core import Pass, Sharing, Slope, back_to
from pellucid.attribution._operations import (
    ELEMENTWISE,
    LINEAR,
    MAXIMA,
    PRODUCTS,
    Call,
    Makers,
    Slot,
    Watch,
    Weighted,
    affine,
    frozen,
    unseen,
    weighted,
)
from pellucid.attribution._relevance._composites import Composite
from pellucid.attribution._relevance._rules import Rule, stable
from pellucid.errors import MethodError

GATES = ("sigmoid", "hardsigmoid", "rsqrt", "reciprocal", "sign", "sgn")
CARRIED = ("add", "sub", "rsub", "neg", "scale")
NORMS = ("var", "std", "linalg_vector_norm")
Back = Callable[[Tensor], tuple[Tensor | None, ...]]


class Flow(Function):
    """An operation whose backward carries relevance: ``back`` makes the inputs' out of the output's."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, name: str, back: Back, *inputs: Tensor) -> Tensor:
        ctx.flows, ctx.back = name, back
        return value.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *ctx.back(grads[0])


class Relevance(Watch):
    """Gives every operation its LRP rule.

    Products: half to each factor, all to the signal where the other factor is a gate or a normaliser. Sums:
    by share. Softmax: its first-order expansion. Norms: straight, the deviation held fixed.
    """

    def __init__(self, composite: Composite) -> None:
        super().__init__("lrp")
        self.composite = composite
        self.makers = Makers()

    def rule(self, call: Call) -> object:
        """The operation with relevance in its backward."""
        name, active = call.name, call.active
        if name == "batch_norm":
            return self._batch_norm(call)
        if name in ("dropout", "feature_dropout", "alpha_dropout", *MAXIMA):
            return call.plainly()
        if name in NORMS:
            with torch.no_grad():
                return call.plainly()
        if len(active) == 1 and (name in ELEMENTWISE or name in ("neg", "rms_norm")):
            return self._passed(call)
        if name in ("layer_norm", "group_norm"):
            return self._standardised(call)
        if name == "softmax":
            return self._softmax(call)
        if name == "mul":
            return self._passed(call) if len(active) == 1 else self._factors(call)
        op = weighted(call) if len(active) == 1 else None
        if op is not None:
            return self._weighted(call, op)
        if name in LINEAR or name in PRODUCTS:
            return self._shared(call, 1 if name in LINEAR or len(active) < 2 else len(active))
        return NotImplemented

    def _flow(self, call: Call, back: Back, *, name: str = "") -> Tensor:
        with torch.no_grad():
            value = cast("Tensor", call.plainly())
        return Flow.apply(value, name or call.name, back, *call.active)

    def _passed(self, call: Call) -> Tensor:
        shape = call.active[0].shape
        return self._flow(call, lambda R: (R.sum_to_size(shape),), name="scale" if call.name == "mul" else "")

    def _weighted(self, call: Call, op: Weighted) -> Tensor:
        x, keep = call.active[0], self.kept
        with torch.no_grad():
            value = cast("Tensor", call.plainly())
        result = self._ruled(op, x, keep(x), value)
        self.makers.add(result, op, x)
        return result

    def _ruled(self, op: Weighted, x: Tensor, source: Slot, value: Tensor) -> Tensor:
        rule, z = self._rule_for(op, x), self.kept(value)

        def back(R: Tensor) -> tuple[Tensor]:
            return (rule(op, source.now, z.now, R),)

        return Flow.apply(value, op.kind, back, x)

    def _rule_for(self, op: Weighted, x: Tensor) -> Rule:
        chosen = self.composite
        eligible = chosen.may_be_first == "any" or op.kind == "conv"
        kinds = ("conv", "dense") if chosen.may_be_first == "any" else ("conv",)
        if chosen.first is not None and eligible and not _after(x, kinds):
            return chosen.first
        return chosen.conv if op.kind == "conv" else chosen.dense

    def _batch_norm(self, call: Call) -> object:
        """Merged into the operation before it, without touching parameters; by itself it passes relevance."""
        if call.args[5]:
            raise MethodError(
                "lrp cannot explain a batch norm that uses the batch's own statistics; give it running "
                "statistics, or use a group norm."
            )
        found = self.makers.of(call.active[0])
        merged = None if found is None else found[0].scaled(*affine(call))
        if found is None or merged is None:
            return self._passed(call)
        with torch.no_grad():
            value = cast("Tensor", call.plainly())
        return self._ruled(merged, found[1], self.kept(found[1]), value)

    def _shared(self, call: Call, times: int) -> object:
        """By share: ``R_i = x_i Σ_j (dz_j / dx_i) R_j / z_j``, divided evenly among factors."""
        taken = [_taken(t, self.kept(t)) for t in call.active]
        value = call.form().of(*taken)
        kept, small = self.kept(value), self.composite.stabilizer

        def through(R: Tensor) -> tuple[Tensor]:
            return (R / stable(times * kept.now, small),)

        return Flow.apply(value.detach(), call.name, through, value)

    def _factors(self, call: Call) -> Tensor:
        a, b = call.active
        of_a, of_b = a.shape, b.shape
        gates = _gated(a), _gated(b)
        if gates[0] == gates[1]:
            return self._flow(call, lambda R: ((R / 2).sum_to_size(of_a), (R / 2).sum_to_size(of_b)))
        if gates[1]:
            return self._flow(call, lambda R: (R.sum_to_size(of_a), None))
        return self._flow(call, lambda R: (None, R.sum_to_size(of_b)))

    def _softmax(self, call: Call) -> object:
        x, dim = self.kept(call.active[0]), call.given(1, "dim")
        if not isinstance(dim, int):
            return NotImplemented

        def back(R: Tensor) -> tuple[Tensor]:
            s = x.now.softmax(dim)
            # what is masked out has no share and an infinite input
            return (torch.where(s == 0, 0, x.now * (R - s * R.sum(dim, keepdim=True))),)

        return self._flow(call, back)

    def _standardised(self, call: Call) -> Tensor:
        with torch.no_grad():
            value = cast("Tensor", call.plainly())
        x, z, small = self.kept(call.active[0]), self.kept(value), self.composite.stabilizer
        straighten = _layer if call.name == "layer_norm" else _group
        return Flow.apply(
            value, call.name, lambda R: (straighten(call, x.now, R / stable(z.now, small)),), call.active[0]
        )


def _layer(call: Call, x: Tensor, c: Tensor) -> Tensor:
    weight = call.given(2, "weight")
    dims = tuple(range(-len(cast("tuple[int]", call.given(1, "normalized_shape"))), 0))
    c = c if weight is None else c * cast("Tensor", weight)
    return x * _centred(x, c, dims, cast("float", call.given(4, "eps", 1e-5)))


def _group(call: Call, x: Tensor, c: Tensor) -> Tensor:
    weight, groups = call.given(2, "weight"), cast("int", call.given(1, "num_groups"))
    c = c if weight is None else c * cast("Tensor", weight).view(1, -1, *[1] * (x.ndim - 2))
    folded = (len(x), groups, -1)
    eps = cast("float", call.given(4, "eps", 1e-5))
    return x * _centred(x.reshape(folded), c.reshape(folded), (2,), eps).view_as(x)


def _centred(x: Tensor, c: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """Transpose of ``(x - mean) / deviation``, the deviation held fixed."""
    deviation = (x.var(dims, unbiased=False, keepdim=True) + eps).sqrt()
    return (c - c.mean(dims, keepdim=True)) / deviation


class _Taken(Function):
    """The same number; its gradient becomes relevance by being multiplied with it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slot: Slot) -> Tensor:
        ctx.slot = slot
        return x.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * ctx.slot.now, None


def _taken(x: Tensor, slot: Slot) -> Tensor:
    return cast("Tensor", _Taken.apply(x, slot))


def _after(x: Tensor, kinds: tuple[str, ...]) -> bool:
    """Whether an operation of one of the kinds lies before ``x``."""
    waiting, known = [x.grad_fn], set[object]()
    while waiting:
        node = waiting.pop()
        if node is None or node in known:
            continue
        if getattr(node, "flows", "") in kinds:
            return True
        known.add(node)
        waiting += [parent for parent, _ in node.next_functions]
    return False


def _gated(x: Tensor) -> bool:
    """Whether a factor was made by a gate or normaliser and then at most moved, scaled or turned around."""
    node = x.grad_fn
    while node is not None:
        flows = getattr(node, "flows", None)
        if flows in GATES:
            return True
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        if (flows is not None and flows not in CARRIED) or len(parents) != 1:
            return False
        node = parents[0]
    return False


def by_relevance(composite: Composite) -> Slope:
    """How relevance of one chunk is found: begun at the output as output × slope of the target there."""

    def relevance(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        with frozen(work, "lrp"), torch.enable_grad():
            leaf = (points.clone() if points.is_inference() else points.detach()).requires_grad_()
            with Relevance(composite) as seen:
                output = work.output(leaf.clone(), rows, len(ks))
            unseen(output, "lrp")
            score = work.scored(_taken(output, seen.kept(output)), rows, len(ks))
            found = back_to(work, score, leaf, f"on {work.at or 'the input'} in a way that lrp can follow.")
            return found, score.detach()

    return Sharing(relevance)
