"""A small decision tree whose thresholds are short numbers, and the rules on its paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid._core import short_cut
from pellucid._core._short import DIGITS, magnitude, spread, to_digits
from pellucid.rules._box import Box, fewest
from pellucid.rules._readable import Feature

Numbers = NDArray[np.float64]
WIDER = 3  # times the leaf budget that a tree may have before equal neighbours are joined


@dataclass(frozen=True, slots=True)
class Growth:
    """What a tree is grown from.

    Args:
        table: ``[N, F]`` values of ``features``.
        features: what each column of the table is.
        answers: ``[N]``, class numbers or numbers: what a leaf says is their majority or mean.
        targets: ``[N, K]``, the share of each class, or ``[N, 1]`` the number: what splits are chosen for.
        counted: whether answers are class numbers.
        support: fewest rows in a leaf.
        seed: breaks ties.
    """

    table: Numbers
    features: Sequence[Feature]
    answers: Numbers
    targets: Numbers
    counted: bool
    support: int
    seed: int

    def with_rows(self, more: Growth) -> Growth:
        """The same with further rows; a leaf then needs proportionally more of them."""
        together = {
            name: np.concatenate((getattr(self, name), getattr(more, name)))
            for name in ("table", "answers", "targets")
        }
        support = round(self.support * len(together["answers"]) / len(self.answers))
        return replace(self, **together, support=support)

    def rows(self, index: NDArray[np.int64]) -> Growth:
        """The same for some rows, of which each may come several times."""
        return replace(
            self, table=self.table[index], answers=self.answers[index], targets=self.targets[index]
        )

    def boxes(self, leaves: int) -> tuple[Box, ...]:
        """The regions of the best-first tree, at most ``leaves`` of them.

        A tree of classes often parts rows only to give both sides the same class; such regions are joined,
        and as the budget counts what is left, the tree may grow further before.
        """
        from sklearn.tree import DecisionTreeRegressor

        most = WIDER * leaves if self.counted else leaves
        # squared error over shares of classes is Gini impurity where the shares are 0 and 1
        tree = DecisionTreeRegressor(
            max_leaf_nodes=most, min_samples_leaf=self.support, random_state=self.seed
        )
        # ranks split like the values themselves, and survive the tree's single precision
        ranks = np.stack([np.unique(part, return_inverse=True)[1] for part in self.table.T], 1)
        fitted = tree.fit(ranks, self.targets).tree_
        found, low, high = self._joined(fitted, ranks, leaves), leaves + 1, most
        while low <= high:  # larger trees hardly ever join to fewer regions
            size = (low + high) // 2
            grown = self._joined(fitted, ranks, size)
            if len(grown) <= leaves:
                found, low = grown, size + 1
            else:
                high = size - 1
        return found

    def _joined(self, fitted: _Fitted, ranks: NDArray[np.int64], size: int) -> tuple[Box, ...]:
        """Regions of the tree when it had ``size`` leaves.

        A best-first tree numbers its nodes as it grows, so it had the first ``2 · size - 1`` of them then.
        """
        everywhere = np.ones(len(self.answers), dtype=bool)
        reading = _Reading(fitted, ranks, 2 * size - 1)
        return fewest(tuple(self._regions(reading, 0, everywhere, Box(0.0))))

    def _regions(self, reading: _Reading, node: int, here: NDArray[np.bool_], box: Box) -> Iterator[Box]:
        """The leaves of a fitted tree below ``node``, for the rows that arrive there after rounding."""
        fitted = reading.fitted
        left, right = int(fitted.children_left[node]), int(fitted.children_right[node])
        if left == right or max(left, right) >= reading.nodes:
            yield replace(box, answer=self._answer(here))
            return
        feature = int(fitted.feature[node])
        part, values = self.features[feature], self.table[:, feature]
        below = reading.ranks[:, feature] <= fitted.threshold[node]
        cut = 0.5
        if (here & below).any() and (here & ~below).any():
            cut = threshold(
                float(values[here & below].max()), float(values[here & ~below].min()), values, part
            )
            below = values <= cut
        for side, child, under in ((below, left, True), (~below, right, False)):
            if not (here & side).any():
                continue
            everyone = not (here & ~side).any()
            smaller = box if everyone else box.halved(part, cut, under)
            yield from self._regions(reading, child, here & side, smaller)

    def _answer(self, here: NDArray[np.bool_]) -> float:
        answers = self.answers[here]
        if self.counted:
            return float(np.bincount(answers.astype(np.int64)).argmax())
        return rounded(float(answers.mean()), spread(self.answers))


def threshold(low: float, high: float, values: Numbers, feature: Feature) -> float:
    """A short number between ``low`` and ``high``, as :func:`pellucid._core.short_cut` gives it."""
    if feature.level is not None:
        return 0.5
    return short_cut(low, high, spread(values), whole=feature.column.integer)


def rounded(value: float, seen: float) -> float:
    """A number to three significant digits of the spread ``seen``."""
    return to_digits(value, DIGITS - 1 - magnitude(seen)) if seen > 0 else value


class _Fitted:
    """What is read of a fitted scikit-learn tree."""

    children_left: NDArray[np.int64]
    children_right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Numbers


@dataclass(frozen=True, slots=True)
class _Reading:
    """A fitted tree, the ranks it was fitted on, and how many of its nodes count."""

    fitted: _Fitted
    ranks: NDArray[np.int64]
    nodes: int
