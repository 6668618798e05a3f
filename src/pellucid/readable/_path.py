"""How much each further rule is worth: the budget is the user's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks._rules._search import Found, Settings, by_budget
from pellucid.readable._encoding import Said, encode, fit_spec
from pellucid.readable._printed import conditions_of
from pellucid.readable._rows import RawRows


@dataclass(frozen=True, slots=True)
class Budget:
    """What rules of one budget reach on rows that they were not chosen on.

    Args:
        most: most rules that were allowed.
        rules: rules that there were, mean over the folds.
        conditions: conditions of all of them together, mean over the folds.
        auc: area under the ROC curve, mean over the folds; of several classes one against the rest, mean.
        spread: standard deviation of it over the folds; not an interval of the mean.
    """

    most: int
    rules: float
    conditions: float
    auc: float
    spread: float

    def __str__(self) -> str:
        return (
            f"at most {self.most:3d} rules: {self.rules:4.1f} with {self.conditions:5.1f} conditions, "
            f"AUC {self.auc:.3f} ± {self.spread:.3f}"
        )


def rule_path(
    rows: RawRows,
    said: Said,
    answers: NDArray[np.int64],
    settings: Settings,
    *,
    budgets: Sequence[int],
    folds: int,
) -> tuple[Budget, ...]:
    """AUC in held-out folds for each budget; every fold has its own encoder, soft answers and candidates."""
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
    return tuple(_budget(most, table[:, k]) for k, most in enumerate(budgets))


def _budget(most: int, reached: NDArray[np.float64]) -> Budget:
    rules, conditions, auc = (float(mean) for mean in reached.mean(0))
    return Budget(most, rules, conditions, auc, float(reached[:, 2].std(ddof=1)))


def _reached(
    spec: TabularSpec, found: Found, answers: NDArray[np.int64], x: NDArray[np.float32]
) -> tuple[int, int, float]:
    """Rules, their conditions, and the AUC on held-out rows."""
    bits = [[(b.slot, b.threshold, b.above) for b in rule] for rule in found.rules]
    conditions = sum(len(conditions_of(spec, rule)) for rule in bits)
    return len(found.rules), conditions, _auc(answers, found.shares(x))


def _auc(answers: NDArray[np.int64], shares: NDArray[np.float64]) -> float:
    from sklearn.metrics import roc_auc_score

    if shares.shape[1] == 2:
        return float(roc_auc_score(answers, shares[:, 1]))
    return float(roc_auc_score(answers, shares, multi_class="ovr"))


def _some(rows: RawRows, index: NDArray[np.int64]) -> RawRows:
    return RawRows(rows.names, tuple(column[index] for column in rows.columns), rows.named)
