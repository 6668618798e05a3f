"""What few samples know of their own spread."""

from __future__ import annotations

import torch
from torch import Tensor

NORMAL = 1.959964


def quantile(degrees: float, level: float = 0.95) -> float:
    """How many standard errors lie on either side of a mean at a level, by Student's distribution.

    Example:
        >>> round(quantile(3), 3), round(quantile(1000, 0.9), 3)
        (3.182, 1.646)
    """
    from scipy.special import stdtrit

    return -float(stdtrit(max(degrees, 1.0), (1 - level) / 2))


def student(degrees: float) -> float:
    """Student's quantile over the normal one, so that 1.96 standard errors cover 95 % for few samples too.

    Example:
        >>> round(student(3), 2), round(student(1000), 2)
        (1.62, 1.0)
    """
    return quantile(degrees) / NORMAL


def interval_of_mean(each: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Ends of the interval of the mean over rows of ``[N, P]``: Student's, the skewness taken out.

    Example:
        >>> import torch
        >>> low, high = interval_of_mean(torch.tensor([[0.0], [0.0], [1.0], [7.0]]), 0.95)
        >>> round(float(low), 2), round(float(high), 2)
        (-1.04, 14.26)
    """
    mean = each.mean(0)
    off = each - mean
    below, above = _reach(off.square().mean(0), off.pow(3).mean(0), len(each), level)
    return mean - below, mean + above


def skewed_stderr(second: Tensor, third: Tensor, count: int) -> Tensor:
    """Standard error of a mean so that 1.96 of it reach the farther end of its interval at 95 %.

    Args:
        second, third: central moments of the numbers that the mean is of.
        count: of these.
    """
    return torch.maximum(*_reach(second, third, count, 0.95)) / NORMAL


def _reach(second: Tensor, third: Tensor, count: int, level: float) -> tuple[Tensor, Tensor]:
    """How far the interval reaches below the mean and above it.

    The mean of few skewed numbers is skewed too and hangs together with their spread. With ``g`` the mean's
    skewness, ``T + g T² / 3 + g² T³ / 27 + g / 6`` of Student's statistic ``T`` is not; its quantiles are
    Student's, and the interval ends where it reaches them.

    Source:
        Hall 1992, On the Removal of Skewness by Transformation, J. R. Stat. Soc. B 54.
    """
    width = second.sqrt()
    skewness = third / width.pow(3).clamp(min=torch.finfo(width.dtype).tiny)
    # without its bias for few numbers; two have none
    g = skewness * ((count - 1) ** 0.5 / max(count - 2, 1))
    error, far = width / max(count - 1, 1) ** 0.5, quantile(count - 1, level)

    def reached(by: float) -> Tensor:
        over = by - g / 6
        root = 1 + g * over
        root = root.sign() * root.abs().pow(1 / 3)
        # 3 (root - 1) / g, which has no 0 / 0 where numbers are symmetrical
        return 3 * over / (root.square() + root + 1)

    return reached(far) * error, -reached(-far) * error
