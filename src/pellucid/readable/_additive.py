"""The neural additive model as an estimator."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Self, cast

from sklearn.utils.validation import check_is_fitted

from pellucid._core import Dataset
from pellucid.networks import Additive, Readable, Recipe
from pellucid.networks._additive_for import additive_for
from pellucid.readable._estimator import ReadableClassifier, ReadableEstimator, ReadableRegressor
from pellucid.readable._shapes import Shapes, flatten, shapes_of


class _AdditiveEstimator(ReadableEstimator):
    """What both additive estimators take."""

    def __init__(
        self,
        *,
        penalties: Sequence[float] | None = None,
        pairs: int = 10,
        members: int | None = None,
        knots: int | None = None,
        epochs: int | None = None,
        learning_rate: float = 5e-3,
        categorical: Sequence[str | int] | None = None,
        monotone: Mapping[str | int, int] | None = None,
        units: Mapping[str | int, str] | None = None,
        immutable: Sequence[str | int] | None = None,
        validation: float = 0.0,
        random_state: int | None = 0,
    ) -> None:
        self.penalties = penalties
        self.pairs = pairs
        self.members = members
        self.knots = knots
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.categorical = categorical
        self.monotone = monotone
        self.units = units
        self.immutable = immutable
        self.validation = validation
        self.random_state = random_state

    def shapes(self, of: str | None = None) -> Shapes:
        """The tables that are the model, in the units of the columns; ``of`` one of many classes."""
        check_is_fitted(self, "network_")
        return shapes_of(self.network_, self.spec_, self._labels(), of=of)

    def flatten(
        self, column: str, low: float, high: float, *, who: str, why: str, value: float | None = None
    ) -> Self:
        """A copy whose function of a column is flat from ``low`` to ``high``; see :func:`flatten`."""
        check_is_fitted(self, "network_")
        changed = copy.copy(self)
        network = cast("Additive", self.network_)
        changed.network_ = flatten(network, self.spec_, column, low, high, who=who, why=why, value=value)
        return changed

    def _make(self, dataset: Dataset, seed: int) -> Readable:
        return additive_for(
            dataset,
            seed=seed,
            knots=self.knots,
            penalties=self.penalties,
            members=self.members,
            most_pairs=self.pairs,
            epochs=self.epochs,
        )

    def _recipe(self, network: Readable) -> Recipe:
        return dataclasses.replace(network.recipe, learning_rate=self.learning_rate)


class AdditiveClassifier(ReadableClassifier, _AdditiveEstimator):
    """A neural additive model of classes: ``log-odds = constant + Σ f(column) + Σ f(column, column)``.

    Args:
        penalties: strengths of the pull to 0 that compete inside ``fit``: taken is the strongest whose loss
            on rows that members left out is within a standard error of the lowest. One means no choice. Left
            out, tables of 5,000 to 20,000 rows are fitted once more to the end, so that no seed matters.
        pairs: most pairs of columns; one is added only where a test on what single columns leave says so.
        members: for the bands; each learns from its own 85 % of the rows.
        knots, epochs: as in penalties and members, ``None`` follows the size of the table: see
            ``additive_for``.
        learning_rate: of the first step; it falls to 0.
        categorical: columns (names, or numbers for arrays) whose numbers are names.
        monotone: 1 or -1 for columns that may only raise or lower the answer; holds everywhere.
        units, immutable: what columns mean, for figures and counterfactuals.
        validation: share of the rows that is kept aside to pick the best epoch; 0 learns from all.
        random_state: the only source of chance.

    Cost:
        400 steps of training on small tables, but at most 60 passes; no pass over rows for the functions
        themselves. The last fit of 5,000 rows and 500 values in tables takes half a second.

    Limits:
        A number that was never missing in training, and a level that training never saw, add 0: their column
        says nothing. Columns that move together share their effect in a way that the data do not decide.

    Source:
        Agarwal et al. 2021, Neural Additive Models; Yang et al. 2021, GAMI-Net (heredity); Lengerich et al.
        2020 (purified pairs).

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> x, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> model = AdditiveClassifier(epochs=5, members=2, penalties=(0.03,), pairs=0).fit(x, y)
        >>> model.score(x, y) > 0.85
        True
    """


class AdditiveRegressor(ReadableRegressor, _AdditiveEstimator):
    """A neural additive model of a number: ``answer = constant + Σ f(column) + Σ f(column, column)``."""
