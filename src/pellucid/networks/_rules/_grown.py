"""Rules without exceptions, grown from single rows: for answers that have no chance in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.networks._rules._grid import Axis, Bins, Grid, Masks, allowed, full, interval

SEEDS = 150  # rules that are grown at a time
LOOKED_AT = (0.3, 0.9)  # share of the columns that one rule may speak of, drawn anew for each


def grown(
    grid: Grid,
    bins: Bins,
    wanted: NDArray[np.bool_],
    rows: NDArray[np.int64],
    most: int,
    chance: np.random.Generator,
    side: int = 1,
) -> Iterator[Masks]:
    """Rules of at most ``most`` conditions that hold in wanted rows, some of ``rows``, and in no other; of
    columns with a direction they ask for what raises (``side`` 1) or lowers (-1) the answer.

    Each begins at one of ``rows`` with no condition; of all conditions that this row fulfils the one with the
    largest gain in FOIL's sense is added (Quinlan 1990; right are only ``rows``) until no other row is left.
    """
    aimed = np.zeros(len(bins), dtype=bool)
    aimed[rows] = True
    for seed in chance.choice(rows, SEEDS) if len(rows) else ():
        looked = np.flatnonzero(chance.random(len(grid.axes)) < chance.uniform(*LOOKED_AT))
        axes: list[int] = looked.tolist()
        mask, inside = grid.full, np.ones(len(bins), dtype=bool)
        for _ in range(most):
            best = max(
                (
                    _best(grid.axes[k], k, bins, inside & aimed, inside & ~wanted, seed, mask, side)
                    for k in axes
                ),
                default=None,
            )
            if best is None or best[0] <= 0:
                break
            mask[best[1]] = best[2]
            inside &= allowed(best[2])[bins[:, best[1]]]
            if not (inside & ~wanted).any():
                yield mask
                break


def _best(
    axis: Axis,
    k: int,
    bins: Bins,
    right_rows: NDArray[np.bool_],
    wrong_rows: NDArray[np.bool_],
    seed: int,
    mask: Masks,
    side: int,
) -> tuple[float, int, int]:
    """Gain, axis and new mask of the best condition on one axis that the seed row fulfils."""
    here = int(bins[seed, k])
    right = np.bincount(bins[right_rows, k], minlength=axis.bins)
    wrong = np.bincount(bins[wrong_rows, k], minlength=axis.bins)
    now = int(mask[k])
    if axis.levels:
        masks = [interval(here, here), *(full(axis.bins) ^ 1 << b for b in range(axis.bins) if b != here)]
    else:
        way = axis.direction * side
        masks = [interval(0, b) for b in range(here, axis.bins - 1) if way <= 0]
        masks += [interval(b, axis.bins - 1) for b in range(1, here + 1) if way >= 0]
    if not masks:
        return 0.0, k, now
    kept = np.array([allowed(each & now)[: axis.bins] for each in masks])
    hits, misses = kept @ right, kept @ wrong
    start = np.log2(right.sum() / max(1, right.sum() + wrong.sum()))
    gains = hits * (np.log2(hits / (hits + misses)) - start)
    best = int(gains.argmax())
    return float(gains[best]), k, masks[best] & now
