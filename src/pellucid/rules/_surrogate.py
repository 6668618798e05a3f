"""A small decision tree of a network's own answers, told as rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, predict, wilson
from pellucid.errors import InputError, MethodError
from pellucid.inputs import Column
from pellucid.rules._agreement import explained, explained_interval, paired_difference
from pellucid.rules._box import Box
from pellucid.rules._note import note
from pellucid.rules._queries import between
from pellucid.rules._readable import Row, features, matrix, readable_columns, readable_rows
from pellucid.rules._rule import Rule, number_text
from pellucid.rules._rule_set import RuleSet, firing
from pellucid.rules._tree import Growth, Numbers


def surrogate_tree(
    model: nn.Module,
    dataset: Dataset,
    *,
    leaves: int = 8,
    minimum_support: int = 5,
    seed: int = 0,
    synthetic: int = 0,
    compute: Compute | None = None,
) -> RuleSet:
    """Rules that copy a network's answers, and how far they do.

    ``fidelity`` is the share of held-out rows (validation and test part) to which rules and network give the
    same answer; in regression, R² of the rules against the network's answers, in no unit.

    A best-first regression tree is fitted to the network's probabilities on the train part; leaves answer by
    majority, sibling leaves of one answer are joined. Each threshold is then replaced by the shortest number
    that parts the rows alike, at most three significant digits of the column's spread, and the rounded tree
    is what is scored, so that the rules as printed have the figures printed beside them.

    Args:
        model: gives ``[N, K]`` for K classes, or ``[N]`` or ``[N, 1]`` in regression.
        dataset: rows with a train part and held-out rows; its spec says how to read them.
        leaves: most rules.
        minimum_support: fewest training rows behind a rule.
        seed: breaks ties and draws synthetic rows.
        synthetic: so many rows between neighbouring training rows are answered by the network and added.
            They help where rows are many and answers smooth, and harm on small tables of many columns.
        compute: how the network runs.

    Returns:
        The rules with their evidence: fidelity with its interval, the fidelity of a tree of that size grown
        from the true answers, of the commonest answer, and of each rule its support and precision on
        held-out rows.

    Raises:
        InputError: if a part is empty, an argument cannot be, the spec is of another kind, or the network's
            outputs are not one for each class.
        MethodError: if the network answers NaN or infinity.

    Cost:
        One forward pass over all rows and the synthetic ones; trees take seconds at most.

    Limits:
        Rules copy answers, not inner workings: a network may answer so for other reasons. Below about 95 %
        fidelity they are a summary. Where ``excess_low`` is not above 0 they may only show what the data
        look like; ``note`` says so. Pictures are told by the brightness of coarse cells, which is rarely
        what a network uses.

    Source:
        Craven and Shavlik, "Extracting tree-structured representations of trained networks", NeurIPS 1995.

    Example:
        >>> from pellucid._core import split
        >>> from pellucid.inputs import TabularSpec
        >>> age, weight = Column("age", "years", mean=40, std=10), Column("weight", "kg", mean=70, std=9)
        >>> spec = TabularSpec((age, weight))
        >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
        >>> network = nn.Linear(2, 2)
        >>> network.weight.data = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
        >>> network.bias.data = torch.tensor([0.0, -2.0])
        >>> y = (x[:, 0] > 0.5).long()
        >>> data = Dataset("people", x, y, spec, ("young", "old"), split(y, classes=True))
        >>> for rule in surrogate_tree(network, data).rules:
        ...     print(rule)
        IF age <= 44.9 years THEN young
        IF age > 44.9 years THEN old
    """
    train, held = dataset.part("train"), dataset.rows(dataset.parts != 0)
    _refuse(train, held, leaves, minimum_support, synthetic)
    columns = readable_columns(dataset.spec, train.inputs)
    asked = _ask(model, train.inputs, dataset, compute)
    growth = _growth(columns, train, train.inputs, asked, minimum_support, seed)
    truth = replace(growth, answers=_truth(train), targets=_shares(_truth(train), train))
    if synthetic:
        made = between(train.spec, train.inputs, synthetic, seed)
        queries = _growth(columns, train, made, _ask(model, made, dataset, compute), minimum_support, seed)
        growth = growth.with_rows(queries)
    rows = readable_rows(held.spec, held.inputs)
    judged = _Judged(held, columns, rows, _ask(model, held.inputs, dataset, compute).answers)
    boxes = growth.boxes(leaves)
    found = judged.rule_set(boxes, judged.told(truth.boxes(leaves)), _usual(asked.answers, train), seed)
    found = replace(found, n_train=len(train), synthetic=synthetic, seed=seed)
    return replace(found, note=note(found, train.spec, bool((asked.answers == asked.answers[0]).all())))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A network's answers ``[N]`` as class numbers or numbers, and ``[N, K]`` as shares of classes."""

    answers: Numbers
    shares: Numbers


@dataclass(frozen=True, slots=True)
class _Judged:
    """Held-out rows with the network's answers, against which rules are scored."""

    held: Dataset
    columns: Sequence[Column]
    rows: Sequence[Row]
    answers: Numbers

    def spoke(self, boxes: Sequence[Box]) -> NDArray[np.int64]:
        """Which box each row lies in, -1 where in none."""
        found = firing([box.conditions() for box in boxes], self.columns, self.rows)
        return np.array([-1 if k is None else k for k in found])

    def told(self, boxes: Sequence[Box]) -> Numbers:
        """What a tree says about the rows, NaN where it says nothing."""
        return np.array([*(box.answer for box in boxes), float("nan")])[self.spoke(boxes)]

    def rule_set(self, boxes: Sequence[Box], null: Numbers, usual: float, seed: int) -> RuleSet:
        """Rules with their figures.

        ``null`` is what the tree of true answers says, ``usual`` the answer that costs nothing.
        """
        held, truth = self.held, _truth(self.held)
        spoke, told = self.spoke(boxes), self.told(boxes)
        if held.classes:
            same, known = told == self.answers, null == self.answers
            ends = (*wilson(int(same.sum()), len(same)), *paired_difference(same, known))
        else:
            ends = explained_interval(told, null, self.answers, seed)
        return RuleSet(
            tuple(self._rule(k, boxes, spoke == k) for k in range(len(boxes))),
            held.classes,
            held.task,
            tuple(self.columns),
            self._score(told, self.answers),
            ends[0],
            ends[1],
            self._score(null, self.answers),
            ends[2],
            ends[3],
            self._score(np.full(len(held), usual), self.answers),
            float((spoke >= 0).mean()),
            self._score(told, truth),
            self._score(self.answers, truth),
            0,
            len(held),
            held.answer,
            held.unit,
            held.name,
        )

    def _score(self, told: Numbers, truth: Numbers) -> float:
        return float((told == truth).mean()) if self.held.classes else explained(told, truth)

    def _rule(self, k: int, boxes: Sequence[Box], here: NDArray[np.bool_]) -> Rule:
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


def _refuse(train: Dataset, held: Dataset, leaves: int, support: int, synthetic: int) -> None:
    if len(train) < 2 or len(held) < 1:
        raise InputError(
            "Rules are grown on the train part and judged on the other parts; there are "
            f"{len(train)} and {len(held)} rows. Give the data set parts of both kinds."
        )
    if leaves < 2 or support < 1 or synthetic < 0:
        raise InputError(
            "Expected leaves of at least 2, minimum_support of at least 1 and synthetic of at least 0, got "
            f"{leaves}, {support} and {synthetic}."
        )


def _ask(model: nn.Module, x: Tensor, data: Dataset, compute: Compute | None) -> _Asked:
    """The network's answers to rows."""
    outputs = predict(model, x, compute=compute).detach().cpu().double()
    if not bool(torch.isfinite(outputs).all()):
        raise MethodError("The network answers NaN or infinity to some rows; there is nothing to copy.")
    if not data.classes:
        if outputs.numel() != len(x):
            raise InputError(
                f"Regression needs one output a row, the network gives {list(outputs.shape[1:])}."
            )
        numbers = outputs.reshape(-1).numpy()
        return _Asked(numbers, numbers[:, None])
    if outputs.ndim != 2 or outputs.shape[1] != len(data.classes):
        raise InputError(
            f"{len(data.classes)} classes are named, so each row needs as many outputs; the network gives "
            f"{list(outputs.shape[1:])}."
        )
    sums = bool(((outputs.sum(1) - 1).abs() < 1e-3).all()) and bool((outputs >= 0).all())
    shares = outputs if sums else outputs.softmax(1)
    return _Asked(outputs.argmax(1).double().numpy(), shares.numpy())


def _growth(
    columns: Sequence[Column], data: Dataset, x: Tensor, asked: _Asked, support: int, seed: int
) -> Growth:
    parts = features(columns)
    table = matrix(parts, readable_rows(data.spec, x))
    return Growth(table, parts, asked.answers, asked.shares, bool(data.classes), support, seed)


def _truth(data: Dataset) -> Numbers:
    return data.answers.detach().cpu().double().numpy()


def _shares(answers: Numbers, data: Dataset) -> Numbers:
    return np.eye(len(data.classes))[answers.astype(np.int64)] if data.classes else answers[:, None]


def _usual(answers: Numbers, data: Dataset) -> float:
    """The commonest answer, or the mean of numbers."""
    return float(np.bincount(answers.astype(np.int64)).argmax()) if data.classes else float(answers.mean())
