"""Anchors: conditions under which the network's answer stays, with a bound on how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, Json, amount, brief, percent, predict, wilson
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.rules._anchor_conditions import REAL, meets, row_draws
from pellucid.rules._anchor_draws import Chosen, Draws, RowDraws, Sampling, part_draws
from pellucid.rules._anchor_hunt import FRESH, Hunt, search
from pellucid.rules._bounds import clopper_pearson_low
from pellucid.rules._recourse._codes import Numbers, read
from pellucid.rules._recourse._goal import asking
from pellucid.rules._rule import Condition, Rule

SAMPLINGS = ("neighbour", "marginal")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Conditions that hold for one input, and how often the network's answer stays where they hold.

    Args:
        conditions: all must hold; a column may have two, which are the ends of an interval.
        answer: of the network, in words.
        reached: whether ``precision_low`` is at least ``threshold``. Where it is not, this is the best
            attempt and no anchor.
        threshold: the precision that was asked for.
        precision: share of fresh draws with the same answer.
        precision_low: its exact one-sided 95 % lower bound (Clopper and Pearson), from draws that the search
            never saw.
        n: fresh draws.
        without: the same share without any condition: what costs nothing.
        coverage: share of held-out rows that meet the conditions; for parts of one input share of draws.
        coverage_low, coverage_high: its 95 % interval (Wilson).
        covered, agreeing: held-out rows that meet the conditions, and how many of them get the same answer.
        held: held-out rows.
        refers_to: what was drawn, in words.
        asked: rows that the network was asked for.
        row: raw values of a table's row; empty for other inputs.
        note: what a reader must know.
    """

    conditions: tuple[Condition, ...]
    answer: str
    reached: bool
    threshold: float
    precision: float
    precision_low: float
    n: int
    without: float
    coverage: float
    coverage_low: float
    coverage_high: float
    covered: int
    agreeing: int
    held: int
    refers_to: str
    asked: int
    row: Mapping[str, object]
    note: str = ""

    __repr__ = brief

    def __str__(self) -> str:
        return str(Rule(self.conditions, self.answer, self.covered, self.precision))

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        return {
            "conditions": [condition.to_json() for condition in self.conditions],
            "text": str(self),
            "answer": self.answer,
            "reached": self.reached,
            "threshold": self.threshold,
            "precision": self.precision,
            "precision_low": self.precision_low,
            "draws": self.n,
            "precision_without_conditions": self.without,
            "coverage": self.coverage,
            "coverage_low": self.coverage_low,
            "coverage_high": self.coverage_high,
            "held_out_rows": self.held,
            "covered": self.covered,
            "agreeing": self.agreeing,
            "refers_to": self.refers_to,
            "note": self.note,
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def anchor(
    model: nn.Module,
    data: Dataset,
    x: Tensor,
    *,
    threshold: float = 0.95,
    sampling: Sampling = "neighbour",
    most: int = 5,
    beam: int = 4,
    delta: float = 0.05,
    compute: Compute | None = None,
) -> Anchor:
    """The fewest conditions found under which the network keeps its answer with a given precision.

    ``precision`` is a share from 0 to 1: of rows drawn under the conditions, how many get the same answer (in
    regression: within half a standard deviation of it). ``precision_low`` is a bound that holds with 95 %.

    Formula: conditions are added one at a time; at each size the best are told apart by KL-LUCB, and the
    first whose lower bound reaches ``threshold`` is taken, of several the one that most real rows meet. Then
    1,000 fresh draws give the exact bound that is reported.

    Args:
        model: any network; it comes back as it was.
        data: real inputs; the train part is drawn from, the other parts judge coverage.
        x: one input ``[1, *shape]``.
        threshold: precision that is asked for.
        sampling: for tables: ``"neighbour"`` keeps columns together that go together, ``"marginal"`` draws
            each named column by itself, as the paper does.
        most: most conditions.
        beam: sets of conditions that are kept at each size.
        delta: chance of error that the search allows itself; the reported bound does not depend on it.
        compute: how to run.

    Returns:
        :class:`Anchor`; where none reaches the threshold, the best attempt, with ``reached`` false.

    Raises:
        InputError: for several inputs, or a threshold outside 0 to 1.
        MethodError: for a table of more than 500 columns.

    Cost:
        5,000 to 50,000 rows of the network.

    Limits:
        The bound is about the draws that ``refers_to`` names, not about people. A condition is sufficient
        for the network's answer, not for what is predicted. Anchors near the border of a decision may need
        many conditions or not exist; then this says so.

    Source:
        Ribeiro, Singh and Guestrin, "Anchors: high-precision model-agnostic explanations", AAAI 2018.

    Example:
        >>> import torch
        >>> from pellucid._core import split
        >>> from pellucid.inputs import Column
        >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
        >>> network = nn.Linear(2, 2)
        >>> network.weight.data = torch.tensor([[0.0, 0.0], [0.0, 8.0]])
        >>> network.bias.data = torch.tensor([0.0, -4.0])
        >>> spec = TabularSpec((Column("age"), Column("income", "k€")))
        >>> y = (x[:, 1] > 0.5).long()
        >>> data = Dataset("loans", x, y, spec, ("no", "yes"), split(y, classes=True))
        >>> print(anchor(network, data, torch.tensor([[0.0, 2.0]])))
        IF income > 0.5 k€ THEN yes
    """
    _refuse(x, threshold, sampling)
    how = compute or Compute(batch_size=4096)
    asker = _Asker(model, data, x, how)
    chance = np.random.default_rng(how.seed)
    if isinstance(data.spec, TabularSpec):
        draws: Draws = row_draws(data.spec, asker.train.inputs, x, asker.same, sampling, how.seed)
    else:
        draws = part_draws(data.spec, x)
    hunt = Hunt(draws, asker.same, chance, threshold, delta)
    best = search(hunt, most, beam)
    hits, without = hunt.fresh(best), hunt.fresh(())
    return _told(asker, draws, best, hits, without, threshold)


class _Asker:
    """The network, and whether it answers as it does to the input."""

    def __init__(self, model: nn.Module, data: Dataset, x: Tensor, how: Compute) -> None:
        self.model, self.data, self.x, self.how = model, data, x, how
        self.train = data.part("train")
        if len(self.train) < 2:
            raise InputError(f"Anchors draw from the train rows; {data.name} has {len(self.train)} of them.")
        self._asked = asking(
            predict(model, self.train.inputs[:64], spec=data.spec, compute=how), data.classes, how
        )
        self.rows = 0
        own = self._outputs(x)[0]
        self._own = float(own.argmax() if data.classes else own[0])
        self._width = 0.0
        if data.classes:
            self.answer = data.classes[int(self._own)]
        else:
            spread = self._outputs(self.train.inputs[:REAL])[:, 0].std()
            self._width = float(spread) / 2
            self.answer = f"{amount(self._own)} ± {amount(self._width, 3, data.unit)}"

    def same(self, inputs: Tensor) -> NDArray[np.bool_]:
        """Which inputs get the same answer."""
        outputs = self._outputs(inputs)
        if self.data.classes:
            return outputs.argmax(1) == self._own
        return np.abs(outputs[:, 0] - self._own) <= self._width

    def _outputs(self, inputs: Tensor) -> Numbers:
        self.rows += len(inputs)
        return self._asked.told(predict(self.model, inputs, spec=self.data.spec, compute=self.how))


def _told(asker: _Asker, draws: Draws, best: Chosen, hits: int, without: int, threshold: float) -> Anchor:
    conditions = tuple(draws.conditions[p] for p in best)
    low = clopper_pearson_low(hits, FRESH)
    held = asker.data.rows(asker.data.parts != 0)
    spec, row = asker.data.spec, dict[str, object]()
    covered = agreeing = counted = 0
    coverage = draws.coverage(best)
    ends = coverage, coverage
    if isinstance(draws, RowDraws) and isinstance(spec, TabularSpec):
        row = spec.decode(asker.x)[0]
        if len(held):
            rows = read(spec, held.inputs)
            there = np.ones(len(rows), dtype=bool)
            for p in best:
                there &= meets(draws.codes, rows, int(draws.columns[p]), draws.conditions[p])
            covered, counted = int(there.sum()), len(rows)
            agreeing = int(asker.same(held.inputs)[there].sum())
            coverage, ends = covered / counted, wilson(covered, counted)
    return Anchor(
        conditions,
        asker.answer,
        low >= threshold,
        threshold,
        hits / FRESH,
        low,
        FRESH,
        without / FRESH,
        coverage,
        *ends,
        covered,
        agreeing,
        counted,
        draws.words,
        asker.rows,
        row,
        _note(low, threshold, without, best),
    )


def _note(low: float, threshold: float, without: int, best: Chosen) -> str:
    if low < threshold:
        return (
            f"No anchor was found: the best attempt keeps the answer with at least {percent(low)}, and "
            f"{percent(threshold, 0)} was asked for."
        )
    if not best:
        return "No condition is needed: the network gives nearly every such row this answer."
    if clopper_pearson_low(without, FRESH) >= threshold:
        return "Without any condition the answer stays nearly as often."
    return ""


def _refuse(x: Tensor, threshold: float, sampling: str) -> None:
    if len(x) != 1:
        raise InputError(f"An anchor is of one input [1, …], got {list(x.shape)}.")
    if not 0 < threshold < 1:
        raise InputError(f"threshold is a share between 0 and 1, got {threshold}.")
    if sampling not in SAMPLINGS:
        raise InputError(f"No sampling is called {sampling!r}. {near_misses(sampling, SAMPLINGS)}")
