"""Columns as yes-no questions whose thresholds are short numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.rules._box import Box
from pellucid.rules._tree import Growth, threshold

MOST = 64  # questions that are asked at most
TREES, LEAVES, GRID = 20, 16, 32
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bits:
    """Questions to rows.

    Args:
        growth: the rows.
        asked: (feature, cut) of each: whether the feature is at most the cut.
        yes: ``[N, B]``.
    """

    growth: Growth
    asked: Sequence[tuple[int, float]]
    yes: Mask

    def box(self, literals: Sequence[tuple[int, bool]], answer: float) -> Box:
        """Where all questions are answered as said."""
        box = Box(answer)
        for bit, below in literals:
            feature, cut = self.asked[bit]
            box = box.halved(self.growth.features[feature], cut, below)
        return box


def bits_of(growth: Growth, most: int = MOST) -> Bits:
    """The questions that a small forest of the answers uses most (thresholds are guessed from an ensemble:
    McTavish et al., "Fast sparse decision tree optimization via reference ensembles", AAAI 2022)."""
    from sklearn.ensemble import RandomForestRegressor

    # few levels a feature, so that thresholds of different trees meet
    grids = [np.unique(np.quantile(part, np.linspace(0, 1, GRID + 1))) for part in growth.table.T]
    places = [np.searchsorted(grid, part) for grid, part in zip(grids, growth.table.T, strict=True)]
    ranks = np.stack(places, 1)
    forest = RandomForestRegressor(
        TREES, max_leaf_nodes=LEAVES, min_samples_leaf=growth.support, max_features=0.5,
        random_state=growth.seed,
    )  # fmt: skip
    forest.fit(ranks, growth.targets if growth.targets.shape[1] > 1 else growth.targets[:, 0])
    gains: dict[tuple[int, int], float] = {}
    for tree in forest.estimators_:
        for feature, rank, gain in _splits(tree.tree_):
            gains[feature, rank] = gains.get((feature, rank), 0.0) + gain
    asked: dict[tuple[int, float], None] = {}
    for feature, rank in sorted(gains, key=lambda key: (-gains[key], key))[:most]:
        values, below = growth.table[:, feature], ranks[:, feature] <= rank
        low, high = float(values[below].max()), float(values[~below].min())
        asked[feature, threshold(low, high, values, growth.features[feature])] = None
    kept = list(asked)
    yes = np.zeros((len(growth.answers), len(kept)), dtype=bool)
    for k, (feature, cut) in enumerate(kept):
        yes[:, k] = growth.table[:, feature] <= cut
    return Bits(growth, kept, yes)


def _splits(tree: object) -> Iterator[tuple[int, int, float]]:
    """Feature, rank and gain of each inner node of a fitted scikit-learn tree."""
    left, right, feature, cut, impurity, n = (
        np.asarray(getattr(tree, name))
        for name in (
            "children_left", "children_right", "feature", "threshold", "impurity", "weighted_n_node_samples",
        )
    )  # fmt: skip
    for k in range(len(left)):
        if left[k] != right[k]:
            fell = n[k] * impurity[k] - n[left[k]] * impurity[left[k]] - n[right[k]] * impurity[right[k]]
            yield int(feature[k]), int(np.floor(cut[k])), float(fell)
