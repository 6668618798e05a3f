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
    steadiness: Tensor,
    bar: float | None,
    trust: PictureTrust,
    *,
    near: bool = True,
) -> tuple[Word, ...]:
    """One word per unit; ``bar`` from :func:`control_bar` of the steadiness of untrained units.

    Without ``near`` the telling and the way do not count: such inputs began at real ones.
    """
    better = torch.ones_like(started) if bar is None else steadiness > bar
    good = (ratio >= REACHED) & (distance <= far) & (agreement >= AGREED)
    if near:
        # a goal that too few inputs excite was not put to the test, and starts that agree prove nothing alone
        good &= ((trust.told_low > CHANCE) & ~(trust.path < HALFWAY).any(1)).to(good.device)
    return tuple(
        _word(bool(s), bool(b), bool(g) and bar is not None)
        for s, b, g in zip(started, better, good, strict=True)
    )


def control_bar(control: Tensor) -> float | None:
    """What at most 5 % of untrained units exceed: the ⌈0.95 (n + 1)⌉-th smallest, or the largest."""
    ordered = control[control.isfinite()].sort().values
    if not len(ordered):
        return None
    return float(ordered[min(len(ordered), math.ceil(CONTROL * (len(ordered) + 1))) - 1])


def _word(started: bool, better: bool, good: bool) -> Word:
    if not started:
        return "did not start"
    if not better:
        return "not better than an untrained network"
    return "supported" if good else "weak"
