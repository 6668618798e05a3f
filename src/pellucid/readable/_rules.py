"""The decision-rule network as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, column_or_1d
from torch import Tensor

from pellucid._core import Dataset
from pellucid.networks import Readable, RuleNetwork, rules_for
from pellucid.networks._rules._search import Settings
from pellucid.readable._encoding import Said, encode
from pellucid.readable._estimator import ReadableClassifier
from pellucid.readable._path import BUDGETS, RulePath, rule_path
from pellucid.readable._printed import written_out
from pellucid.readable._rows import RawRows
from pellucid.rules import Decision, WeightedRules


class RuleClassifier(ReadableClassifier):
    """A classifier that is a short list of rules: what it prints is exactly what it computes.

    ``score_k = bias_k + Σ_r weight_kr · [all conditions of rule r hold]``; probabilities are the softmax of
    the scores. With ``ordered=True`` only the first rule that holds counts: a rule list. Thresholds are
    numbers of three significant digits or fewer, weights whole hundredths of a log-odds.

    Rules are learned by gradient grafting (the discrete network forward, the gradient of a soft one back) and
    mined from boosted trees; of all of them the few are kept that together best tell how sure stronger models
    are of each row (models that did not see that row, and that are forgotten), and their weights are fitted.

    A missing number is read as the training median, unless a rule asks whether it is missing; a category that
    training never saw is ``(other)``.

    Args:
        max_rules: most rules.
        max_conditions: most conditions of a rule; both ends of an interval count.
        ordered: whether the first rule that holds decides.
        soft: whether stronger models help to choose. Without them rules follow chance in small tables.
        categorical, units, immutable: what is said of columns, by name or number.
        monotone: 1 or -1 for columns of which more may only raise or lower the log-odds of the second class;
            holds everywhere, as the signs of the printed rules show. Not for lists or more than two classes.
        validation: share of the rows that learning by gradient is watched on; all rows choose the rules.
        random_state: the only source of chance.

    Attributes:
        rules_: the rules, counted on the training rows.

    Cost:
        2-4 seconds of one core for a thousand rows, a minute or two for 40 000 (most of it the stronger
        models).

    Limits:
        Rules that are alike can stand for each other: another draw of the rows gives other rules with much
        the same answers. A weight is what a rule adds beside the others, not its effect alone, and never a
        cause.

    Source:
        Gradient grafting: Wang et al., "Scalable rule-based representation learning", NeurIPS 2021. Rules
        from trees and a linear head: Friedman and Popescu, "Predictive learning via rule ensembles", 2008.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).uniform(20, 80, (400, 2)).round()
        >>> y = np.where((x[:, 0] > 50) & (x[:, 1] <= 40), "yes", "no")
        >>> model = RuleClassifier(max_rules=1, units={0: "years"}, soft=False).fit(x, y)
        >>> print(model.rules_.rules[0])  # doctest: +ELLIPSIS
        IF x0 > ... years AND x1 <= ...
        >>> model.score(x, y) > 0.95
        True
    """

    rules_: WeightedRules

    def __init__(
        self,
        *,
        max_rules: int = 20,
        max_conditions: int = 4,
        ordered: bool = False,
        soft: bool = True,
        categorical: Sequence[str | int] | None = None,
        monotone: Mapping[str | int, int] | None = None,
        units: Mapping[str | int, str] | None = None,
        immutable: Sequence[str | int] | None = None,
        validation: float = 0.15,
        random_state: int | None = 0,
    ) -> None:
        self.max_rules = max_rules
        self.max_conditions = max_conditions
        self.ordered = ordered
        self.soft = soft
        self.categorical = categorical
        self.monotone = monotone
        self.units = units
        self.immutable = immutable
        self.validation = validation
        self.random_state = random_state

    def _make(self, dataset: Dataset, seed: int) -> Readable:
        return rules_for(
            dataset, max_rules=self.max_rules, max_conditions=self.max_conditions, ordered=self.ordered,
            soft=self.soft, seed=seed,
        )  # fmt: skip

    def _fit(
        self, rows: RawRows, said: Said, answers: Tensor, labels: tuple[str, ...], parts: Tensor | None
    ) -> None:
        super()._fit(rows, said, answers, labels, parts)
        network = cast("RuleNetwork", self.network_)
        self.rules_ = written_out(network, self.spec_, labels, encode(rows, self.spec_), answers)

    def rules(self, X: object = None, y: object = None, *, answer: str = "answer") -> WeightedRules:
        """The rules, with support and precision counted on other rows than those of training.

        Args:
            X: raw rows; ``None`` gives :attr:`rules_`.
            y: their classes; the rules are then told as counted on held-out rows, so give such.
            answer: what is predicted, in words.
        """
        check_is_fitted(self, "rules_")
        if X is None:
            return self.rules_
        answers = X.answers if isinstance(X, Dataset) and y is None else self._answers(y)
        network = cast("RuleNetwork", self.network_)
        return written_out(
            network, self.spec_, self._labels(), self._encoded(X), answers, held_out=True, answer=answer
        )

    def path(self, X: object, y: object, *, budgets: Sequence[int] = BUDGETS, folds: int = 5) -> RulePath:
        """What rules of each budget reach in held-out folds, with the settings of this estimator.

        Nothing is fitted here: pick a budget, give it as ``max_rules``, and fit.

        Args:
            X: raw rows.
            y: their classes.
            budgets: numbers of rules.
            folds: parts that are held out one after the other.

        Cost:
            As ``folds`` fits; further budgets cost little.
        """
        trial = cast("RuleClassifier", clone(self))
        rows = trial._read(X, fitting=True)
        answers = np.unique(column_or_1d(y, warn=True), return_inverse=True)[1].astype(np.int64)
        seed = 0 if self.random_state is None else int(self.random_state)
        settings = Settings(max(budgets, default=1), self.max_conditions, self.ordered, self.soft, seed)
        return rule_path(rows, trial._said(), answers, settings, budgets=budgets, folds=folds)

    def explain(self, X: object) -> list[Decision]:
        """For each raw row: which rules held, what each added, and the sum."""
        encoded = self._encoded(X)
        return [self.rules_.explain(row) for row in self.spec_.decode(encoded)]
