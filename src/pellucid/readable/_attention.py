"""The attention network as an estimator, with the certificate of its attention."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.networks import AttentionGate, Readable, Recipe
from pellucid.networks._attention_for import attention_for
from pellucid.readable._estimator import ReadableClassifier

HONEST = 0.52  # swap AUC up to which we call attention honest
Gate = Literal["global", "row"]


@dataclass(frozen=True, slots=True)
class AttentionCertificate:
    """How far attention weights may be believed, on rows that should be held out.

    Args:
        auc: of the network itself.
        swap_auc: of the network when each row keeps its attention and gets another row's values, mean over
            ``swaps`` draws; 0.5 means that the attention itself carries no answer.
        swap_low, swap_high: 2.5 % and 97.5 % of the draws.
        probe_auc: of a logistic regression that sees the attention alone, cross-validated; 0.5 where it
            carries no answer.
        agreement: Spearman correlation of mean attention between fits with other seeds, mean over pairs;
            ``None`` where there is one fit.
        sum_gap: largest difference between an answer and its parts' sum, in log-odds.
        unused: columns with weight 0 in every row.
        unused_change: largest change of any answer when those columns are replaced by other rows'; 0 means
            that weight 0 is "not used".
        weights: mean attention of each column, the largest first.
        n: rows looked at.
        swaps: draws.
    """

    auc: float
    swap_auc: float
    swap_low: float
    swap_high: float
    probe_auc: float
    agreement: float | None
    sum_gap: float
    unused: tuple[str, ...]
    unused_change: float
    weights: tuple[tuple[str, float], ...]
    n: int
    swaps: int

    @property
    def honest(self) -> bool:
        """Whether the attention carries no answer of its own: swap AUC at most 0.52 (and at least 0.48)."""
        return abs(self.swap_auc - 0.5) <= HONEST - 0.5

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


class AttentionClassifier(ReadableClassifier):
    """Attention over columns that gates the only path to the answer.

    Args:
        gate: ``"global"``: one weight a column, the default, honest by construction; ``"row"``: weights that
            follow the row, held honest by the swap loss.
        swap: weight of the swap loss of the row gate; 0 leaves attention free to carry the answer.
        penalty: pull of all contributions to 0.
        epochs: ``None`` follows the number of rows.
        learning_rate: of the first step; it falls to 0.
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
        gate: Gate = "global",
        swap: float = 1.0,
        penalty: float = 0.01,
        epochs: int | None = None,
        learning_rate: float = 5e-3,
        categorical: Sequence[str | int] | None = None,
        monotone: Mapping[str | int, int] | None = None,
        units: Mapping[str | int, str] | None = None,
        immutable: Sequence[str | int] | None = None,
        validation: float = 0.0,
        random_state: int | None = 0,
    ) -> None:
        self.gate: Gate = gate
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
        return dataclasses.replace(network.recipe, learning_rate=self.learning_rate)

    def attention(self, X: object) -> NDArray[np.float64]:
        """Weights ``[N, columns]``, adding up to 1 in each row; 0 means that the column is not used."""
        with torch.no_grad():
            return cast("AttentionGate", self.network_).attention(self._encoded(X)).double().numpy()

    def certificate(
        self,
        X: object,
        y: object,
        *,
        training: tuple[object, object] | None = None,
        seeds: int = 3,
        swaps: int = 50,
    ) -> AttentionCertificate:
        """How far the weights may be believed.

        Args:
            X, y: raw rows that were held out, and their classes (two).
            training: the rows that ``fit`` had; with them the network is fitted ``seeds`` − 1 times more, to
                see whether other seeds give the same weights.
            seeds, swaps: fits and draws.

        Raises:
            InputError: unless there are two classes, both among ``y``.

        Cost:
            ``swaps`` + 3 passes over the rows, and ``seeds`` − 1 fits where ``training`` is given.
        """
        x, answers = self._encoded(X), self._answers(y)
        if len(self.classes_) != 2 or len(answers.unique()) != 2:
            raise InputError("The certificate is about two classes, and both must be among the rows.")
        names = [column.name for column in self.spec_.columns]
        others = []
        if training is not None and seeds > 1:
            first = self.random_state or 0
            more = [cast("Self", clone(self)) for _ in range(1, seeds)]
            for k, other in enumerate(more, start=1):
                other.random_state = first + k
            others = [np.mean(other.fit(*training).attention(X), 0) for other in more]
        network = cast("AttentionGate", self.network_)
        return certify(network, x, answers, names, others=others, swaps=swaps)


@torch.no_grad()
def certify(
    network: AttentionGate,
    x: Tensor,
    answers: Tensor,
    names: Sequence[str],
    *,
    others: Sequence[NDArray[np.float64]] = (),
    swaps: int = 50,
    seed: int = 0,
) -> AttentionCertificate:
    """The certificate of an attention network on encoded rows; ``others`` are mean weights of other fits."""
    chance = torch.Generator().manual_seed(seed)
    attention, values, right = network.attention(x), network.values(x), answers.numpy()
    margin = _margin(network(x))
    drawn = [
        float(roc_auc_score(right, _margin(network.gated(attention, values[_moved(len(x), chance)]))))
        for _ in range(swaps)
    ]
    total = network.constant + network.contributions(x).sum(1)
    gap = float(np.abs(_margin(network.answer(total)) - margin).max())
    unused = (attention == 0).all(0)
    other = x.clone()
    closed = [s for k in unused.nonzero().flatten().tolist() for s in network.columns[k]]
    other[:, closed] = x[_moved(len(x), chance)][:, closed]
    mean = attention.mean(0).double().numpy()
    order = np.argsort(-mean)
    return AttentionCertificate(
        float(roc_auc_score(right, margin)),
        float(np.mean(drawn)),
        float(np.quantile(drawn, 0.025)),
        float(np.quantile(drawn, 0.975)),
        _probe(attention.double().numpy(), right),
        _agreement([mean, *others]),
        gap,
        tuple(name for name, gone in zip(names, unused.tolist(), strict=True) if gone),
        float(np.abs(_margin(network(other)) - margin).max()),
        tuple((str(names[int(k)]), float(mean[k])) for k in order),
        len(x),
        swaps,
    )


def _moved(n: int, chance: torch.Generator) -> Tensor:
    """Another row for each row: a cycle through a random order."""
    order = torch.randperm(n, generator=chance)
    moved = torch.empty_like(order)
    moved[order] = order.roll(1)
    return moved


def _margin(outputs: Tensor) -> NDArray[np.float64]:
    return (outputs[:, 1] - outputs[:, 0]).double().numpy()


def _probe(attention: NDArray[np.float64], right: NDArray[np.int64]) -> float:
    """AUC of the attention alone. Constant attention is 0.5 by definition, not by luck."""
    folds = min(5, int(np.bincount(right).min()))
    if np.ptp(attention, axis=0).max() < 1e-9 or folds < 2:
        return 0.5
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    cut = StratifiedKFold(folds, shuffle=True, random_state=0)
    said = cross_val_predict(probe, attention, right, cv=cut, method="decision_function")
    return float(roc_auc_score(right, said))


def _agreement(means: Sequence[NDArray[np.float64]]) -> float | None:
    if len(means) < 2:
        return None
    ranks = [rankdata(mean) for mean in means]  # closed columns share a rank
    found = [np.corrcoef(a, b)[0, 1] for i, a in enumerate(ranks) for b in ranks[i + 1 :]]
    return float(np.mean(found))
