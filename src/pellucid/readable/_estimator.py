"""What all readable estimators share: raw rows in, a trained readable network, scikit-learn's promises."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from torch import Tensor

from pellucid._core import Dataset, InputSpec, Subject, predict, split
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks import Readable, Recipe
from pellucid.readable._encoding import Said, encode, fit_spec, said_by
from pellucid.readable._rounds import train_readable
from pellucid.readable._rows import RawRows, array_rows, named_rows
from pellucid.training import TrainingRecord

if TYPE_CHECKING:
    from sklearn.utils import Tags

FEWEST = 20  # rows below which none are kept aside to look at while training
NO_ANSWERS = "requires y to be passed, but the target y is None."
Array = NDArray[np.generic]


class ReadableEstimator(BaseEstimator):
    """Raw rows in, a readable network inside; the part that classifiers and regressors share.

    A kind of its own gives :meth:`_make` (an untrained network for encoded rows) and :meth:`_recipe`; its
    constructor takes at least ``categorical``, ``monotone``, ``units``, ``immutable``, ``validation`` and
    ``random_state`` and keeps them as they are.

    Raw rows are an array ``[N, D]``, a DataFrame of pandas, polars or pyarrow, a list of dicts, or a
    :class:`~pellucid.Dataset` of a table. Where training had column names, columns are matched by name in any
    order and others left aside. A missing number, a missing category, and a category that training never saw
    each have a state of their own, which no training row may have been in: see the estimator for what it
    answers then.

    Attributes:
        network_: the trained network, from encoded rows to logits, in evaluation mode.
        spec_: what an encoded row means, column by column.
        record_: how training went.
        classes_: class labels in the order of the logits (classifiers).
        feature_names_in_: names of the columns, where they had some.
    """

    categorical: Sequence[str | int] | None
    monotone: Mapping[str | int, int] | None
    units: Mapping[str | int, str] | None
    immutable: Sequence[str | int] | None
    validation: float
    random_state: int | None
    network_: Readable
    spec_: TabularSpec
    record_: TrainingRecord
    feature_names_in_: NDArray[np.object_]
    n_features_in_: int

    @abstractmethod
    def _make(self, dataset: Dataset, seed: int) -> Readable:
        """An untrained network for this data, with the settings of the estimator."""

    def _recipe(self, network: Readable) -> Recipe:
        """How to train it; the network's own where the estimator does not say."""
        return network.recipe

    def subject(self, X: object = None, y: object = None, *, name: str = "") -> Subject:
        """The fitted network as a :class:`~pellucid.Subject`, on which every verb works.

        Args:
            X: raw rows to examine it on; ``None`` gives a subject without data (the estimator keeps no rows).
            y: their answers. A quarter of the rows counts as test part.
            name: short name for people.
        """
        check_is_fitted(self, "network_")
        title = name or type(self).__name__
        labels = self._labels()
        data = None
        if X is not None:
            answers = X.answers if isinstance(X, Dataset) and y is None else self._answers(y)
            data = self._examined(
                self._encoded(X), answers, title, X.parts if isinstance(X, Dataset) else None
            )
        origin = f"a {type(self).__name__} fitted in Python"
        return Subject(
            self.network_,
            data,
            self.spec_ if data is None else data.spec,
            labels,
            title,
            self.record_,
            origin,
        )

    def _examined(self, inputs: Tensor, answers: Tensor, title: str, parts: Tensor | None) -> Dataset:
        if len(answers) != len(inputs):
            raise InputError(f"Expected one answer for each of {len(inputs)} rows, got {len(answers)}.")
        labels = self._labels()
        if parts is None:
            parts = split(answers, classes=bool(labels), shares=(0.0, 0.25))
        background = inputs[parts == 0][:128].clone()
        spec = TabularSpec(self.spec_.columns, background if len(background) else None)
        return Dataset(title, inputs, answers, spec, labels, parts)

    @abstractmethod
    def _labels(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _answers(self, y: object) -> Tensor: ...

    def _fit(
        self, rows: RawRows, said: Said, answers: Tensor, labels: tuple[str, ...], parts: Tensor | None
    ) -> None:
        """Encode, split, make, train."""
        if len(answers) != len(rows):
            raise InputError(f"X and y need equal lengths, got {len(rows)} rows and {len(answers)} answers.")
        if len(answers) == 1:
            raise InputError("Got 1 sample: there is nothing to learn from a single row.")
        if bool((answers == answers[0]).all()):
            only = f"class {labels[int(answers[0])]!r}" if labels else f"answer {float(answers[0]):.6g}"
            raise InputError(
                f"All {len(answers)} training rows have the same {only}: there is nothing to learn. "
                "Expected at least two classes (or different numbers)."
            )
        seed = 0 if self.random_state is None else int(self.random_state)
        spec = fit_spec(rows, said)
        data = parted(encode(rows, spec), answers, spec, labels, parts, self.validation, seed)
        network = self._make(data, seed)
        self.record_ = train_readable(
            network, data, recipe=self._recipe(network), seed=seed, instruments=False
        )
        self.network_, self.spec_ = network, spec

    def _said(self, data: Dataset | None = None) -> Said:
        """What is said of the columns: by the estimator, else by the data set."""
        told = Said() if data is None else said_by(data)
        return Said(
            self.categorical or told.categorical,
            {**(told.monotone or {}), **(self.monotone or {})},
            {**(told.units or {}), **(self.units or {})},
            self.immutable or told.immutable,
        )

    def _read(self, X: object, *, fitting: bool) -> RawRows:
        """Raw rows; what scikit-learn wants to be remembered of them is remembered."""
        rows = named_rows(X)
        if rows is None:
            return self._read_array(X, fitting=fitting)
        if not len(rows) or not rows.columns:
            raise InputError(
                f"Found array with {len(rows)} sample(s) and {len(rows.columns)} feature(s) while a minimum "
                "of 1 is required."
            )
        if fitting:
            self.feature_names_in_ = np.array(rows.names, dtype=object)
            self.n_features_in_ = len(rows.names)
            return rows
        if hasattr(self, "feature_names_in_"):
            return rows.ordered(list(self.feature_names_in_))
        self._refuse_width(len(rows.names))
        return rows

    def _read_array(self, X: object, *, fitting: bool) -> RawRows:
        known = getattr(self, "feature_names_in_", None) if not fitting else None
        checked = cast(
            "Array",
            validate_data(  # pyright: ignore[reportCallIssue]
                self,
                cast("Array", X),  # pyright: ignore[reportArgumentType]
                reset=fitting,
                dtype=None,
                ensure_all_finite="allow-nan" if _numeric(X) else False,
            ),
        )
        return array_rows(checked, None if known is None else list(known))

    def _refuse_width(self, width: int) -> None:
        if width != self.n_features_in_:
            raise InputError(
                f"X has {width} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input."
            )

    def _encoded(self, X: object) -> Tensor:
        check_is_fitted(self, "network_")
        return encode(self._read(X, fitting=False), self.spec_)

    def _logits(self, X: object) -> NDArray[np.float64]:
        """``[N, outputs]``, computed in double so that it does not depend on which rows come together."""
        inputs = self._encoded(X)
        network = copy.deepcopy(self.network_).double()
        return predict(network, inputs.double()).numpy()

    def __sklearn_tags__(self) -> Tags:
        """What it takes, in scikit-learn's words."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


class ReadableClassifier(ClassifierMixin, ReadableEstimator):
    """The classifying half: class labels, probabilities, decision values."""

    classes_: Array

    def fit(self, X: object, y: object = None) -> Self:
        """Learn from raw rows ``X`` and their classes ``y`` (``None`` for a :class:`~pellucid.Dataset`, whose
        train and validation rows are used).

        Raises:
            InputError: if there is one class only, lengths differ, or a column holds something else
                than is said of it.
        """
        if isinstance(X, Dataset) and y is None:
            return self._fit_dataset(X)
        if y is None:
            raise InputError(f"{type(self).__name__} {NO_ANSWERS}")
        rows = self._read(X, fitting=True)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._fit(rows, self._said(), torch.from_numpy(codes.astype(np.int64)), self._labels(), None)
        return self

    def _fit_dataset(self, data: Dataset) -> Self:
        if data.task != "classification":
            raise InputError(f"{data.name} predicts a number; a classifier needs classes.")
        used = data.rows(data.parts != 2)
        rows = self._read(used, fitting=True)
        self.classes_ = np.array(data.classes, dtype=object)
        self._fit(rows, self._said(data), used.answers, data.classes, used.parts)
        return self

    def decision_function(self, X: object) -> NDArray[np.float64]:
        """For two classes ``[N]``: log-odds of the second one. For more ``[N, classes]``: a logit each."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: object) -> NDArray[np.float64]:
        """Probability of each class ``[N, classes]``, in the order of ``classes_``."""
        return torch.from_numpy(self._logits(X)).softmax(1).numpy()

    def predict(self, X: object) -> Array:
        """The most probable class of each row."""
        best = self._logits(X).argmax(1)
        return self.classes_[best]

    def _labels(self) -> tuple[str, ...]:
        return tuple(str(label) for label in self.classes_)

    def _answers(self, y: object) -> Tensor:
        labels = column_or_1d(y)
        place = {label: k for k, label in enumerate(self.classes_.tolist())}
        strange = next((label for label in labels.tolist() if label not in place), None)
        if strange is not None:
            raise InputError(f"{strange!r} is no class of this estimator: {', '.join(self._labels()[:8])}.")
        return torch.tensor([place[label] for label in labels.tolist()])


class ReadableRegressor(RegressorMixin, ReadableEstimator):
    """The half that predicts a number."""

    def fit(self, X: object, y: object = None) -> Self:
        """Learn from raw rows ``X`` and their numbers ``y``.

        Raises:
            InputError: if all numbers are the same, lengths differ, or a column holds something else
                than is said of it.
        """
        data = X.rows(X.parts != 2) if isinstance(X, Dataset) and y is None else None
        if data is None and y is None:
            raise InputError(f"{type(self).__name__} {NO_ANSWERS}")
        rows = self._read(X if data is None else data, fitting=True)
        answers = self._answers(y if data is None else data.answers.numpy())
        self._fit(rows, self._said(data), answers, (), None if data is None else data.parts)
        return self

    def predict(self, X: object) -> NDArray[np.float64]:
        """The predicted number of each row."""
        return self._logits(X).reshape(-1)

    def _labels(self) -> tuple[str, ...]:
        return ()

    def _answers(self, y: object) -> Tensor:
        numbers = column_or_1d(y, warn=True, dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise InputError("Input y contains NaN or infinity; expected finite numbers.")
        return torch.tensor(numbers, dtype=torch.float32)


def _numeric(X: object) -> bool:
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    return kind is None or kind in "fiubc"


def parted(
    inputs: Tensor,
    answers: Tensor,
    spec: InputSpec,
    labels: tuple[str, ...],
    parts: Tensor | None,
    share: float,
    seed: int,
) -> Dataset:
    """Rows to learn from and rows to look at meanwhile: given, a drawn share, or (0, or too few) all."""
    if not 0 <= share < 1:
        raise InputError(f"validation is a share from 0 up to below 1, got {share}.")
    if parts is None and share and len(inputs) >= FEWEST:
        parts = split(answers, classes=bool(labels), seed=seed, shares=(share, 0.0))
        if not bool((parts == 1).any()):
            parts = None
    if parts is None or not bool((parts == 1).any()):
        inputs, answers = torch.cat([inputs, inputs]), answers.repeat(2)
        parts = torch.zeros(len(inputs), dtype=torch.int8)
        parts[len(inputs) // 2 :] = 1
    return Dataset("rows", inputs, answers, spec, labels, parts)
