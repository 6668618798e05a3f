"""Encoded rows in bins: short thresholds of numbers, levels of categories in the order of their answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid._core import short_cut
from pellucid._core._short import spread
from pellucid.inputs import Column, TabularSpec

Numbers = NDArray[np.float64]
Bins = NDArray[np.int64]
Masks = NDArray[np.uint64]  # [rules, axes]: bit b is set where bin b of the axis is allowed
MOST_BINS = 63
BITS = np.arange(MOST_BINS + 1, dtype=np.uint64)
SHRINK = 10.0  # rows of the mean that a level's mean is drawn to


@dataclass(frozen=True, slots=True)
class Literal:
    """One bit: a slot of the encoded row is above (or not above) a threshold."""

    slot: int
    threshold: float
    above: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """One column, or whether its number is missing, in bins.

    Args:
        column: where it comes from.
        start: its first slot.
        cuts: of a number, in encoded units; bin b lies above ``cuts[b - 1]`` up to and with ``cuts[b]``.
        levels: of a category, the slots in each bin, bins in the order of their answers.
        unseen: slots of levels that no training row has.
        direction: 1 or -1 where more of a number can only raise or lower the answer.
    """

    column: Column
    start: int
    cuts: NDArray[np.float32]
    levels: tuple[tuple[int, ...], ...] = ()
    unseen: tuple[int, ...] = ()
    direction: int = 0

    @property
    def bins(self) -> int:
        """How many there are."""
        return len(self.levels) or len(self.cuts) + 1

    def of(self, x: NDArray[np.float32]) -> Bins:
        """Bin of each row."""
        if not self.levels:
            return np.searchsorted(self.cuts, x[:, self.start], side="left").astype(np.int64)
        place = np.zeros(x.shape[1], dtype=np.int64)
        for k, slots in enumerate(self.levels):
            place[list(slots)] = k
        stop = self.start + self.column.width
        return place[self.start : stop][x[:, self.start : stop].argmax(1)]

    def conditions(self, mask: int) -> int:
        """How many conditions a mask takes to say."""
        if mask == full(self.bins):
            return 0
        return 1 if self.levels else (not mask & 1) + (not mask >> (self.bins - 1) & 1)

    def literals(self, mask: int) -> Iterator[Literal]:
        """The bits that must all be 1 for a row to lie in the allowed bins."""
        if mask == full(self.bins):
            return
        allowed = [b for b in range(self.bins) if mask >> b & 1]
        if not self.levels:
            if allowed[0] > 0:
                yield Literal(self.start, float(self.cuts[allowed[0] - 1]), True)
            if allowed[-1] < self.bins - 1:
                yield Literal(self.start, float(self.cuts[allowed[-1]]), False)
            return
        kept = [slot for b in allowed for slot in self.levels[b]]
        out = [slot for b in range(self.bins) if b not in allowed for slot in self.levels[b]]
        if len(kept) == 1:
            yield Literal(kept[0], 0.5, True)
            return
        # what training never saw belongs to "none of these", not to a list of names
        for slot in sorted((*out, *self.unseen) if len(kept) <= len(out) else out):
            yield Literal(slot, 0.5, False)


def full(bins: int) -> int:
    """The mask that allows every bin."""
    return (1 << bins) - 1


@dataclass(frozen=True, slots=True)
class Grid:
    """The axes that rules may speak of."""

    axes: tuple[Axis, ...]

    @property
    def directed(self) -> bool:
        """Whether the answer may only rise or only fall with one of them."""
        return any(axis.direction for axis in self.axes)

    @property
    def full(self) -> Masks:
        """The masks that allow everything."""
        return np.array([full(axis.bins) for axis in self.axes], dtype=np.uint64)

    def of(self, x: NDArray[np.float32]) -> Bins:
        """Bins ``[N, axes]`` of encoded rows."""
        return np.array([axis.of(x) for axis in self.axes], dtype=np.int64).reshape(len(self.axes), len(x)).T

    def conditions(self, masks: Masks) -> NDArray[np.int64]:
        """How many conditions each rule has."""
        counted = [
            sum(axis.conditions(int(m)) for axis, m in zip(self.axes, row, strict=True)) for row in masks
        ]
        return np.array(counted, dtype=np.int64)

    def literals(self, masks: NDArray[np.uint64]) -> tuple[Literal, ...]:
        """All bits of one rule."""
        return tuple(
            literal
            for axis, mask in zip(self.axes, masks, strict=True)
            for literal in axis.literals(int(mask))
        )


def fit_grid(
    spec: TabularSpec,
    x: NDArray[np.float32],
    score: Numbers,
    *,
    bins: int = 32,
    among: Sequence[int] | None = None,
) -> Grid:
    """Axes from training rows, without constant ones; ``score`` ``[N]`` is what puts levels in order,
    ``among`` are the columns that have some (``None``: all)."""
    axes: list[Axis] = []
    start = 0
    wanted = None if among is None else set(among)
    for k, column in enumerate(spec.columns):
        if wanted is not None and k not in wanted:
            pass
        elif column.levels:
            axes.append(_of_levels(column, start, x, score))
        else:
            axes.append(_of_number(column, start, x[:, start], min(bins, MOST_BINS)))
            if column.missing:
                axes.append(Axis(column, start + 1, np.array([0.5], dtype=np.float32)))
        start += column.width
    return Grid(tuple(axis for axis in axes if len(np.unique(axis.of(x))) > 1))


def _of_number(column: Column, start: int, slots: NDArray[np.float32], bins: int) -> Axis:
    values = column.decode(np.stack([slots, np.zeros_like(slots)], 1))
    numbers = np.array(values, dtype=np.float64)
    seen = np.unique(numbers)
    gaps = np.arange(1, len(seen))
    if len(gaps) >= bins:
        # half of the cuts part rows evenly, half part values evenly: long tails get some too
        ends = np.linspace(0, 1, bins // 2 + 1)[1:-1]
        wanted = np.concatenate([np.quantile(numbers, ends), np.quantile(seen, ends)])
        gaps = np.unique(np.clip(np.searchsorted(seen, wanted), 1, len(seen) - 1))
    wide = spread(numbers)
    found = {short_cut(seen[g - 1], seen[g], wide, whole=column.integer) for g in gaps}
    cuts = np.unique(column.slot(np.array(sorted(found), dtype=np.float64)))
    return Axis(column, start, cuts.astype(np.float32), direction=column.monotone)


def _of_levels(column: Column, start: int, x: NDArray[np.float32], score: Numbers) -> Axis:
    slots = x[:, start : start + column.width].argmax(1)
    counts = np.bincount(slots, minlength=column.width)
    sums = np.bincount(slots, weights=score, minlength=column.width)
    means = (sums + SHRINK * score.mean()) / (counts + SHRINK)
    seen = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
    alone, rest = seen[: MOST_BINS - 1], seen[MOST_BINS - 1 :]
    order: list[tuple[int, ...]] = sorted(((k,) for k in alone), key=lambda one: means[one[0]])
    order += [tuple(rest)] if rest else []
    unseen = tuple(start + k for k in range(column.width) if not counts[k])
    return Axis(
        column, start, np.zeros(0, np.float32), tuple(_shifted(group, start) for group in order), unseen
    )


def _shifted(slots: Sequence[int], start: int) -> tuple[int, ...]:
    return tuple(start + k for k in slots)


def fires(masks: Masks, bins: Bins, whole: Masks) -> NDArray[np.bool_]:
    """Whether each rule ``[R]`` holds in each row: bool ``[R, N]``."""
    out = np.ones((len(masks), len(bins)), dtype=bool)
    for k, row in enumerate(masks):
        for axis in np.flatnonzero(row != whole):
            out[k] &= allowed(int(row[axis]))[bins[:, axis]]
    return out


def allowed(mask: int) -> NDArray[np.bool_]:
    """Whether each bin is allowed."""
    return (np.uint64(mask) >> BITS & np.uint64(1)).astype(bool)


def log_odds(shares: Numbers) -> Numbers:
    """Log-odds of the second of two classes ``[N, 1]``; of more classes centred logs ``[N, K]``."""
    logs = np.log(np.clip(shares, 1e-4, 1.0))
    return logs[:, 1:] - logs[:, :1] if shares.shape[1] == 2 else logs - logs.mean(1, keepdims=True)


def entropy_weight(shares: Numbers) -> Numbers:
    """How much a small change of the log-odds matters in each row: ``p (1 - p)`` of two classes."""
    return (1 - (shares**2).sum(1)) / 2


def share_of(odds: Numbers) -> Numbers:
    """Shares ``[N, K]`` from what :func:`log_odds` gives."""
    logits = np.concatenate([np.zeros_like(odds), odds], 1) if odds.shape[1] == 1 else odds
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def interval(low: int, high: int) -> int:
    """The mask that allows bins ``low`` to ``high``."""
    return full(high + 1) & ~full(low)


def ends(mask: int) -> tuple[int, int]:
    """First and last allowed bin."""
    return int(math.log2(mask & -mask)), mask.bit_length() - 1
