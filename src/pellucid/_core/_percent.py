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
