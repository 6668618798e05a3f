"""What rules are grown from and judged on: rows as people read them, with a network's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core import Compute, Dataset, predict
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
        synthetic: rows in ``queried`` that are not in ``growth``.
    """

    columns: Sequence[Column]
    growth: Growth
    queried: Growth
    truth: Growth
    usual: float
    constant: bool
    synthetic: int


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
    growth = _growth(columns, train, train.inputs, asked, support, seed)
    answers = truth_of(train)
    truth = replace(growth, answers=answers, targets=_shares(answers, train))
    queried = growth
    if synthetic:
        made = between(train.spec, train.inputs, synthetic, seed)
        more = _growth(columns, train, made, ask(model, made, dataset, compute), support, seed)
        queried = growth.with_rows(more)
    constant = bool((asked.answers == asked.answers[0]).all())
    return Material(columns, growth, queried, truth, _usual(asked.answers, train), constant, synthetic)


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
    outputs = predict(model, x, compute=compute).detach().cpu().double()
    if not bool(torch.isfinite(outputs).all()):
        raise MethodError("The network answers NaN or infinity to some rows; there is nothing to copy.")
    if not data.classes:
        if outputs.numel() != len(x):
            raise InputError(
                f"Regression needs one output a row, the network gives {list(outputs.shape[1:])}."
            )
        numbers = outputs.reshape(-1).numpy()
        return Asked(numbers, numbers[:, None])
    if outputs.ndim != 2 or outputs.shape[1] != len(data.classes):
        raise InputError(
            f"{len(data.classes)} classes are named, so each row needs as many outputs; the network gives "
            f"{list(outputs.shape[1:])}."
        )
    sums = bool(((outputs.sum(1) - 1).abs() < 1e-3).all()) and bool((outputs >= 0).all())
    shares = outputs if sums else outputs.softmax(1)
    return Asked(outputs.argmax(1).double().numpy(), shares.numpy())


def _growth(
    columns: Sequence[Column], data: Dataset, x: Tensor, asked: Asked, support: int, seed: int
) -> Growth:
    parts = features(columns)
    table = matrix(parts, readable_rows(data.spec, x))
    return Growth(table, parts, asked.answers, asked.shares, bool(data.classes), support, seed)


def _shares(answers: Numbers, data: Dataset) -> Numbers:
    return np.eye(len(data.classes))[answers.astype(np.int64)] if data.classes else answers[:, None]


def _usual(answers: Numbers, data: Dataset) -> float:
    """The commonest answer, or the mean of numbers."""
    return float(np.bincount(answers.astype(np.int64)).argmax()) if data.classes else float(answers.mean())
