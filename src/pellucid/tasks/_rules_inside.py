"""The network's answers told by what a hidden layer holds: its units, or concepts that people name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, Subject, percent, predict, untrained
from pellucid.errors import MethodError
from pellucid.layers import (
    ConceptValues,
    Exemplars,
    concept_exemplars,
    concept_values,
    exemplars,
    unit_values,
)
from pellucid.rules import Frontier, Kind, RuleSet, frontier_of_values, rules_of_values
from pellucid.rules._frontier import SIZES
from pellucid.tasks._concept_sets import Sets, concept_sets
from pellucid.tasks._feature_sites import last_site
from pellucid.tasks._rows import sample

MOST_ROWS = 5_000  # that rules over a layer are grown from and judged on
CALIBRATE = 500


@final
@dataclass(frozen=True, slots=True, eq=False)
class InsideRules:
    """Rules over units or concepts of a layer.

    Args:
        rules: with their figures; the note says what else must be known.
        site: the layer.
        exemplars: the real inputs that stand highest in what the rules ask for.
        untrained: fidelity of rules of that size over the same in an untrained copy of the network; NaN where
            there can be none.
        names: of the concepts, by the numbers that ``exemplars`` has for them; empty for units.
        told, told_null: how well each concept is told from other inputs, beside chance; empty for units.
        frontier: sets of other sizes, where they were asked for.
    """

    rules: RuleSet
    site: str
    exemplars: Exemplars
    untrained: float
    names: dict[int, str] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    told_null: dict[str, float] = field(default_factory=dict)
    frontier: Frontier | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which rules over values are asked for, grown and picked as those over inputs."""

    outputs: Tensor
    data: Dataset
    kind: Kind
    usual: int
    leaves: int | None
    conditions: int | None
    fidelity: float | None
    regrown: int
    whole: bool
    seed: int

    def rules(self, values: Tensor, names: Sequence[str]) -> tuple[RuleSet, Frontier | None, int]:
        """The rules, those of other sizes, and how many they were allowed."""
        picking = self.conditions is not None or self.fidelity is not None
        sizes = [size for size in SIZES if self.leaves is None or size <= self.leaves]
        whole = self._sizes(values, names, sizes, 0) if picking or self.whole else None
        if whole is None or not picking:
            return self._usual(values, names, self.regrown), whole, self.usual
        found = whole.pick(conditions=self.conditions, fidelity=self.fidelity)
        size = next(n for n, each in zip(whole.sizes, whole.sets, strict=True) if each.rules == found.rules)
        if self.regrown:
            (again,) = self._sizes(values, names, [size], self.regrown)
            found = replace(again, note=found.note)
        return found, whole, size

    def control(self, values: Tensor, names: Sequence[str], size: int) -> float:
        """Fidelity of rules of that size over the same of an untrained network, on the same rows."""
        if self.conditions is None and self.fidelity is None:
            return self._usual(values, names, 0).fidelity
        (found,) = self._sizes(values, names, [size], 0)
        return found.fidelity

    def _usual(self, values: Tensor, names: Sequence[str], regrown: int) -> RuleSet:
        return rules_of_values(
            values, self.outputs, names, self.data, kind=self.kind, size=self.usual, seed=self.seed,
            regrown=regrown,
        )  # fmt: skip

    def _sizes(self, values: Tensor, names: Sequence[str], sizes: Sequence[int], regrown: int) -> Frontier:
        return frontier_of_values(
            values, self.outputs, names, self.data, kind=self.kind, sizes=sizes, seed=self.seed,
            regrown=regrown,
        )  # fmt: skip


def unit_rules(
    subject: Subject,
    site: str,
    *,
    leaves: int | None = None,
    kind: Kind = "tree",
    conditions: int | None = None,
    fidelity: float | None = None,
    regrown: int = 0,
    whole: bool = False,
    compute: Compute | None = None,
) -> InsideRules:
    """The network's answers told by what the units of a layer give: "if unit 12 of conv2 > 0.4 …".

    Args:
        subject: a network with data: pictures, sounds, texts or a table.
        site: the layer.
        leaves, kind, conditions, fidelity, regrown: as for :func:`rules`.
        whole: keep the sets of other sizes, too; with ``conditions`` or ``fidelity`` they are kept anyway.
        compute: how to run.

    Returns:
        :class:`InsideRules`: of a channel the largest value over its positions counts.

    Raises:
        InputError, SiteError: where there is no data, too few rows, or no such layer.

    Cost:
        Three passes over at most 5,000 train and held-out rows, and one over all for the exemplars.

    Limits:
        A unit that tells the answer need not cause it. Numbers are as the layer gives them, in no unit.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=1)
        >>> found = unit_rules(subject, "dense1", leaves=2)
        >>> found.site
        'dense1'
    """
    every, how = subject.needs_data("unit_rules"), compute or Compute()
    data, _ = _some(every, how)
    seen = unit_values(subject.model, data.inputs, site, spec=subject.spec, compute=compute)
    names = {int(unit): f"{site} unit {int(unit)}" for unit in seen.units}
    outputs = predict(subject.model, data.inputs, spec=subject.spec, compute=compute)
    size = _size(subject, leaves, kind)
    wanted = _Wanted(outputs, data, kind, size, leaves, conditions, fidelity, regrown, whole, how.seed)
    found, sets, size = wanted.rules(seen.values, [*names.values()])
    control, twin = torch.nan, _twin(subject, data, how)
    if twin is not None:
        beside = unit_values(twin, data.inputs, site, spec=subject.spec, compute=compute)
        control = wanted.control(beside.values, [*names.values()], size)
    asked = _asked(found)
    units = [unit for unit, name in names.items() if name in asked] or [next(iter(names))]
    shown = exemplars(subject.model, every.inputs, site, units=units, spec=subject.spec, compute=compute)
    found = _noted(found, [_beside(control, "the units of the same layer")])
    return InsideRules(found, site, shown, control, frontier=sets)


def concept_rules(
    subject: Subject,
    sets: Sets,
    site: str | None = None,
    *,
    leaves: int | None = None,
    kind: Kind = "tree",
    conditions: int | None = None,
    fidelity: float | None = None,
    regrown: int = 0,
    whole: bool = False,
    compute: Compute | None = None,
) -> InsideRules:
    """The network's answers told by how much its layer shows of concepts: "if striped > 0.6 …".

    A concept's value is 0 for other inputs and 1 for those that show it, on average:
    :func:`pellucid.layers.concept_values`.

    Args:
        subject: a network with data: pictures, sounds, texts or a table.
        sets: what shows the concepts, as for :func:`pellucid.concepts`: folders of pictures or sounds, a
            column, a condition, classes that have it, or inputs by name. Where they are taken from the
            subject's own data, from its train rows.
        site: the layer; left out, the last hidden one with weights.
        leaves, kind, conditions, fidelity, regrown: as for :func:`rules`.
        whole: keep the sets of other sizes, too; with ``conditions`` or ``fidelity`` they are kept anyway.
        compute: how to run.

    Returns:
        :class:`InsideRules` with a name for each unit of ``exemplars``.

    Raises:
        InputError: where sets cannot be read or hold fewer than 30 inputs, or there are too few rows.
        SiteError: where there is no such layer.

    Cost:
        Three passes over at most 5,000 train and held-out rows, and two over the sets.

    Limits:
        A concept that tells the answer need not cause it: ``pellucid concepts`` tests whether the answer
        moves with it. A direction holds all that its inputs have in common, the background too.

    Source:
        Kim et al. 2018, Interpretability beyond feature attribution: TCAV, arXiv 1711.11279 (directions).

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=3)
        >>> found = concept_rules(subject, ["worst area", "rough: mean texture > 20"], leaves=3)
        >>> sorted(found.names.values())[0]
        'high worst area'
    """
    every, how = subject.needs_data("concept_rules"), compute or Compute()
    layer = site or last_site(subject)
    data, chosen = _some(every, how)
    shown, others = concept_sets(subject, every.part("train"), sets)
    outputs = predict(subject.model, data.inputs, spec=subject.spec, compute=compute)
    size = _size(subject, leaves, kind)
    wanted = _Wanted(outputs, data, kind, size, leaves, conditions, fidelity, regrown, whole, how.seed)

    def measured(model: nn.Module) -> ConceptValues:
        return concept_values(
            model, data.inputs, shown, layer, random=others, spec=subject.spec, compute=compute
        )

    seen = measured(subject.model)
    found, of_sizes, size = wanted.rules(seen.values, seen.concepts)
    control, twin = torch.nan, _twin(subject, data, how)
    if twin is not None:
        control = wanted.control(measured(twin).values, seen.concepts, size)
    asked = _asked(found)
    units = [k for k, name in enumerate(seen.concepts) if name in asked] or [0]
    best = concept_exemplars(subject.model, data.inputs, seen, units, spec=subject.spec, compute=compute)
    found = _noted(found, [_beside(control, "the same concepts"), *_reading(seen, asked)])
    return InsideRules(
        found,
        layer,
        replace(best, rows=chosen[best.rows]),
        control,
        dict(enumerate(seen.concepts)),
        dict(zip(seen.concepts, seen.told.tolist(), strict=True)),
        dict(zip(seen.concepts, seen.told_null.tolist(), strict=True)),
        of_sizes,
    )


def _some(data: Dataset, how: Compute) -> tuple[Dataset, Tensor]:
    """At most so many rows, and their numbers."""
    chosen = sample(len(data), MOST_ROWS, seed=how.seed)
    return data.rows(chosen), chosen


def _size(subject: Subject, leaves: int | None, kind: Kind) -> int:
    return leaves if leaves is not None else 8 if kind == "optimal" else max(8, 2 * len(subject.classes))


def _asked(found: RuleSet) -> set[str]:
    return {condition.column for rule in found.rules for condition in rule.conditions}


def _twin(subject: Subject, data: Dataset, how: Compute) -> nn.Module | None:
    """The same network with weights freshly drawn; ``None`` where it has none to draw."""
    device = next((p.device for p in subject.model.parameters()), torch.device("cpu"))
    try:
        return untrained(subject.model, seed=how.seed, calibrate=data.inputs[:CALIBRATE].to(device))
    except MethodError:
        return None


def _beside(control: float, what: str) -> str:
    if control != control:
        return "No untrained copy can be made of this network, so nothing stands beside the layer."
    return f"Over {what} in an untrained copy, rules of that size reach fidelity {percent(control)}."


def _reading(seen: ConceptValues, asked: set[str]) -> Sequence[str]:
    lines = [
        "Of a concept 0 is what other inputs have on average, 1 what those have that show it, along its "
        f"direction at {seen.site}."
    ]
    for k, name in enumerate(seen.concepts):
        if name not in asked:
            continue
        told, null, count = float(seen.told[k]), float(seen.told_null[k]), int(seen.n_concept[k])
        weak = "" if told > null else " That is chance: do not read the name into the rules."
        lines.append(
            f"{name}: told from other inputs in {percent(told, 0)} (by chance up to {percent(null, 0)}), "
            f"from {count} that show it.{weak}"
        )
    return lines


def _noted(found: RuleSet, lines: Iterable[str]) -> RuleSet:
    return replace(found, note="\n".join([*found.note.splitlines(), *lines]))
