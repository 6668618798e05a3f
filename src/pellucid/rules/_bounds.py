"""Bounds of a share from counts: by Kullback-Leibler divergence for a search, exact for what it ends in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
TINY = 1e-15
HALVINGS = 50


def divergence(p: Numbers, q: Numbers) -> Numbers:
    """Kullback-Leibler divergence of two coins."""
    p, q = np.clip(p, TINY, 1 - TINY), np.clip(q, TINY, 1 - TINY)
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def kl_bounds(hits: Numbers, n: Numbers, level: float) -> tuple[Numbers, Numbers]:
    """Lower and upper bound of each share: where ``n · KL(share, bound) = level``."""
    share, room = hits / n, level / n
    ends: list[Numbers] = []
    for outer in (np.zeros_like(share), np.ones_like(share)):
        inside, outside = share.copy(), outer
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            fits = divergence(share, middle) <= room
            inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def exploration(arms: int, round_: int, delta: float) -> float:
    """How wide bounds must be so that all of them hold all the time with probability 1 − δ (Kaufmann and
    Kalyanakrishnan, "Information complexity in bandit subset selection", COLT 2013)."""
    first = math.log(405.5 * arms * round_**1.1 / delta)
    return first + math.log(first)


def clopper_pearson_low(hits: int, n: int, level: float = 0.95) -> float:
    """One-sided exact lower bound of a share: below it, as many hits had a chance of at most 1 − level.

    Example:
        >>> round(clopper_pearson_low(100, 100), 4)
        0.9705
    """
    if hits == 0:
        return 0.0
    ways = np.array(
        [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(hits, n + 1)]
    )
    counts = np.arange(hits, n + 1)
    low, high = 0.0, hits / n
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        tail = float(np.exp(ways + counts * math.log(middle) + (n - counts) * math.log1p(-middle)).sum())
        low, high = (middle, high) if tail <= 1 - level else (low, middle)
    return low


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of a share: 0 to 1 where nothing was counted.

    Example:
        >>> [round(end, 4) for end in clopper_pearson(90, 100)]
        [0.8238, 0.951]
    """
    if n == 0:
        return 0.0, 1.0
    one = (1 + level) / 2
    return clopper_pearson_low(hits, n, one), 1 - clopper_pearson_low(n - hits, n, one)
