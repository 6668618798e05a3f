"""How shares are written, everywhere alike."""

from __future__ import annotations

import math

GAP = "\u00a0"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as per cent; without decimals where they would only be zeros.

    Example:
        >>> percent(0.972), percent(1.0), percent(-0.0004), percent(None)
        ('97.2\\xa0%', '100\\xa0%', '0\\xa0%', '–')
    """
    if share is None or math.isnan(share):
        return "–"
    written = f"{100 * share:.{digits}f}"
    written = written.removeprefix("-") if float(written) == 0 else written
    whole = written.split(".")[0]
    return f"{whole if float(written) == float(whole) else written}{GAP}%".replace("-", "−")


def portion(share: float | None, digits: int = 1) -> str:
    """A part of a whole as :func:`percent`; what is neither nothing nor all is not written as such.

    Example:
        >>> portion(0.972), portion(0.0004), portion(0.9997, 0), portion(0.0), portion(1.0)
        ('97.2\\xa0%', '<\\xa00.1\\xa0%', '>\\xa099\\xa0%', '0\\xa0%', '100\\xa0%')
    """
    if share is None or not 0 < share < 1:
        return percent(share, digits)
    written, step = float(f"{100 * share:.{digits}f}"), 10.0 ** -(digits + 2)
    if written == 0:
        return f"<{GAP}{percent(step, digits)}"
    return f">{GAP}{percent(1 - step, digits)}" if written == 100 else percent(share, digits)
