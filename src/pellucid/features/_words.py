"""What a picture of a unit may be called, and why."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from pellucid.features._trust import PictureTrust

Word = Literal["supported", "weak", "not better than an untrained network", "did not start"]

REACHED = 0.5
AGREED = 0.5
CHANCE = 0.5
HALFWAY = 0.5
CONTROL = 0.95


def words(
    started: Tensor,
    ratio: Tensor,
    distance: Tensor,
    agreement: Tensor,
    far: float,
    control: Tensor,
    trust: PictureTrust,
    *,
    near: bool = True,
) -> tuple[Word, ...]:
    """One word per unit; ``control`` is agreement ÷ distance of untrained units, NaN where none was run.

    Without ``near`` it is their agreement alone, as for inputs that began at real ones and are near anyway.
    """
    bar = control_bar(control)
    # a goal that too few inputs excite was not put to the test, and starts that agree prove nothing alone
    speaks = (trust.told_low > CHANCE) & ~(trust.path < HALFWAY).any(1)
    return tuple(
        _word(
            bool(s),
            float(r),
            float(d),
            float(a),
            far,
            None if bar is None else bar * (float(d) if near else 1),
            speaks=bool(t) or not near,
        )
        for s, r, d, a, t in zip(started, ratio, distance, agreement, speaks, strict=True)
    )


def control_bar(control: Tensor) -> float | None:
    """What at most 5 % of untrained units exceed: the ⌈0.95 (n + 1)⌉-th smallest, or the largest."""
    ordered = control[control.isfinite()].sort().values
    if not len(ordered):
        return None
    return float(ordered[min(len(ordered), math.ceil(CONTROL * (len(ordered) + 1))) - 1])


def _word(
    started: bool,
    ratio: float,
    distance: float,
    agreement: float,
    far: float,
    bar: float | None,
    *,
    speaks: bool,
) -> Word:
    if not started:
        return "did not start"
    if bar is not None and not agreement > bar:
        return "not better than an untrained network"
    if bar is not None and speaks and ratio >= REACHED and distance <= far and agreement >= AGREED:
        return "supported"
    return "weak"
