"""How much each further rule is worth: the budget is the user's choice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid._core import Json
from pellucid._core._ranks import areas
from pellucid._core._student import quantile
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks._rules._search import Found, Settings, by_budget
from pellucid.readable._encoding import Said, encode, fit_spec
from pellucid.readable._printed import conditions_of
from pellucid.readable._rows import RawRows

BUDGETS = (1, 2, 3, 5, 8, 12, 20)


@dataclass(frozen=True, slots=True)
class Budget:
    """What rules of one budget reach on rows that they were not chosen on.

    Args:
        most: most rules that were allowed.
        rules: rules that there were; over folds the mean.
        conditions: conditions of all of them together; over folds the mean.
        auc: area under the ROC curve; of several classes one against the rest, mean.
        low, high: its 95 % interval: over folds the corrected resampled t-test, on one set of held-out rows
            percentiles of draws with repetition.
    """

    most: int
    rules: float
    conditions: float
    auc: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"at most {self.most:3d} rules: {self.rules:4.1f} with {self.conditions:5.1f} conditions, "
            f"AUC {self.auc:.3f} [{self.low:.3f}, {self.high:.3f}]"
        )


@dataclass(frozen=True, slots=True)
class RulePath:
    """How much each further rule is worth; goes over its budgets.

    Args:
        points: shortest first.
        picked: most rules of the network that is read; 0 where none is.
        counted: what AUC is counted on, in words.
    """

    points: tuple[Budget, ...]
    picked: int
    counted: str

    def __iter__(self) -> Iterator[Budget]:
        return iter(self.points)

    def __len__(self) -> int:
        """Number of budgets."""
        return len(self.points)

    def __getitem__(self, k: int) -> Budget:
        return self.points[k]

    def __str__(self) -> str:
        return "\n".join(map(str, self.points))

    def near_best(self, within: float = 0.005) -> Budget:
        """The shortest whose AUC is within so much of the best."""
        best = max(point.auc for point in self.points)
        return next(point for point in self.points if point.auc >= best - within)

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        points: list[Json] = [
            {"most": p.most, "rules": p.rules, "conditions": p.conditions, "auc": p.auc, "low": p.low,
             "high": p.high}
            for p in self.points
        ]  # fmt: skip
        return {"points": points, "picked": self.picked, "counted": self.counted}


def held_out_path(
    spec: TabularSpec,
    x: NDArray[np.float32],
    answers: NDArray[np.int64],
    other: NDArray[np.float32],
    other_answers: NDArray[np.int64],
    settings: Settings,
    *,
    budgets: Sequence[int] = BUDGETS,
) -> RulePath:
    """AUC of each budget on encoded rows ``other`` that were held out; rules are chosen on ``x``.

    Raises:
        InputError: where a class has no held-out row, or all have one class.
    """
    classes = int(max(answers.max(), other_answers.max())) + 1
    seen = np.bincount(other_answers, minlength=classes)
    if classes < 2 or (seen == 0).any():
        raise InputError(f"AUC takes held-out rows of each class; there are {seen.tolist()}.")
    wanted = sorted({*budgets, settings.rules})
    points: list[Budget] = []
    for most, found in zip(wanted, by_budget(spec, x, answers, classes, settings, wanted), strict=True):
        shares = found.shares(other)
        rules, conditions, auc = _reached(spec, found, other_answers, other)
        points.append(Budget(most, rules, conditions, auc, *_drawn(other_answers, shares, settings.seed)))
    return RulePath(tuple(points), settings.rules, f"{len(other)} held-out rows")


def _drawn(
    answers: NDArray[np.int64], shares: NDArray[np.float64], seed: int, draws: int = 200
) -> tuple[float, float]:
    """95 % interval of the AUC over draws of the rows, each class as often as it is."""
    chance = np.random.default_rng(seed)
    of_class = [np.flatnonzero(answers == c) for c in range(shares.shape[1])]
    found = list[float]()
    for _ in range(draws):
        rows = np.concatenate([chance.choice(each, len(each)) for each in of_class])
        found.append(_auc(answers[rows], shares[rows]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def rule_path(
    rows: RawRows,
    said: Said,
    answers: NDArray[np.int64],
    settings: Settings,
    *,
    budgets: Sequence[int],
    folds: int,
) -> RulePath:
    """AUC in held-out folds for each budget; every fold has its own encoder, soft answers and candidates.

    Raises:
        InputError: where there are no budgets from 1 on, or more folds than rows of the rarest class.
    """
    from sklearn.model_selection import StratifiedKFold

    classes = int(answers.max()) + 1
    if not budgets or min(budgets) < 1:
        raise InputError(f"budgets are numbers of rules from 1 on, got {list(budgets)}.")
    if not 2 <= folds <= int(np.bincount(answers).min()):
        raise InputError(
            f"folds: from 2 to {np.bincount(answers).min()}, the rows of the rarest class, got {folds}."
        )
    found: list[list[tuple[int, int, float]]] = []
    parts = StratifiedKFold(folds, shuffle=True, random_state=settings.seed)
    for fitted, judged in parts.split(answers, answers):
        spec = fit_spec(_some(rows, fitted), said)
        x = encode(_some(rows, fitted), spec).numpy()
        other = encode(_some(rows, judged), spec).numpy()
        models = by_budget(spec, x, answers[fitted], classes, settings, budgets)
        found.append([_reached(spec, m, answers[judged], other) for m in models])
    table = np.array(found)
    points = tuple(_budget(most, table[:, k]) for k, most in enumerate(budgets))
    return RulePath(points, 0, f"{folds} folds of {len(answers)} rows")


def _budget(most: int, reached: NDArray[np.float64]) -> Budget:
    rules, conditions, auc = (float(mean) for mean in reached.mean(0))
    folds = len(reached)
    # folds share training rows: the variance is widened by test rows to training rows (Nadeau and Bengio)
    wide = np.sqrt((1 / folds + 1 / (folds - 1)) * reached[:, 2].var(ddof=1))
    half = float(quantile(folds - 1) * wide)
    return Budget(most, rules, conditions, auc, max(0.0, auc - half), min(1.0, auc + half))


def _reached(
    spec: TabularSpec, found: Found, answers: NDArray[np.int64], x: NDArray[np.float32]
) -> tuple[int, int, float]:
    """Rules, their conditions, and the AUC on held-out rows."""
    bits = [[(b.slot, b.threshold, b.above) for b in rule] for rule in found.rules]
    conditions = sum(len(conditions_of(spec, rule)) for rule in bits)
    return len(found.rules), conditions, _auc(answers, found.shares(x))


def _auc(answers: NDArray[np.int64], shares: NDArray[np.float64]) -> float:
    """Share of the pairs of a row of a class and another row that the shares order rightly; of more than two
    classes the mean. By ranks: an interval asks hundreds of times."""
    two = shares.shape[1] == 2
    told, right = (each[:, 1:] if two else each for each in (shares, np.eye(shares.shape[1])[answers]))
    return float(areas(torch.from_numpy(told.T), torch.from_numpy(right.T > 0)).mean())


def _some(rows: RawRows, index: NDArray[np.int64]) -> RawRows:
    return RawRows(rows.names, tuple(column[index] for column in rows.columns), rows.named)
