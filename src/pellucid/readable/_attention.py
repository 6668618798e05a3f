"""The attention network as an estimator."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.networks import Gated, Readable, Recipe
from pellucid.networks._attention_for import attention_for
from pellucid.readable._certificate import AttentionCertificate, certify, part_names
from pellucid.readable._pictured import PicturedClassifier

Gate = Literal["global", "row"]


class AttentionClassifier(PicturedClassifier):
    """Attention over columns, patches of pictures or words that gates the only path to the answer.

    Pictures and texts come as a :class:`~pellucid.Dataset`; later also as tensors, encoded as those.

    Args:
        gate: ``"global"``: one weight a column, the default, honest by construction; ``"row"``: weights that
            follow the row, held honest by the swap loss. ``None`` is ``"global"`` for tables; patches and
            words are weighed by what each shows itself.
        swap: weight of the swap loss of the row gate; 0 leaves attention free to carry the answer.
        penalty: pull of all contributions to 0.
        epochs: ``None`` follows the number of rows.
        learning_rate: of the first step; it falls to 0; ``None`` follows the data.
        categorical, monotone, units, immutable, validation, random_state: as for
            :class:`AdditiveClassifier`; ``monotone`` is refused, values of columns have no direction here.

    Limits:
        Weights are shares of what columns add in standard deviations; columns that move together share theirs
        in a way that the data do not decide: look at ``agreement``.

    Source:
        Jain and Wallace 2019, Attention is not Explanation; Jethani et al. 2021, Have We Learned to Explain?
        (on masks that carry the answer).

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> x, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> AttentionClassifier(epochs=5).fit(x, y).score(x, y) > 0.85
        True
    """

    def __init__(
        self,
        *,
        gate: Gate | None = None,
        swap: float = 1.0,
        penalty: float = 0.01,
        epochs: int | None = None,
        learning_rate: float | None = None,
        categorical: Sequence[str | int] | None = None,
        monotone: Mapping[str | int, int] | None = None,
        units: Mapping[str | int, str] | None = None,
        immutable: Sequence[str | int] | None = None,
        validation: float = 0.0,
        random_state: int | None = 0,
    ) -> None:
        self.gate: Gate | None = gate
        self.swap = swap
        self.penalty = penalty
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.categorical = categorical
        self.monotone = monotone
        self.units = units
        self.immutable = immutable
        self.validation = validation
        self.random_state = random_state

    def _make(self, dataset: Dataset, seed: int) -> Readable:
        if self.monotone:
            raise InputError("monotone: attention has no directions; take AdditiveClassifier.")
        return attention_for(
            dataset, seed=seed, gate=self.gate, swap=self.swap, penalty=self.penalty, epochs=self.epochs
        )

    def _recipe(self, network: Readable) -> Recipe:
        if self.learning_rate is None:
            return network.recipe
        return dataclasses.replace(network.recipe, learning_rate=self.learning_rate)

    def attention(self, X: object) -> NDArray[np.float64]:
        """Weights ``[N, columns]``, adding up to 1 in each row; 0 means that the column is not used.

        For pictures ``[N, patches]``, for texts ``[N, words]``; what they lack of 1 says nothing.
        """
        with torch.no_grad():
            return cast("Gated", self.network_).attention(self._encoded(X)).double().numpy()

    def certificate(
        self,
        X: object,
        y: object = None,
        *,
        training: tuple[object, ...] | None = None,
        seeds: int = 3,
        swaps: int = 50,
    ) -> AttentionCertificate:
        """How far the weights may be believed.

        Args:
            X, y: raw rows that were held out, and their classes; a data set brings its own.
            training: the rows that ``fit`` had; with them the network is fitted ``seeds`` − 1 times more, to
                see whether other seeds give the same weights.
            seeds, swaps: fits and draws.

        Raises:
            InputError: unless all classes are among ``y``.

        Cost:
            ``swaps`` + 3 passes over the rows, and ``seeds`` − 1 fits where ``training`` is given.
        """
        x = self._encoded(X)
        answers = X.answers if isinstance(X, Dataset) and y is None else self._answers(y)
        others = []
        if training is not None and seeds > 1:
            first = self.random_state or 0
            more = [cast("Self", clone(self)) for _ in range(1, seeds)]
            for k, other in enumerate(more, start=1):
                other.random_state = first + k
            others = [other.fit(*training).attention(X) for other in more]
        network = cast("Gated", self.network_)
        names = part_names(network, self.spec_)
        return certify(network, x, answers, names, classes=self._labels(), others=others, swaps=swaps)
