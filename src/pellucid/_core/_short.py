"""Thresholds that a person can remember: short numbers between two others."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

DIGITS = 3  # significant digits of a column's spread that a threshold may need


def short_cut(low: float, high: float, seen: float, *, whole: bool = False) -> float:
    """A short number in the middle half between ``low`` and ``high``.

    Never finer than three significant digits of the spread ``seen``: then it may lie outside of both, and
    some rows change sides. ``whole``: only whole numbers make sense.

    Example:
        >>> short_cut(14.1234, 37.9, 30.0), short_cut(32, 33, 10.0, whole=True)
        (30.0, 32.0)
    """
    middle, slack = low + (high - low) / 2, (high - low) / 4
    if abs(middle) <= slack:
        return 0.0
    finest = DIGITS - 1 - magnitude(seen)
    coarsest = -magnitude(max(abs(low), abs(high)))
    if whole:
        finest = min(finest, 0)
    for digits in range(min(coarsest, finest), finest + 1):
        tried = to_digits(middle, digits)
        if abs(tried - middle) <= slack:
            return tried
    return float(math.floor(middle)) if whole and finest == 0 else to_digits(middle, finest)


def to_digits(value: float, digits: int) -> float:
    """Rounded to places after the point, without a negative zero."""
    return round(value, digits) + 0.0


def magnitude(value: float) -> int:
    """Power of ten of the leading digit; 0 for nothing."""
    return math.floor(math.log10(value)) if value > 0 else 0


def spread(values: NDArray[np.float64]) -> float:
    """Distance between the tenth and the ninetieth percentile, or the sd where that is nothing."""
    low, high = np.quantile(values, (0.1, 0.9))
    return float(high - low) or float(values.std())
