"""From the answer of one input down to its parts, by taking units away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Question, Target, activations
from pellucid._core._field import Field
from pellucid._core._units import by_unit, position_shape
from pellucid.errors import InputError, MethodError
from pellucid.layers._ablated import Usual, all_gone, drops, unit_target
from pellucid.layers._reach import tokens_of
from pellucid.layers._traced import Arrow, TracedUnit

LEAST = 1e-5  # of a number: a smaller change is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Sink:
    """What an effect is measured on: a unit, or the answer."""

    number: int
    target: Target
    excess: float
    weight: float
    box: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One network, one example, on the way down from the answer."""

    model: nn.Module
    example: Tensor
    spec: InputSpec | None
    how: Compute
    stand_in: Usual
    width: int
    draws: int

    def question(self, target: Target, at: str | None) -> Question:
        return Question(self.model, self.example, target, at=at, spec=self.spec, compute=self.how)

    def connected(self, names: Sequence[str], asked: Target) -> list[str]:
        """From the last layer down those that the one above, or the answer, depends on."""
        kept: list[str] = []
        above = asked
        for name in reversed(names):
            question = self.question(above, name)
            if abs(all_gone(question, name, self.stand_in)) > LEAST * max(1.0, abs(float(question.base))):
                kept.insert(0, name)
                above = Target("its squares", _squares, site=name)
        if not kept:
            raise MethodError(
                "No layer that was tried carries the answer. Name sites=, in the order of the pass."
            )
        return kept

    def run(
        self,
        names: Sequence[str],
        asked: Target,
        whole: float,
        seen: dict[str, Field | None],
        inputs: Tensor,
    ) -> tuple[list[Arrow], list[TracedUnit]]:
        """Arrows and units from the answer down to the input."""
        base = float(self.question(asked, None).base)
        sinks = [Sink(-1, asked, base - whole, 1.0, torch.empty(0, dtype=torch.int64))]
        arrows: list[Arrow] = []
        units: list[TracedUnit] = []
        generator = torch.Generator().manual_seed(self.how.seed)
        for level, name in enumerate(reversed(names)):
            most = 1 if level == 0 else self.width
            sinks = self._step(name, sinks, most, seen[name], arrows, units, generator)
        for sink in sinks:
            found = (
                self._from_patch(sink, inputs, generator)
                if len(sink.box)
                else self._from_parts(sink, inputs, generator)
            )
            arrows += found
        return arrows, units

    def _step(
        self,
        name: str,
        sinks: Sequence[Sink],
        most: int,
        field: Field | None,
        arrows: list[Arrow],
        units: list[TracedUnit],
        generator: torch.Generator,
    ) -> list[Sink]:
        """Units of a layer without which the sinks fall most; effects and units are added to the lists."""
        total = len(self.stand_in.mean[name])
        fall = torch.zeros(len(sinks), total, dtype=torch.float64)
        tried = torch.zeros(total, dtype=torch.bool)
        for line, sink in zip(fall, sinks, strict=True):
            looked, lost = drops(self.question(sink.target, name), name, self.stand_in)
            line[looked] = lost
            tried[looked] = True
        share = fall / torch.tensor([[_apart(sink.excess)] for sink in sinks]).double()
        # a sink at its usual value has nothing to lose
        known = share.nan_to_num(0, 0, 0)
        weight = torch.tensor([sink.weight for sink in sinks]).double()
        gain = (weight[:, None] * known).sum(0)
        # what is silent here has no patch to show: it is measured, and not followed
        loud = by_unit(self.model, self._seen(name), name)[0].amax(1).cpu() > self.stand_in.mean[name]
        gain = torch.where(loud, gain, float("-inf")) if bool(loud.any()) else gain
        chosen = gain.argsort(descending=True, stable=True)[:most].tolist()
        chosen = [u for i, u in enumerate(chosen) if i == 0 or float(gain[u]) > 0]
        rest = torch.tensor([u for u in tried.nonzero()[:, 0].tolist() if u not in chosen], dtype=torch.int64)
        drawn = [rest[torch.randperm(len(rest), generator=generator)[: self.draws]] for _ in sinks]
        found: list[Sink] = []
        for u in chosen:
            best = sinks[int((weight * known[:, u]).argmax())]
            unit = self._unit(name, u, field, best.box)
            number = len(units)
            units.append(unit)
            arrows += [
                Arrow(number, sink.number, "", float(fall[i, u]), float(share[i, u]), share[i, drawn[i]])
                for i, sink in enumerate(sinks)
            ]
            place = _flat_place(unit.position, self._shape(name))
            target = unit_target(self.model, name, u, place)
            found.append(Sink(number, target, unit.value - unit.usual, max(0.0, float(gain[u])), unit.box))
        return found

    def _seen(self, name: str) -> Tensor:
        for _, seen in activations(
            self.model, self.example, [name], stop=name, spec=self.spec, compute=self.how
        ):
            return seen[name].detach()
        raise InputError("Expected one row, got none.")

    def _shape(self, name: str) -> tuple[int, ...]:
        return position_shape(self.model, self._seen(name), name)

    def _unit(self, name: str, unit: int, field: Field | None, within: Tensor) -> TracedUnit:
        """The unit where it is strongest, among positions that see nothing but what its successor sees."""
        activation = self._seen(name)
        values = by_unit(self.model, activation, name)[0, unit].cpu()
        shape = position_shape(self.model, activation, name)
        every = torch.unravel_index(torch.arange(len(values)), shape) if shape else ()
        positions = torch.stack(list(every), 1) if shape else torch.empty(len(values), 0, dtype=torch.int64)
        boxes = torch.empty(0, dtype=torch.int64) if field is None else field.boxes(positions)
        able = torch.ones(len(values), dtype=torch.bool)
        real = tokens_of(self.example, self.spec)
        if real is not None and real.shape[1] == len(values):
            able &= real[0]
        if len(boxes) and len(within):
            axes = len(within) // 2
            inside = (boxes[:, :axes] >= within[:axes]).all(1) & (boxes[:, axes:] <= within[axes:]).all(1)
            able &= inside if bool((inside & able).any()) else True
        place = int(values.masked_fill(~able, float("-inf")).argmax())
        none = torch.empty(0, dtype=torch.int64)
        return TracedUnit(
            name,
            unit,
            float(values[place]),
            float(self.stand_in.mean[name][unit]),
            tuple(positions[place].tolist()),
            boxes[place] if len(boxes) else none,
            none,
            none,
            none,
        )

    def _from_patch(self, sink: Sink, inputs: Tensor, generator: torch.Generator) -> list[Arrow]:
        """What the unit sees, and patches of its size elsewhere, replaced by the mean input."""
        question = self.question(sink.target, None)
        axes = len(sink.box) // 2
        starts, sizes = sink.box[:axes], sink.box[axes:] - sink.box[:axes]
        space = torch.tensor(self.example.shape[2:])
        room = space - sizes
        boxes = [
            starts,
            *((torch.rand(axes, generator=generator) * (room + 1)).long() for _ in range(self.draws)),
        ]
        mean = inputs.to(question.point).mean(0, keepdim=True)
        masks = torch.zeros(len(boxes), 1, 1, *space.tolist(), dtype=torch.bool)
        for mask, start in zip(masks, boxes, strict=True):
            mask[(..., *(slice(int(a), int(a + w)) for a, w in zip(start, sizes, strict=True)))] = True

        def without(ks: Tensor, rows: slice) -> Tensor:
            return torch.where(masks[ks].to(mean.device), mean, question.point[rows])

        fall = (question.base.double() - question.scores(without, len(boxes))[:, 0].double()).cpu()
        share = fall / _apart(sink.excess)
        return [Arrow(-1, sink.number, "what it sees", float(fall[0]), float(share[0]), share[1:])]

    def _from_parts(self, sink: Sink, inputs: Tensor, generator: torch.Generator) -> list[Arrow]:
        """Parts of the input without which the unit falls most."""
        question = self.question(sink.target, None)
        point = question.point
        away, groups, names = question.absent, question.groups, list(question.group_names)
        if question.described is None and point.is_floating_point() and point.ndim == 2:
            away = inputs.to(point).mean(0, keepdim=True)
        groups = groups.expand(point.shape)
        count = int(groups.max()) + 1
        if count < 1:
            return []

        def without(ks: Tensor, rows: slice) -> Tensor:
            gone = groups[rows] == ks.to(groups.device).reshape(-1, *[1] * point.ndim)
            return torch.where(gone, away.expand(point.shape)[rows], point[rows])

        fall = (question.base.double() - question.scores(without, count)[:, 0].double()).cpu()
        share = fall / _apart(sink.excess)
        order = share.argsort(descending=True, stable=True)
        best, rest = order[: self.width], order[self.width :]
        drawn = rest[torch.randperm(len(rest), generator=generator)[: self.draws]]
        return [
            Arrow(
                -1,
                sink.number,
                names[u] if u < len(names) else f"input {u}",
                float(fall[u]),
                float(share[u]),
                share[drawn],
            )
            for u in best.tolist()
        ]


def _squares(output: Tensor, rows: Tensor) -> Tensor:
    return output.flatten(1).double().square().sum(1)


def _apart(excess: float) -> float:
    return abs(excess) if abs(excess) > 1e-12 else math.nan


def _flat_place(position: Sequence[int], shape: Sequence[int]) -> int:
    place = 0
    for at, size in zip(position, shape, strict=True):
        place = place * size + at
    return place
