"""The concept bottleneck as an estimator."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError, near_misses
from pellucid.networks import Concept, ConceptBottleneck, Readable, Recipe, concepts_for, read_concepts
from pellucid.readable._concept_evidence import ConceptEvidence, concept_evidence
from pellucid.readable._pictured import PicturedClassifier
from pellucid.readable._rows import RawRows

Array = NDArray[np.generic]
Labels = Mapping[str, object]
Corrected = Mapping[str, object]


class ConceptClassifier(PicturedClassifier):
    """A classifier that answers from yes-or-no concepts and from nothing else; people can correct them.

    ``logit_c = bias_c + Σ_k weight_ck · concept_k``. A concept is code over columns (``"dti > .43"``,
    computed), a column of labels (learned from the other columns, not needed to predict), a set of classes,
    or labels given to :meth:`fit`. The encoder that tells learned concepts is trained first and the head is
    fitted to what it says (``training="sequential"``), or both together (``"joint"``).

    Args:
        concepts: as people write them: ``["dti > .43", "young owner: age < 30 and housing == own"]``, names
            of label columns, for pictures ``"round: 0, 6, 8, 9"``; or texts by name. ``None`` for a table:
            numbers above their quartiles, and levels.
        training: ``"sequential"`` or ``"joint"``.
        hard: whether the head sees 0 and 1. Shares in between leak: they carry more than the concept.
        concept_weight: of the concepts beside the answer in joint training.
        epochs: passes over the rows; ``None`` for what suits their number.
        learning_rate: of the first step; it falls to 0.
        categorical, monotone, units, immutable, validation, random_state: as for
            :class:`AdditiveClassifier`; ``monotone`` is refused.

    Limits:
        Weights belong to this set of concepts: without one, others stand in for it. Learned concepts may
        carry more than their name says; look at :meth:`evidence`.

    Source:
        Koh et al. 2020, Concept Bottleneck Models; Havasi et al. 2022, Addressing Leakage in Concept
        Bottleneck Models (hard concepts).

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> x, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> asked = ["large: mean radius > 15", "rough: mean texture > 20", "worst concave points > 0.15"]
        >>> model = ConceptClassifier(asked).fit(x, y)
        >>> model.score(x, y) > 0.85
        True
        >>> model.concepts_of(x.head(1)).tolist()
        [[1.0, 0.0, 1.0]]
        >>> int(model.predict(x.head(1))[0])
        0
        >>> corrected = model.predict(x.head(1), concepts={"large": 0, "worst concave points > 0.15": 0})
        >>> int(corrected[0])
        1
    """

    def __init__(
        self,
        concepts: Sequence[str] | Mapping[str, str] | None = None,
        *,
        training: Literal["sequential", "joint"] = "sequential",
        hard: bool = True,
        concept_weight: float = 3.0,
        epochs: int | None = None,
        learning_rate: float = 3e-3,
        categorical: Sequence[str | int] | None = None,
        monotone: Mapping[str | int, int] | None = None,
        units: Mapping[str | int, str] | None = None,
        immutable: Sequence[str | int] | None = None,
        validation: float = 0.0,
        random_state: int | None = 0,
    ) -> None:
        self.concepts = concepts
        self.training: Literal["sequential", "joint"] = training
        self.hard = hard
        self.concept_weight = concept_weight
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.categorical = categorical
        self.monotone = monotone
        self.units = units
        self.immutable = immutable
        self.validation = validation
        self.random_state = random_state

    def fit(self, X: object, y: object = None, concepts: object = None) -> Self:
        """Learn from rows or pictures, their classes, and labels of concepts where these are beside them.

        Args:
            X: raw rows, or a :class:`~pellucid.Dataset` of rows or pictures.
            y: classes; ``None`` for a data set, whose train and validation rows are used.
            concepts: 0, 1 or NaN (not known) by concept name, one for each row of ``X``; or an array
                ``[N, K]`` of such.

        Raises:
            InputError: as for other classifiers, or where labels are none or of another length.
        """
        self._beside = None
        if concepts is not None:
            count = len(X.inputs) if isinstance(X, Dataset) else len(cast("Sequence[object]", X))
            self._beside = _labels_beside(concepts, count)
            if isinstance(X, Dataset) and y is None:
                kept = (X.parts != 2).numpy()
                self._beside = {name: values[kept] for name, values in self._beside.items()}
        try:
            return super().fit(X, y)
        finally:
            del self._beside

    def _make(self, dataset: Dataset, seed: int) -> Readable:
        if any((self.monotone or {}).values()):
            raise InputError("monotone: concepts have no directions; take AdditiveClassifier.")
        beside = self._beside or {}
        said = [] if self.concepts is None else read_concepts(self.concepts, dataset)
        asked = [*said, *(Concept(name) for name in beside)]
        made = concepts_for(
            dataset, seed=seed, concepts=asked or None, training=self.training, hard=self.hard,
            weight=self.concept_weight, epochs=self.epochs,
        )  # fmt: skip
        if beside:
            made.taught = _aligned(beside, len(said), dataset)
        return made

    def _recipe(self, network: Readable) -> Recipe:
        return dataclasses.replace(network.recipe, learning_rate=self.learning_rate)

    def _read(self, X: object, *, fitting: bool) -> RawRows:
        """Columns of concept labels need not be there to predict."""
        from pellucid.readable._rows import named_rows

        rows = None if fitting or not hasattr(self, "network_") else named_rows(X)
        if rows is None or not hasattr(self, "feature_names_in_"):
            return super()._read(X, fitting=fitting)
        network = cast("ConceptBottleneck", self.network_)
        owner = self.spec_.column_of_slot
        labels = {owner[slot] for slot in range(len(owner)) if slot not in set(network.seen or ())}
        gone = [self.spec_.columns[k] for k in sorted(labels) if self.spec_.columns[k].name not in rows.names]
        blank = [
            np.full(len(rows), None, dtype=object) if column.levels else np.full(len(rows), np.nan)
            for column in gone
        ]
        names = (*rows.names, *(column.name for column in gone))
        return RawRows(names, (*rows.columns, *blank), True).ordered(list(self.feature_names_in_))

    @property
    def concept_names_(self) -> tuple[str, ...]:
        """Names of the concepts, in the order of :meth:`concepts_of`."""
        check_is_fitted(self, "network_")
        return cast("ConceptBottleneck", self.network_).names

    def concepts_of(self, X: object) -> NDArray[np.float64]:
        """What the head sees of each row ``[N, concepts]``: 0 or 1 (with ``hard=False`` shares)."""
        with torch.no_grad():
            return cast("ConceptBottleneck", self.network_).concepts(self._encoded(X)).double().numpy()

    def predict_proba(self, X: object, concepts: Corrected | None = None) -> NDArray[np.float64]:
        """Probability of each class ``[N, classes]``, with some concepts corrected by hand.

        Args:
            X: raw rows or pictures.
            concepts: 0 or 1 by concept name, one for all rows or one for each; NaN leaves a row's as it is.
        """
        if concepts is None:
            return super().predict_proba(X)
        return torch.from_numpy(self._corrected(X, concepts)).softmax(1).numpy()

    def predict(self, X: object, concepts: Corrected | None = None) -> Array:
        """The most probable class of each row, with some concepts corrected by hand; see
        :meth:`predict_proba`."""
        if concepts is None:
            return super().predict(X)
        return self.classes_[self._corrected(X, concepts).argmax(1)]

    def _corrected(self, X: object, concepts: Corrected) -> NDArray[np.float64]:
        network = cast("ConceptBottleneck", self.network_)
        with torch.no_grad():
            told = network.concepts(self._encoded(X)).clone()
            for name, values in concepts.items():
                if name not in network.names:
                    raise InputError(f"No concept is called {name!r}. {near_misses(name, network.names)}")
                new = torch.as_tensor(np.broadcast_to(_zero_one(name, values), len(told)).copy()).to(told)
                column = told[:, network.names.index(name)]
                column.copy_(torch.where(new.isnan(), column, new))
            return network.answer(told).double().numpy()

    def evidence(
        self,
        X: object,
        y: object = None,
        concepts: object = None,
        *,
        training: tuple[object, ...] | None = None,
        draws: int = 20,
    ) -> ConceptEvidence:
        """How well concepts are told, what leaks past them, and what correcting them brings.

        Args:
            X, y: rows that were held out, with their classes.
            concepts: labels of theirs, where :meth:`fit` had some.
            training: what :meth:`fit` was given; with it the head is also fitted to the true concepts.
            draws: orders and swaps tried.
        """
        x, answers, taught = self._examined_with(X, y, concepts)
        fitted = None if training is None else self._examined_with(*training)
        network = cast("ConceptBottleneck", self.network_)
        return concept_evidence(
            network, x, answers, taught=taught, training=fitted, classes=self._labels(), draws=draws
        )

    def _examined_with(
        self, X: object, y: object = None, concepts: object = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        x = self._encoded(X)
        answers = X.answers if isinstance(X, Dataset) and y is None else self._answers(y)
        if concepts is None:
            return x, answers, None
        beside = _labels_beside(concepts, len(x))
        names = cast("ConceptBottleneck", self.network_).names
        taught = torch.full((len(x), len(names)), torch.nan)
        for k, (name, values) in enumerate(beside.items()):
            place = names.index(name) if name in names else len(names) - len(beside) + k
            taught[:, place] = torch.from_numpy(values).float()
        return x, answers, taught


def _labels_beside(concepts: object, count: int) -> dict[str, NDArray[np.float64]]:
    if hasattr(concepts, "columns") and not isinstance(concepts, Mapping):  # a DataFrame
        table = cast("Mapping[str, object]", concepts)
        named = {str(name): np.asarray(table[name]) for name in cast("Sequence[str]", table.columns)}  # pyright: ignore
    elif isinstance(concepts, Mapping):
        named = {str(k): np.asarray(v) for k, v in cast("Labels", concepts).items()}
    else:
        array = np.asarray(concepts)
        if array.ndim != 2:
            raise InputError(f"Concept labels are [rows, concepts] or labels by name, got {array.shape}.")
        named = {f"concept {k + 1}": array[:, k] for k in range(array.shape[1])}
    for name, values in named.items():
        if len(values) != count:
            raise InputError(f"Concept {name!r} has {len(values)} labels for {count} rows.")
    return {name: _zero_one(name, values) for name, values in named.items()}


def _zero_one(name: str, values: object) -> NDArray[np.float64]:
    found = np.array(values, dtype=np.float64)
    known = found[~np.isnan(found)]
    if not np.isin(known, (0, 1)).all():
        raise InputError(
            f"Concept {name!r} is 0, 1 or not known (NaN), got {known.min():.3g}..{known.max():.3g}."
        )
    return found


def _aligned(beside: Mapping[str, NDArray[np.float64]], before: int, dataset: Dataset) -> Tensor:
    """Labels of the train rows ``[train, concepts]``; rows that serve twice have them twice."""
    labels = torch.from_numpy(np.stack(list(beside.values()), 1)).float()
    labels = labels.repeat(len(dataset) // len(labels), 1)
    whole = torch.cat([torch.full((len(labels), before), torch.nan), labels], 1)
    return whole[dataset.parts == 0]
