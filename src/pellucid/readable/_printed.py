"""A rule network written out: its bits as conditions in the user's units and levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid._core import predict, wilson
from pellucid.errors import InputError
from pellucid.inputs import MISSING, Column, TabularSpec
from pellucid.networks import RuleNetwork
from pellucid.rules import Condition, WeightedRule, WeightedRules
from pellucid.rules._rule import GIVEN

Bit = tuple[int, float, bool]  # slot, threshold, above


def written_out(
    network: RuleNetwork,
    spec: TabularSpec,
    classes: Sequence[str],
    inputs: Tensor,
    answers: Tensor,
    *,
    held_out: bool = False,
    answer: str = "answer",
    name: str = "",
) -> WeightedRules:
    """The rules that the network computes, with their support and precision on some rows.

    Args:
        network: in any state of training; what it computes in evaluation mode is written out.
        spec: what an encoded row means.
        classes: class names in the order of the logits.
        inputs: encoded rows ``[N, D]`` to count on.
        answers: their class numbers ``[N]``.
        held_out: whether the network was fitted without them.
        answer: what is predicted, in words.
        name: of the data.

    Raises:
        InputError: if the network does not fit the spec or the classes.

    Cost:
        One forward pass over the rows.
    """
    outputs, width = network.weights.weight.shape[0], spec.width
    if outputs != len(classes) or (inputs.ndim, inputs.shape[-1]) != (2, width):
        raise InputError(
            f"Expected {outputs} classes and rows of {width} slots, got {len(classes)} and "
            f"{list(inputs.shape)}."
        )
    held = _held(network, inputs)
    members = (network.rules.membership > 0.5).tolist()
    bits = _bits(network)
    weights = torch.round(network.weights.weight.detach().cpu().double() * 100) / 100
    bias = torch.round(network.weights.bias.detach().cpu().double() * 100) / 100
    rules: list[WeightedRule] = []
    for k, row in enumerate(members):
        conditions = conditions_of(spec, [bit for bit, of in zip(bits, row, strict=True) if of])
        added = tuple(float(w) + 0.0 for w in weights[:, k])
        # a rule that adds speaks for the class that gains most, one that decides for its answer
        told = [w + float(b) for w, b in zip(added, bias, strict=True)] if network.settings.ordered else added
        rules.append(_counted(conditions, added, told, classes, held[:, k], answers.cpu()))
    if not network.settings.ordered:
        rules.sort(key=lambda rule: -max(abs(w) for w in rule.weights))
    return WeightedRules(
        tuple(rules),
        tuple(float(b) + 0.0 for b in bias),
        tuple(classes),
        spec.columns,
        network.settings.ordered,
        len(inputs),
        held_out,
        answer,
        name,
        tuple(float((answers == c).double().mean()) for c in range(len(classes))) if len(answers) else (),
    )


def _held(network: RuleNetwork, inputs: Tensor) -> Tensor:
    """Which rules count in which rows: bool ``[N, R]``."""
    parts = torch.nn.Sequential(network.conditions, network.rules, network.first)
    return predict(parts, inputs.to(network.weights.weight.device)).cpu() > 0.5


def _bits(network: RuleNetwork) -> list[Bit]:
    asked = network.conditions
    return list(zip(asked.slots.tolist(), asked.thresholds.tolist(), asked.above.tolist(), strict=True))


def _counted(
    conditions: tuple[Condition, ...],
    weights: tuple[float, ...],
    told: Sequence[float],
    classes: Sequence[str],
    here: Tensor,
    answers: Tensor,
) -> WeightedRule:
    best = list(told).index(max(told))
    support, hits = int(here.sum()), int((answers[here] == best).sum())
    share = hits / support if support else float("nan")
    return WeightedRule(conditions, weights, classes[best], support, share, *wilson(hits, support))


def conditions_of(spec: TabularSpec, bits: Sequence[Bit]) -> tuple[Condition, ...]:
    """Bits that must all be 1, as conditions; at most one of each kind for a column.

    Example:
        >>> home = Column("home", levels=("own", "rent", "free"))
        >>> spec = TabularSpec((Column("age", "years", mean=40, std=10), home))
        >>> [str(c) for c in conditions_of(spec, [(0, 1.0, True), (0, 0.5, True), (2, 0.5, False)])]
        ['age > 50 years', 'home is not rent']
    """
    found: list[Condition] = []
    start = 0
    for column in spec.columns:
        here = [(slot - start, at, above) for slot, at, above in bits if start <= slot < start + column.width]
        start += column.width
        if here:
            found += _of_levels(column, here) if column.levels else _of_number(column, here)
    return tuple(found)


def _of_number(column: Column, bits: Sequence[Bit]) -> list[Condition]:
    found: list[Condition] = []
    above = [at for slot, at, up in bits if slot == 0 and up]
    below = [at for slot, at, up in bits if slot == 0 and not up]
    if above:
        found.append(Condition(column.name, ">", _number(column, max(above)), column.unit))
    if below:
        found.append(Condition(column.name, "<=", _number(column, min(below)), column.unit))
    for up in sorted({up for slot, _, up in bits if slot == 1}):
        kept, other = (MISSING, GIVEN) if up else (GIVEN, MISSING)
        found.append(Condition(column.name, "in", (kept,), "", (other,)))
    return found


def _number(column: Column, slot: float) -> float:
    """The threshold in the column's unit: the shortest number with exactly this slot."""
    value = column.decode(np.array([[slot, 0.0]], dtype=np.float32))[0]
    return float(value)  # pyright: ignore[reportArgumentType]


def _of_levels(column: Column, bits: Sequence[Bit]) -> list[Condition]:
    wanted = {slot for slot, _, up in bits if up}
    out = {slot for slot, _, up in bits if not up}
    kept = [k for k in range(len(column.levels)) if k not in out and wanted <= {k}]
    levels = tuple(column.levels[k] for k in kept)
    others = tuple(level for level in column.levels if level not in levels)
    return [Condition(column.name, "in", levels, "", others)]
