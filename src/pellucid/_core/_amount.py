"""Numbers of the user's own, in words."""

from __future__ import annotations


def amount(value: float, digits: int = 4, unit: str = "") -> str:
    """A number in the user's unit: so many significant digits, and every digit before the point.

    Example:
        >>> amount(286512.4), amount(0.123456), amount(12.5, 3, "k€")
        ('286512', '0.1235', '12.5 k€')
    """
    large = 10 ** (digits - 1) <= abs(value) < 1e12
    return f"{value:.0f} {unit}".rstrip() if large else f"{value:.{digits}g} {unit}".rstrip()
