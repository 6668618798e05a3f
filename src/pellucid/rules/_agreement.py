"""How well two sets of answers agree, with intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054  # two-sided 95 % of the normal distribution
DRAWS = 2000
Numbers = NDArray[np.float64]


def paired_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[float, float]:
    """95 % interval of the difference of two shares counted on the same rows (Agresti and Min 2005)."""
    n = len(first) + 2
    gain = int((first & ~second).sum()) + 0.5
    loss = int((second & ~first).sum()) + 0.5
    centre = (gain - loss) / n
    half = Z * math.sqrt(gain + loss - (gain - loss) ** 2 / n) / n
    return max(-1.0, centre - half), min(1.0, centre + half)


def explained(told: Numbers, truth: Numbers) -> float:
    """R²: share of the variance of ``truth`` that ``told`` accounts for; 1 is all, 0 as good as the mean.

    Where ``truth`` does not vary at all: 1 if met exactly, else 0.
    """
    spread = float(((truth - truth.mean()) ** 2).sum())
    missed = float(((truth - told) ** 2).sum())
    if spread <= 0:
        return 1.0 if missed <= 0 else 0.0
    return 1 - missed / spread


def explained_interval(told: Numbers, other: Numbers, truth: Numbers, seed: int) -> tuple[float, ...]:
    """95 % bootstrap intervals (rows drawn anew) of R² of ``told``, and of its excess over ``other``'s."""
    chance = np.random.default_rng(seed)
    drawn: list[tuple[float, float]] = []
    for _ in range(DRAWS):
        rows = chance.integers(0, len(truth), len(truth))
        if (truth[rows] != truth[rows[0]]).any():
            first, second = explained(told[rows], truth[rows]), explained(other[rows], truth[rows])
            drawn.append((first, first - second))
    if not drawn:
        return 0.0, 1.0, -1.0, 1.0
    ends = np.quantile(np.array(drawn), (0.025, 0.975), axis=0).T
    return tuple(float(end) for end in ends.flatten())
