"""Intervals of what expectations measure, at any level."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor

RESAMPLES, PIECE = 2000, 2_000_000


def mean_interval(each: Tensor, level: float, seed: int) -> tuple[float, float]:
    """Percentile bootstrap of a mean over rows ``[n]``.

    Example:
        >>> mean_interval(torch.ones(10), 0.95, 0)
        (1.0, 1.0)
    """
    # enough draws that some lie beyond the ends, in pieces that fit into memory
    left, n = max(RESAMPLES, int(20 / (1 - level))), len(each)
    generator, means = torch.Generator().manual_seed(seed), list[Tensor]()
    while left:
        some = min(left, max(1, PIECE // n))
        means.append(each.double()[torch.randint(n, (some, n), generator=generator)].mean(1))
        left -= some
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.cat(means).quantile(ends).tolist()
    return low, high


def auc(scores: Tensor, positive: Tensor, level: float) -> tuple[float, tuple[float, float]]:
    """Area under the ROC curve with DeLong's interval, taken on the log-odds scale.

    The area is the chance that a positive row scores above a negative one, ties counted half.

    Args:
        scores: ``[N]``.
        positive: bool ``[N]``, some of each.
        level: of the interval.

    Source:
        DeLong et al. 1988, Comparing the areas under two or more correlated ROC curves.

    Example:
        >>> auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]), 0.95)[0]
        0.75
    """
    up, down = scores[positive].double(), scores[~positive].double()
    wins = (up[:, None] > down).double() + (up[:, None] == down).double() / 2
    area, m, n = float(wins.mean()), len(up), len(down)
    spread = float(wins.mean(1).var()) / m + float(wins.mean(0).var()) / n if min(m, n) > 1 else math.nan
    z = NormalDist().inv_cdf((1 + level) / 2)
    if not spread > 0 or not 0 < area < 1:
        # all one way: the rule of three on the smaller group
        reach = z * z / (z * z + min(m, n))
        return area, (max(0.0, area - reach), min(1.0, area + reach))
    middle, reach = math.log(area / (1 - area)), z * math.sqrt(spread) / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-(middle + sign * reach))) for sign in (-1, 1))
    return area, (low, high)


def difference(
    new: tuple[float, float, float], old: tuple[float, float, float]
) -> tuple[float, float, float]:
    """``new - old`` of two numbers with their intervals, which rest on different rows.

    Source:
        Zou and Donner 2008, Construction of confidence limits about effect measures (MOVER).

    Example:
        >>> difference((0.8, 0.7, 0.9), (0.8, 0.8, 0.8))
        (0.0, -0.10000000000000009, 0.09999999999999998)
    """
    (a, a_low, a_high), (b, b_low, b_high) = new, old
    apart = a - b
    return apart, apart - math.hypot(a - a_low, b_high - b), apart + math.hypot(a_high - a, b - b_low)
