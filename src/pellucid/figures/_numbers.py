"""How numbers are written for people: three digits that matter, a real minus, never a bare NaN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pellucid._core._percent import GAP as GAP
from pellucid._core._percent import percent as percent
from pellucid._core._percent import portion as portion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` significant digits; whole numbers in full, with thousands marked.

    Example:
        >>> number(0.98234), number(-12345), number(0.0000312), number(None)
        ('0.982', '−12,345', '3.12e−5', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e6):
        written = f"{int(value):,}"
    elif 1e-3 <= abs(value) < 1e6:
        written = _plain(value, digits)
    else:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        written = f"{mantissa}e{int(exponent)}"
    return written.replace("-", "−")


def times(value: float, digits: int = 2) -> str:
    """As :func:`number`, as exact where it happens to be whole: beside 0.93 stands 1.0.

    Example:
        >>> times(1.0), times(0.996), times(12.0), times(0.0)
        ('1.0', '1.0', '12', '0')
    """
    return _plain(value, digits) if 1 <= abs(value) < 10 else number(value, digits)


def finite(value: float | Tensor | None) -> float | None:
    """A number as charts and tables take it: nothing where there is none, or none that can be drawn.

    Example:
        >>> finite(0.5), finite(float("nan")), finite(None)
        (0.5, None, None)
    """
    return None if value is None or not math.isfinite(float(value)) else float(value)


def _plain(value: float, digits: int) -> str:
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])  # of the rounded number: 0.00999999 is 0.0100
    places = max(0, digits - 1 - exponent)
    return f"{value:,.{places}f}"


def signed(value: float, digits: int = 3) -> str:
    """As :func:`number`, with a plus where it is positive.

    Example:
        >>> signed(0.5), signed(-0.5), signed(0.0)
        ('+0.500', '−0.500', '0')
    """
    return ("+" if value > 0 else "") + number(value, digits)


def hundredths(value: float) -> str:
    """With sign and two decimals, for what ends at 1: a correlation.

    Example:
        >>> hundredths(0.95), hundredths(-0.2), hundredths(0.0006)
        ('+0.95', '−0.20', '0.00')
    """
    written = f"{value:+.2f}".replace("-", "−")
    return written[1:] if float(f"{value:.2f}") == 0 else written


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval in brackets; empty where there is none.

    Example:
        >>> interval(0.1, 0.25), interval(0.0000378, 0.0158)
        ('[0.100, 0.250]', '[0.00004, 0.0158]')
    """
    return "" if low is None or high is None else f"[{_end(low, high)}, {_end(high, low)}]"


def _end(value: float, other: float) -> str:
    """Without a power of ten where the other end has none; what is not 0 is never written as 0."""
    if not 1e-6 <= abs(value) < 1e-3 <= abs(other) < 1e6:
        return number(value)
    places = max(len(number(other).partition(".")[2]), -math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}".replace("-", "−")


def beside(values: Sequence[float], digits: int = 3) -> list[str]:
    """Numbers that stand beside each other: signed, all with the decimals that leave the largest ``digits``.

    Example:
        >>> beside([3.23, -0.0075, 0.00042])
        ['+3.23', '−0.01', '0.00']
    """
    most = max(map(abs, values), default=0.0)
    if not most or not all(map(math.isfinite, values)):
        return [signed(value, digits) for value in values]
    places = max(0, digits - 1 - math.floor(math.log10(most)))
    written = (f"{value:+,.{places}f}".replace("-", "−") for value in values)
    return [said if said.strip("+−0.") else said[1:] for said in written]


def share_interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """As :func:`interval` for shares, in the unit of :func:`percent`.

    Example:
        >>> share_interval(0.995, 0.9991)
        '[99.5\\xa0%, 99.9\\xa0%]'
    """
    return "" if low is None or high is None else f"[{percent(low, digits)}, {percent(high, digits)}]"


def measured(value: float | None, low: float | None, high: float | None) -> str:
    """A number with its interval."""
    return f"{number(value)} {interval(low, high)}".strip()


def class_said(name: str) -> str:
    """A class within a sentence, where a bare number would read as an amount.

    Example:
        >>> class_said("5"), class_said("ankle boot")
        ('class 5', 'ankle boot')
    """
    return f"class {name}" if name.isdecimal() else name


def counted(n: int, noun: str, plural: str = "") -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "row"), counted(1797, "row"), counted(2, "class", "classes")
        ('1 row', '1,797 rows', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
