"""What a picture of a unit may be called, and why."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Word = Literal["supported", "weak", "not better than an untrained network", "did not start"]

REACHED = 0.5
NEAR = 2.0
AGREED = 0.5
CONTROL = 0.95


def words(
    started: Tensor, ratio: Tensor, distance: Tensor, agreement: Tensor, control: Tensor
) -> tuple[Word, ...]:
    """One word per unit; ``control`` is agreement ÷ distance of untrained units, NaN where none was run."""
    control = control[control.isfinite()]
    bar = float(control.quantile(CONTROL)) if len(control) else None
    return tuple(
        _word(bool(s), float(r), float(d), float(a), bar)
        for s, r, d, a in zip(started, ratio, distance, agreement, strict=True)
    )


def _word(started: bool, ratio: float, distance: float, agreement: float, bar: float | None) -> Word:
    if not started:
        return "did not start"
    if bar is not None and not agreement / distance > bar:
        return "not better than an untrained network"
    if bar is not None and ratio >= REACHED and distance <= NEAR and agreement >= AGREED:
        return "supported"
    return "weak"
