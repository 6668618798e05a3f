"""Whether the network needs one unit."""

from __future__ import annotations

from pellucid._core import Check
from pellucid.layers import UnitEffects


def unit_matters(found: UnitEffects) -> Check:
    """Whether the network's answers need the first unit, beside the other units as its control.

    *passed*: the right answer's lead falls when the unit is held at its mean (95 % interval above zero), and
    by more than for the middle one of the other units; *mixed*: it falls, but not by more; *failed*: no
    fall is shown.

    Example:
        >>> unit_matters.__name__
        'unit_matters'
    """
    value, low, high = (float(part[0]) for part in (found.margin, found.margin_low, found.margin_high))
    control = float(found.margin[1:].median()) if len(found.units) > 1 else None
    word = "failed" if low <= 0 else "passed" if control is None or low > control else "mixed"
    return Check(
        "Does it matter to the model?",
        "fall of the right answer's lead over the next one when the unit is held at its mean; null: no fall",
        word,
        value,
        control,
        f"the middle one of {len(found.units) - 1} others" if control is not None else "none",
        found.n,
        low,
        high,
        rows=found.n * (len(found.units) + 1),
        unit="units of score",
        note="Those that stand in for each other each look useless alone." if word == "failed" else "",
    )
