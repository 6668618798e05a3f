"""What rules are grown from and judged on: rows as people read them, with a network's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, each_class, predict
from pellucid.errors import InputError, MethodError
from pellucid.inputs import Column
from pellucid.rules._judged import Cells, Judged, Numbers, truth_of
from pellucid.rules._queries import between
from pellucid.rules._readable import features, matrix, readable_columns, readable_rows
from pellucid.rules._tree import Growth


@dataclass(frozen=True, slots=True)
class Material:
    """Rows with the network's answers.

    Args:
        columns: what rules may speak of.
        growth: train rows with the network's answers.
        queried: the same with further rows between them; ``growth`` where there are none.
        truth: train rows with the true answers: the null is grown from it.
        usual: the network's commonest answer, or the mean of numbers.
        constant: whether it gives every train row the same answer.
        pairs: ``[M, 2]``, between which train rows each further row in ``queried`` lies.
        made: these rows as the network takes them; ``None`` where there are none.
    """

    columns: Sequence[Column]
    growth: Growth
    queried: Growth
    truth: Growth
    usual: float
    constant: bool
    pairs: NDArray[np.int64]
    made: Tensor | None = None

    @property
    def synthetic(self) -> int:
        """How many rows between train rows there are."""
        return len(self.pairs)

    def again(self, chance: np.random.Generator, *, queried: bool) -> Growth:
        """Train rows drawn with replacement, and of the rows between them those whose two ends were drawn."""
        n = len(self.growth.answers)
        drawn = chance.integers(0, n, n)
        if not queried:
            return self.growth.rows(drawn)
        kept = np.flatnonzero(np.isin(self.pairs, drawn).all(1))
        return self.queried.rows(np.concatenate((drawn, n + kept)))


def material(
    model: nn.Module, dataset: Dataset, *, support: int, seed: int, synthetic: int, compute: Compute | None
) -> Material:
    """The train rows of a data set, and so many between them, answered by a network."""
    train = dataset.part("train")
    if len(train) < 2:
        raise InputError(
            "Rules are grown on the train part and judged on the other parts; there are "
            f"{len(train)} train rows. Give the data set parts of both kinds."
        )
    columns = readable_columns(dataset.spec, train.inputs)
    asked = ask(model, train.inputs, dataset, compute)
    growth = growth_of(columns, train, train.inputs, asked, support, seed)
    truth = null_growth(growth, train)
    queried, pairs, made = growth, np.zeros((0, 2), dtype=np.int64), None
    if synthetic:
        made, pairs = between(train.spec, train.inputs, synthetic, seed)
        more = growth_of(columns, train, made, ask(model, made, dataset, compute), support, seed)
        queried = growth.with_rows(more)
    constant = bool((asked.answers == asked.answers[0]).all())
    return Material(columns, growth, queried, truth, usual_of(asked.answers, train), constant, pairs, made)


def judged(model: nn.Module, held: Dataset, columns: Sequence[Column], compute: Compute | None) -> Judged:
    """Rows on which rules are scored."""
    cells = Cells.of(columns, readable_rows(held.spec, held.inputs))
    return Judged(held, columns, cells, ask(model, held.inputs, held, compute).answers)


@dataclass(frozen=True, slots=True)
class Asked:
    """A network's answers ``[N]`` as class numbers or numbers, and ``[N, K]`` as shares of classes."""

    answers: Numbers
    shares: Numbers


def ask(model: nn.Module, x: Tensor, data: Dataset, compute: Compute | None) -> Asked:
    """The network's answers to rows."""
    return told(predict(model, x, compute=compute), data)


def told(outputs: Tensor, data: Dataset) -> Asked:
    """Outputs as answers and shares of classes."""
    outputs, n = outputs.detach().cpu().double(), len(outputs)
    if not bool(torch.isfinite(outputs).all()):
        raise MethodError("The network answers NaN or infinity to some rows; there is nothing to copy.")
    if not data.classes:
        if outputs.numel() != n:
            raise InputError(
                f"Regression needs one output a row, the network gives {list(outputs.shape[1:])}."
            )
        numbers = outputs.reshape(-1).numpy()
        return Asked(numbers, numbers[:, None])
    if len(data.classes) == 2:
        outputs = each_class(outputs)
    if outputs.ndim != 2 or outputs.shape[1] != len(data.classes):
        raise InputError(
            f"{len(data.classes)} classes are named, so each row needs as many outputs; the network gives "
            f"{list(outputs.shape[1:])}."
        )
    sums = bool(((outputs.sum(1) - 1).abs() < 1e-3).all()) and bool((outputs >= 0).all())
    shares = outputs if sums else outputs.softmax(1)
    return Asked(outputs.argmax(1).double().numpy(), shares.numpy())


def null_growth(growth: Growth, train: Dataset) -> Growth:
    """The same rows with the true answers."""
    answers = truth_of(train)
    return replace(growth, answers=answers, targets=_shares(answers, train))


def growth_of(
    columns: Sequence[Column], data: Dataset, x: Tensor, asked: Asked, support: int, seed: int
) -> Growth:
    """What a tree is grown from: inputs as people read them, with answers."""
    parts = features(columns)
    table = matrix(parts, readable_rows(data.spec, x))
    return Growth(table, parts, asked.answers, asked.shares, bool(data.classes), support, seed)


def _shares(answers: Numbers, data: Dataset) -> Numbers:
    return np.eye(len(data.classes))[answers.astype(np.int64)] if data.classes else answers[:, None]


def usual_of(answers: Numbers, data: Dataset) -> float:
    """The commonest answer, or the mean of numbers."""
    return float(np.bincount(answers.astype(np.int64)).argmax()) if data.classes else float(answers.mean())
