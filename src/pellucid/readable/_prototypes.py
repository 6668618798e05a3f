"""The prototype network as an estimator."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import cast

from sklearn.utils.validation import check_is_fitted

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.networks import PrototypeNetwork, Readable, Recipe, prototypes_for
from pellucid.readable._looks_like import LooksLike, PrototypeEvidence, looks_like, prototype_evidence
from pellucid.readable._pictured import PicturedClassifier


class PrototypeClassifier(PicturedClassifier):
    """A classifier that says "this looks like that", where each "that" is a real training case.

    ``logit_c = bias_c + Σ_p weight_cp · similarity(x, case_p)``. For tables the similarity falls with the
    weighted distance over columns; for pictures it is that of the most similar part.

    Args:
        prototypes: per class; ``None`` for 8 in tables and 6 in pictures.
        epochs: passes over the rows in each of two trainings; ``None`` for what suits their number.
        learning_rate: of the first step of each; it falls to 0.
        categorical, monotone, units, immutable, validation, random_state: as for
            :class:`AdditiveClassifier`; ``monotone`` is refused.

    Limits:
        A similar part need not be similar in what a person sees in it: look at the hide test of
        :meth:`evidence`. The cases are shown as they are, so a model of private rows holds some of them.

    Source:
        Chen et al. 2019, This Looks Like That; Hoffmann et al. 2021, This Looks Like That… Does It? (on the
        gap between what is similar to the network and to people).

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> x, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> model = PrototypeClassifier(3, epochs=10).fit(x, y)
        >>> model.score(x, y) > 0.9
        True
        >>> bool(y.iloc[model.rows_[0]] == 0)
        True
    """

    def __init__(
        self,
        prototypes: int | None = None,
        *,
        epochs: int | None = None,
        learning_rate: float = 3e-3,
        categorical: Sequence[str | int] | None = None,
        monotone: Mapping[str | int, int] | None = None,
        units: Mapping[str | int, str] | None = None,
        immutable: Sequence[str | int] | None = None,
        validation: float = 0.0,
        random_state: int | None = 0,
    ) -> None:
        self.prototypes = prototypes
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.categorical = categorical
        self.monotone = monotone
        self.units = units
        self.immutable = immutable
        self.validation = validation
        self.random_state = random_state

    def _make(self, dataset: Dataset, seed: int) -> Readable:
        if any((self.monotone or {}).values()):
            raise InputError("monotone: prototypes have no directions; take AdditiveClassifier.")
        return prototypes_for(dataset, seed=seed, each=self.prototypes, epochs=self.epochs)

    def _recipe(self, network: Readable) -> Recipe:
        return dataclasses.replace(network.recipe, learning_rate=self.learning_rate)

    @property
    def rows_(self) -> list[int]:
        """Number of the training row that each prototype is (of a data set: among those not for testing)."""
        check_is_fitted(self, "network_")
        return cast("PrototypeNetwork", self.network_).rows.tolist()

    def looks_like(self, X: object, *, most: int = 3) -> LooksLike:
        """For each row or picture the cases that say most for its answer; see :class:`LooksLike`."""
        return looks_like(
            cast("PrototypeNetwork", self.network_), self._encoded(X), self.spec_, self._labels(), most=most
        )

    def evidence(self, X: object, y: object = None) -> PrototypeEvidence:
        """How far the pairs may be believed, on held-out rows or pictures; see :class:`PrototypeEvidence`."""
        x = self._encoded(X)
        answers = X.answers if isinstance(X, Dataset) and y is None else self._answers(y)
        return prototype_evidence(cast("PrototypeNetwork", self.network_), x, answers, self._labels())
