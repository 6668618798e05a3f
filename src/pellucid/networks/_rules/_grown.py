"""Rules without exceptions, grown from single rows: for answers that have no chance in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.networks._rules._grid import MOST_BINS, Axis, Bins, Grid, Masks, allowed, full, interval

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
            right, wrong = (_counts(bins, rows, looked) for rows in (inside & aimed, inside & ~wanted))
            best = max(
                (
                    _best(grid.axes[k], k, right[i], wrong[i], int(bins[seed, k]), side)
                    for i, k in enumerate(axes)
                ),
                default=None,
            )
            if best is None or best[0] <= 0:
                break
            mask[best[1]] &= np.uint64(best[2])
            inside &= allowed(best[2])[bins[:, best[1]]]
            if not (inside & ~wanted).any():
                yield mask
                break


def _counts(bins: Bins, rows: NDArray[np.bool_], axes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of some rows lie in each bin of some axes: ``[axes, MOST_BINS + 1]``."""
    width = MOST_BINS + 1
    found = bins[rows][:, axes] + width * np.arange(len(axes))
    return np.bincount(found.ravel(), minlength=width * len(axes)).reshape(len(axes), width)


def _best(
    axis: Axis, k: int, right: NDArray[np.int64], wrong: NDArray[np.int64], here: int, side: int
) -> tuple[float, int, int]:
    """Gain, axis and mask of the best condition on one axis that bin ``here`` fulfils.

    ``right`` and ``wrong`` count rows in each bin; all of them fulfil what was asked of the axis before.
    """
    whole, top = full(axis.bins), axis.bins - 1
    start = np.log2(right.sum() / max(1, right.sum() + wrong.sum()))

    def gains(hits: NDArray[np.int64], misses: NDArray[np.int64]) -> NDArray[np.float64]:
        return hits * (np.log2(hits / (hits + misses)) - start)

    if axis.levels:
        others = np.delete(np.arange(axis.bins), here)
        found = gains(*(np.append(each[here], each.sum() - each[others]) for each in (right, wrong)))
        best = int(found.argmax())
        return float(found[best]), k, whole ^ 1 << int(others[best - 1]) if best else 1 << here
    way = axis.direction * side
    tops = np.arange(here, top) if way <= 0 else np.arange(0)
    lows = np.arange(1, here + 1) if way >= 0 else np.arange(0)
    found = gains(*(np.append(up[tops], up[-1] - up[lows - 1]) for up in (right.cumsum(), wrong.cumsum())))
    if not len(found):
        return 0.0, k, whole
    best = int(found.argmax())
    mask = interval(0, int(tops[best])) if best < len(tops) else interval(int(lows[best - len(tops)]), top)
    return float(found[best]), k, mask
