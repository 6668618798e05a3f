"""What few samples know of their own spread."""

from __future__ import annotations

QUANTILES = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)  # 97.5 %
NORMAL = 1.959964


def student(degrees: int) -> float:
    """Student's quantile over the normal one, so that 1.96 standard errors cover 95 % for few samples too.

    Example:
        >>> round(student(3), 2), round(student(1000), 2)
        (1.62, 1.0)
    """
    if degrees <= len(QUANTILES):
        return QUANTILES[max(degrees, 1) - 1] / NORMAL
    return 1 + (2.3723 + 2.8225 / degrees) / degrees / NORMAL
