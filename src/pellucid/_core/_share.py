"""The interval of a share, as every count of ours is shown with."""

from __future__ import annotations

import math

Z = 1.959963984540054


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927); all of 0..1 where nothing was counted.

    Example:
        >>> [round(end, 3) for end in wilson(0, 10)]
        [0.0, 0.278]
    """
    if n == 0:
        return 0.0, 1.0
    share, square = hits / n, Z * Z / n
    middle = share + square / 2
    reach = Z * math.sqrt(share * (1 - share) / n + square / (4 * n))
    low, high = ((middle + sign * reach) / (1 + square) for sign in (-1, 1))
    return (low if hits else 0.0), (high if hits < n else 1.0)
