"""Held-out rows with the network's answers, against which rules are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid._core import Dataset, wilson
from pellucid.inputs import Column
from pellucid.rules._agreement import explained, explained_interval, paired_difference
from pellucid.rules._bounds import clopper_pearson
from pellucid.rules._box import Box
from pellucid.rules._readable import Row, cell
from pellucid.rules._rule import Condition, Rule, number_text
from pellucid.rules._rule_set import RuleSet

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows column by column: the number and the level of each."""

    n: int
    told: Mapping[str, tuple[Numbers, NDArray[np.str_]]]

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Sequence[Row]) -> Cells:
        """Raw rows, read once."""
        told: dict[str, tuple[Numbers, NDArray[np.str_]]] = {}
        for column in columns:
            both = [cell(column, row[column.name]) for row in rows]
            told[column.name] = np.array([a for a, _ in both]), np.array([b for _, b in both])
        return cls(len(rows), told)

    def meet(self, conditions: Sequence[Condition]) -> Mask:
        """Which rows fulfil all conditions."""
        there = np.ones(self.n, dtype=bool)
        for condition in conditions:
            numbers, levels = self.told[condition.column]
            if isinstance(condition.value, tuple):
                there &= np.isin(levels, condition.value)
            else:
                there &= numbers <= condition.value if condition.op == "<=" else numbers > condition.value
        return there

    def spoke(self, boxes: Sequence[Box]) -> NDArray[np.int64]:
        """The first box that each row lies in, -1 where in none."""
        found = np.full(self.n, -1)
        for k, box in enumerate(boxes):
            found[(found < 0) & self.meet(box.conditions())] = k
        return found


@dataclass(frozen=True, slots=True)
class Judged:
    """Held-out rows with the network's answers, against which rules are scored."""

    held: Dataset
    columns: Sequence[Column]
    cells: Cells
    answers: Numbers

    def told(self, boxes: Sequence[Box]) -> Numbers:
        """What rules say about the rows, NaN where they say nothing."""
        return np.array([*(box.answer for box in boxes), float("nan")])[self.cells.spoke(boxes)]

    def score(self, told: Numbers, truth: Numbers) -> float:
        """Share of equal answers; in regression R² on the rows for which something is told."""
        if self.held.classes:
            return float((told == truth).mean())
        return explained(told, truth)

    def rule_set(self, boxes: Sequence[Box], null: Numbers, usual: float, seed: int) -> RuleSet:
        """Rules with their figures.

        ``null`` is what rules of true answers say, ``usual`` the answer that costs nothing.
        """
        held, truth = self.held, truth_of(self.held)
        spoke, told = self.cells.spoke(boxes), self.told(boxes)
        if held.classes:
            same, known = told == self.answers, null == self.answers
            ends = (*clopper_pearson(int(same.sum()), len(same)), *paired_difference(same, known))
            apart = self.answers != truth
        else:
            ends = explained_interval(told, null, self.answers, seed)
            same, known, apart = (np.zeros(0, dtype=bool) for _ in range(3))
        differ = int(apart.sum())
        low, high = clopper_pearson(int(same[apart].sum()), differ)
        return RuleSet(
            tuple(self._rule(k, boxes, spoke == k) for k in range(len(boxes))),
            held.classes,
            held.task,
            tuple(self.columns),
            self.score(told, self.answers),
            ends[0],
            ends[1],
            self.score(null, self.answers),
            ends[2],
            ends[3],
            self.score(np.full(len(held), usual), self.answers),
            float((spoke >= 0).mean()),
            self.score(told, truth),
            self.score(self.answers, truth),
            0,
            len(held),
            held.answer,
            held.unit,
            held.name,
            differ=differ,
            differ_fidelity=float(same[apart].mean()) if differ else float("nan"),
            differ_low=low,
            differ_high=high,
            differ_null=float(known[apart].mean()) if differ else float("nan"),
        )

    def _rule(self, k: int, boxes: Sequence[Box], here: Mask) -> Rule:
        answer, answers = boxes[k].answer, self.answers[here]
        away = np.abs(answers - answer)
        met = away == 0 if self.held.classes else away <= float(self.answers.std()) / 2
        support, hits = int(here.sum()), int(met.sum())
        precision = hits / support if support else float("nan")
        low, high = wilson(hits, support)
        conditions = boxes[k].conditions()
        if self.held.classes:
            outcome = self.held.classes[int(answer)]
            return Rule(conditions, outcome, support, precision, low, high)
        outcome = f"{number_text(answer)} {self.held.unit}".rstrip()
        error = float(np.sqrt((away**2).mean())) if support else float("nan")
        return Rule(conditions, outcome, support, precision, low, high, answer, error)


def truth_of(data: Dataset) -> Numbers:
    """The true answers as numbers."""
    return data.answers.detach().cpu().double().numpy()
