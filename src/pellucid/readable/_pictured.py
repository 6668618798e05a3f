"""Readable classifiers that take pictures as well as rows of columns."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from pellucid._core import Dataset, InputSpec, predict
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.readable._estimator import ReadableClassifier, parted
from pellucid.readable._rounds import train_readable


class PicturedClassifier(ReadableClassifier):
    """Raw rows as other readable classifiers, or a :class:`~pellucid.Dataset` of pictures.

    Fitted on pictures it takes a data set or a tensor ``[N, C, H, W]`` of such, encoded as those.
    """

    def _fit_dataset(self, data: Dataset) -> ReadableClassifier:
        if isinstance(data.spec, TabularSpec):
            return super()._fit_dataset(data)
        if data.task != "classification":
            raise InputError(f"{data.name} predicts a number; a classifier needs classes.")
        used = data.rows(data.parts != 2)
        seed = 0 if self.random_state is None else int(self.random_state)
        self.classes_ = np.array(data.classes, dtype=object)
        given = used.parts if bool((used.parts == 1).any()) else None
        ready = parted(used.inputs, used.answers, data.spec, data.classes, given, self.validation, seed)
        network = self._make(ready, seed)
        self.record_ = train_readable(
            network, ready, recipe=self._recipe(network), seed=seed, instruments=False
        )
        self.network_, self.spec_ = network, cast("TabularSpec", data.spec)
        return self

    @property
    def _pictures(self) -> bool:
        return not isinstance(cast("InputSpec", self.spec_), TabularSpec)

    def _encoded(self, X: object) -> Tensor:
        check_is_fitted(self, "network_")
        if not self._pictures:
            return super()._encoded(X)
        rows = X.inputs if isinstance(X, Dataset) else X
        shape = self.network_.architecture.params.get("shape")
        if shape is None and isinstance(rows, Tensor):  # texts: any length
            cast("InputSpec", self.spec_).check(rows)
            return rows
        if not isinstance(rows, Tensor) or [*rows.shape[1:]] != shape:
            raise InputError(
                f"{type(self).__name__} was fitted on pictures of shape {shape}: expected a data set or a "
                "tensor of such."
            )
        return rows

    def _logits(self, X: object) -> NDArray[np.float64]:
        check_is_fitted(self, "network_")
        if not self._pictures:
            return super()._logits(X)
        return predict(self.network_, self._encoded(X)).double().numpy()

    def _examined(self, inputs: Tensor, answers: Tensor, title: str, parts: Tensor | None) -> Dataset:
        if not self._pictures:
            return super()._examined(inputs, answers, title, parts)
        kept = torch.full((len(inputs),), 2, dtype=torch.int8) if parts is None else parts
        return Dataset(title, inputs, answers, cast("InputSpec", self.spec_), self._labels(), kept)
