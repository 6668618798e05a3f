"""Which columns a readable network reads where a table has hundreds or thousands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from pellucid._core import Dataset
from pellucid.inputs import TabularSpec
from pellucid.inputs._tabular import WIDE

LEAST, MOST = 10, 100  # columns that are read of more
FALSE = 0.2  # share of the columns kept that may go with the answer by chance alone
FAR = 4.0  # standard deviations beyond which a number says no more
BLOCK = 512  # slots looked at together
Numbers = NDArray[np.float64]


def columns_read(dataset: Dataset, *, wide: int = WIDE) -> list[int]:
    """Columns that a readable network reads, in their order: all of up to ``wide``, else those that tell most
    in the training rows; see :func:`telling_columns`."""
    spec = dataset.spec
    assert isinstance(spec, TabularSpec)
    if len(spec.columns) <= wide:
        return list(range(len(spec.columns)))
    train = dataset.part("train")
    answers = train.answers.cpu().numpy()
    wanted = np.eye(len(dataset.classes))[answers] if dataset.classes else answers[:, None].astype(float)
    return telling_columns(spec, train.inputs.cpu().numpy(), wanted, wide=wide)


def telling_columns(
    spec: TabularSpec, x: NDArray[np.float32], wanted: Numbers, *, wide: int = WIDE
) -> list[int]:
    """Columns that go with the answers ``wanted`` ``[N, K]`` in the rows ``x``, in their order.

    A slot and its square are each correlated with each answer; the p-value of the largest correlation, times
    the number of those looked at, is that of a column. As many columns are kept as hold at most a fifth of
    false ones (Benjamini and Hochberg 1995), from 10 to 100. Rows that shall judge must not be among ``x``.

    Limits:
        A column that only counts together with another (exclusive or) goes with the answer of no row alone,
        and is not found.
    """
    if len(spec.columns) <= wide:
        return list(range(len(spec.columns)))
    told = squared_correlations(x, wanted)
    owner = np.array(spec.column_of_slot)
    best = np.zeros(len(spec.columns))
    np.maximum.at(best, owner, told)
    tried = 2 * wanted.shape[1] * np.bincount(owner, minlength=len(best))
    return telling(best, tried, len(x)).tolist()


def telling(best: Numbers, tried: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Which of many to keep, in their order: ``best`` squared correlations, each of so many ``tried``."""
    chance = np.minimum(1.0, tried * erfc(np.sqrt(rows * best / 2)))
    order = np.lexsort((-best, chance))
    passed = np.flatnonzero(chance[order] <= FALSE * np.arange(1, len(order) + 1) / len(order))
    kept = min(MOST, max(LEAST, int(passed[-1]) + 1 if len(passed) else 0))
    return np.sort(order[:kept])


def squared_correlations(x: NDArray[np.floating], wanted: Numbers) -> Numbers:
    """The largest squared correlation of each slot, or of its square, with any answer ``[slots]``."""
    aimed = wanted - wanted.mean(0)
    aimed = aimed / np.maximum(np.sqrt((aimed**2).sum(0)), 1e-12)
    out = np.zeros(x.shape[1])
    for start in range(0, x.shape[1], BLOCK):
        slots = np.clip(x[:, start : start + BLOCK].astype(np.float64), -FAR, FAR)
        for values in (slots, slots**2):
            centred = values - values.mean(0)
            size = (centred**2).sum(0)
            goes = ((centred.T @ aimed) ** 2).max(1)
            part = np.where(size > 1e-9, goes / np.maximum(size, 1e-9), 0.0)
            out[start : start + BLOCK] = np.maximum(out[start : start + BLOCK], part)
    return out


def slots_read(spec: TabularSpec, kept: Sequence[int]) -> list[list[int]]:
    """The slots of each column; none of columns that are not read."""
    out: list[list[int]] = [[] for _ in spec.columns]
    read = set(kept)
    for slot, k in enumerate(spec.column_of_slot):
        if k in read:
            out[k].append(slot)
    return out


def told_of(spec: TabularSpec, kept: Sequence[int]) -> str:
    """What a network reads of a wide table, in a sentence; empty where it reads all."""
    if len(kept) == len(spec.columns):
        return ""
    names = ", ".join(spec.columns[k].name for k in kept)
    return (
        f"Of {len(spec.columns):,} columns this network reads {len(kept)}, those that go most with the "
        f"answer in the rows it learns from: {names}. One that only counts together with others may be "
        f"missed; to have a column read, leave out others until at most {WIDE} are left."
    )
