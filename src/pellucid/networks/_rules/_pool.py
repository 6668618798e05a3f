"""Candidate rules: single conditions, and the branches of many small boosted trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pellucid.networks._rules._directions import one_way, signs_of
from pellucid.networks._rules._grid import Bins, Grid, Masks, Numbers, ends, fires, full, interval

ENOUGH = 2000  # rows from which there are many: more candidates, and conditions are moved one by one
TREES_FEW, TREES_MANY = 150, 400
RATE, ROWS = 0.1, 8000
DEPTHS = (1, 2, 3, 4)
SHARES = (None, 0.5, 0.3)  # of columns that a split may choose from
FEWEST = 3  # rows on either side of a candidate
LEAF_FEW, LEAF_MANY = 0.01, 0.003  # share of the rows that a leaf of a tree holds at least


def candidates(
    grid: Grid, bins: Bins, odds: Numbers, weight: Numbers, most: int, chance: np.random.Generator
) -> Masks:
    """Masks ``[M, axes]`` of rules with at most ``most`` conditions, each true of other rows.

    Two of three trees are boosted on what the ones before leave over, the third starts anew.
    """
    whole = grid.full
    found: dict[bytes, Masks] = {}
    for row in (*_single(grid), *_branches(grid, bins, odds, weight, chance)):
        found.setdefault(row.tobytes(), row)
    if not found:
        return np.zeros((0, len(whole)), dtype=np.uint64)
    masks = np.stack(list(found.values()))
    masks = one_way(grid, masks) if grid.directed else masks
    counted = grid.conditions(masks)
    return different(grid, masks[(counted > 0) & (counted <= most)], bins)


def different(grid: Grid, masks: Masks, bins: Bins) -> Masks:
    """The same without rules that hold in hardly any row or in nearly all, or in the same rows as another
    whose weight may have the same sign."""
    held = fires(masks, bins, grid.full)
    count = held.sum(1)
    some = (count >= FEWEST) & (count <= len(bins) - FEWEST)
    masks, held = masks[some], held[some]
    told = np.concatenate([np.packbits(held, axis=1), signs_of(grid, masks)[0][:, None].view(np.uint8)], 1)
    _, first = np.unique(told, axis=0, return_index=True)
    return masks[np.sort(first)]


def _single(grid: Grid) -> Iterator[Masks]:
    for k, axis in enumerate(grid.axes):
        below = [interval(0, b) for b in range(axis.bins - 1)]
        alone = [interval(b, b) for b in range(axis.bins)] if axis.levels else []
        for mask in (*below, *alone):
            row = grid.full
            row[k] = mask
            yield row


def _branches(
    grid: Grid, bins: Bins, odds: Numbers, weight: Numbers, chance: np.random.Generator
) -> Iterator[Masks]:
    from sklearn.tree import DecisionTreeRegressor

    if not grid.axes:
        return
    table = bins.astype(np.float32)
    told = np.repeat(np.average(odds, axis=0, weights=weight)[None], len(odds), 0)
    trees, leaf = (TREES_FEW, LEAF_FEW) if len(bins) < ENOUGH else (TREES_MANY, LEAF_MANY)
    for k in range(trees):
        rows = chance.choice(len(bins), min(max(1, int(0.6 * len(bins))), ROWS), replace=False)
        tree = DecisionTreeRegressor(
            max_depth=DEPTHS[k % len(DEPTHS)],
            min_samples_leaf=max(FEWEST, int(leaf * len(rows))),
            max_features=SHARES[k % len(SHARES)],
            random_state=int(chance.integers(1 << 30)),
        )
        anew = k % 3 == 2
        tree.fit(table[rows], (odds if anew else odds - told)[rows], sample_weight=weight[rows])
        if not anew:
            told = told + RATE * tree.predict(table).reshape(odds.shape)
        yield from _nodes(cast("_Tree", tree.tree_), 0, grid.full)


def _nodes(tree: _Tree, node: int, mask: Masks) -> Iterator[Masks]:
    yield mask
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    if left == right:
        return
    axis, at = int(tree.feature[node]), int(np.floor(tree.threshold[node]))
    for child, kept in ((left, full(at + 1)), (right, ~full(at + 1))):
        smaller = mask.copy()
        smaller[axis] = int(mask[axis]) & kept
        if smaller[axis]:
            yield from _nodes(tree, child, smaller)


class _Tree:
    """What is read of a fitted scikit-learn tree."""

    children_left: NDArray[np.int64]
    children_right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Numbers


def neighbours(grid: Grid, row: Masks) -> Iterator[Masks]:
    """Rules that differ in one condition: another threshold, another level, one more or one less."""
    for k, axis in enumerate(grid.axes):
        mask, everything = int(row[k]), full(axis.bins)
        changed = {everything}
        if axis.levels:
            changed |= {mask ^ 1 << b for b in range(axis.bins)}
            if mask == everything:
                changed |= {interval(0, b) for b in range(axis.bins - 1)}
                changed |= {interval(b + 1, axis.bins - 1) for b in range(axis.bins - 1)}
                changed |= {interval(b, b) for b in range(axis.bins)}
        else:
            low, high = ends(mask)
            changed |= {interval(b, high) for b in range(high + 1)}
            changed |= {interval(low, b) for b in range(low, axis.bins)}
        for other in changed - {mask, 0}:
            near = row.copy()
            near[k] = other
            yield near
