"""Rules taken apart layer by layer: what hidden units say about the answer, told by the inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid._core import Compute, Dataset, activations
from pellucid.errors import MethodError
from pellucid.inputs import Column
from pellucid.rules._box import Box
from pellucid.rules._judged import Cells
from pellucid.rules._material import Material
from pellucid.rules._readable import features, readable_rows
from pellucid.rules._rule_list import without_idle
from pellucid.rules._tree import Growth

UNITS = 256  # most units of a layer: the method is for small networks
LEAVES = 8  # of the tree over a layer's units, and of the one that tells a clause by the inputs

Mask = NDArray[np.bool_]


def through_layers(
    model: nn.Module, dataset: Dataset, given: Material, compute: Compute | None
) -> Callable[[Growth, int], tuple[Box, ...]]:
    """A grower of rule lists whose rules come from the hidden layers, one layer at a time.

    For each layer with at most 256 units a small tree tells the network's answer by its units; each of its
    clauses ("unit 3 > 0.2 and unit 7 <= 1") is then told by the inputs, by a tree of whether it holds. The
    clauses of all layers together are weighed on the training rows, and the list is put together from those
    that say most about rows which none before takes.

    Raises:
        MethodError: where there is no such layer.

    Limits:
        ECLAIRE lets all clauses vote; here the first that holds speaks, so that the list can be read and run.
        Nothing is said of how layers depend on each other.

    Source:
        Zarlenga, Shams and Jamnik, "Efficient decompositional rule extraction for deep neural networks",
        2021 (ECLAIRE).
    """
    inputs = dataset.part("train").inputs
    plain = _pool(model, inputs, dataset, given, given.growth, compute)
    more = plain
    if given.made is not None:  # rows between training rows pass the same layers
        more = _pool(model, torch.cat([inputs, given.made]), dataset, given, given.queried, compute)

    def grower(growth: Growth, rules: int) -> tuple[Box, ...]:
        queried = growth is given.queried
        pool, masks = more if queried else plain
        own = given.queried if queried else given.growth
        return _listed(pool, masks, own.answers, rules, own.support)

    return grower


def _pool(
    model: nn.Module,
    inputs: torch.Tensor,
    dataset: Dataset,
    given: Material,
    growth: Growth,
    compute: Compute | None,
) -> tuple[list[Box], list[Mask]]:
    """Clauses of every layer told by the inputs, and for which rows each holds."""
    found = _hidden(model, inputs, dataset, compute)
    if not found:
        raise MethodError(
            f"No hidden layer has between 2 and {UNITS} units that are single numbers: rules cannot be taken "
            "through its layers. Take kind='tree', which asks only for the answers."
        )
    pool = [box for name, values in found.items() for box in _clauses(name, values, growth)]
    cells = Cells.of(given.columns, readable_rows(dataset.spec, inputs))
    return pool, [cells.meet(box.conditions()) for box in pool]


def _hidden(
    model: nn.Module, x: torch.Tensor, dataset: Dataset, compute: Compute | None
) -> dict[str, NDArray[np.float64]]:
    """What hidden layers of single numbers give for each row, ``[N, U]``."""
    names = [name for name, part in model.named_modules() if name and not list(part.children())]
    parts: dict[str, list[torch.Tensor]] = {}
    for _, seen in activations(model, x, names, spec=dataset.spec, compute=compute):
        for name in names:
            values = seen[name]
            if values.ndim == 2 and 2 <= values.shape[1] <= UNITS:
                parts.setdefault(name, []).append(values.detach().cpu().double())
    # the last of them is the answer itself
    hidden = list(parts)[:-1]
    return {name: torch.cat(parts[name]).numpy() for name in hidden}


def _clauses(name: str, values: NDArray[np.float64], growth: Growth) -> list[Box]:
    """Boxes of inputs for each clause over the units of a layer."""
    units = features([Column(f"{name} {k}") for k in range(values.shape[1])])
    above = replace(growth, table=values, features=units)

    place = {unit.column.name: k for k, unit in enumerate(units)}
    found: list[Box] = []
    for clause in above.boxes(LEAVES):
        holds = _within(clause, values, place).astype(np.float64)
        if not 0 < holds.sum() < len(holds):
            continue
        told = replace(growth, answers=holds, targets=np.stack((1 - holds, holds), 1))
        found += [replace(box, answer=clause.answer) for box in told.boxes(LEAVES) if box.answer == 1]
    return found


def _within(box: Box, values: NDArray[np.float64], place: dict[str, int]) -> Mask:
    there = np.ones(len(values), dtype=bool)
    for column, (low, high) in box.numbers.items():
        part = values[:, place[column.name]]
        there &= (part > low) & (part <= high)
    return there


def _listed(
    pool: Sequence[Box], masks: Sequence[Mask], answers: NDArray[np.float64], rules: int, support: int
) -> tuple[Box, ...]:
    """The list with the fewest mistakes that adding one rule after the other finds."""
    left, boxes = np.ones(len(answers), dtype=bool), list[Box]()
    shares = np.bincount(answers.astype(np.int64)) / len(answers)
    while len(boxes) < rules - 1:
        gains: list[float] = []
        for box, mask in zip(pool, masks, strict=True):
            here = left & mask
            hits = int((answers[here] == box.answer).sum())
            enough = here.sum() >= support and hits > 0
            ratio = hits / max(1, int(here.sum())) / shares[int(box.answer)]
            gains.append(hits * float(np.log2(ratio)) if enough else 0.0)
        if not gains or max(gains) <= 0:
            break
        best = int(np.argmax(gains))
        boxes.append(pool[best])
        left &= ~masks[best]
    rest = answers[left] if left.any() else answers
    return without_idle((*boxes, Box(float(np.bincount(rest.astype(np.int64)).argmax()))))
