"""What a picture of a unit may be called, and why."""

from __future__ import annotations

import math
from typing import Literal

import torch
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
    bar: Tensor,
    trust: PictureTrust | None,
    *,
    near: bool = True,
) -> tuple[Word, ...]:
    """One word per unit; ``bar`` from :func:`agreement_bar`, ``near`` as there."""
    speaks = torch.ones_like(started, dtype=torch.bool)
    if trust is not None:
        speaks = ~(trust.told_low <= CHANCE) & ~(trust.path < HALFWAY).any(1)
    return tuple(
        _word(bool(s), float(r), float(d), float(a), far, float(b), speaks=bool(t) or not near)
        for s, r, d, a, b, t in zip(started, ratio, distance, agreement, bar, speaks, strict=True)
    )


def agreement_bar(distance: Tensor, control: Tensor, *, near: bool = True) -> Tensor:
    """``[U]``, what the agreement of a picture must exceed; NaN where no control was run.

    ``control`` is agreement ÷ distance of untrained units. Without ``near`` it is their agreement alone, as
    for inputs that began at real ones and are near anyway.
    """
    bar = control_bar(control)
    if bar is None:
        return torch.full_like(distance, math.nan)
    return bar * distance if near else torch.full_like(distance, bar)


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
    bar: float,
    *,
    speaks: bool,
) -> Word:
    if not started:
        return "did not start"
    if not math.isnan(bar) and not agreement > bar:
        return "not better than an untrained network"
    if not math.isnan(bar) and speaks and ratio >= REACHED and distance <= far and agreement >= AGREED:
        return "supported"
    return "weak"
