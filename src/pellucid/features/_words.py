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
) -> tuple[Word, ...]:
    """One word per unit; ``control`` is agreement ÷ distance of untrained units, NaN where none was run."""
    bar = control_bar(control)
    speaks = ~(trust.told_low <= CHANCE) & ~(trust.path < HALFWAY).any(1)
    return tuple(
        _word(bool(s), float(r), float(d), float(a), far, bar, speaks=bool(t))
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
    if bar is not None and not agreement > bar * distance:
        return "not better than an untrained network"
    if bar is not None and speaks and ratio >= REACHED and distance <= far and agreement >= AGREED:
        return "supported"
    return "weak"
