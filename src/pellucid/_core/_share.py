"""The interval of a share, as every count of ours is shown with, and p-values of several claims at once."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor


def wilson(hits: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927); all of 0..1 where nothing was counted.

    ``hits`` may be a sum of numbers from 0 to 1: their mean varies no more than a share does, so that the
    interval is wide enough.

    Example:
        >>> [round(end, 3) for end in wilson(0, 10)]
        [0.0, 0.278]
    """
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, square = hits / n, z * z / n
    middle = share + square / 2
    reach = z * math.sqrt(share * (1 - share) / n + square / (4 * n))
    low, high = ((middle + sign * reach) / (1 + square) for sign in (-1, 1))
    return (low if hits else 0.0), (high if hits < n else 1.0)


def holm(p: Tensor) -> Tensor:
    """Holm's adjusted p-values ``[K]``: the chance of any false claim among all K stays below each.

    Example:
        >>> [round(v, 3) for v in holm(torch.tensor([0.01, 0.04, 0.03])).tolist()]
        [0.03, 0.06, 0.06]
    """
    ordered, order = p.sort()
    factor = torch.arange(len(p), 0, -1).to(p)
    adjusted = torch.empty_like(p)
    adjusted[order] = (ordered * factor).clamp(max=1).cummax(0).values if len(p) else ordered
    return adjusted
