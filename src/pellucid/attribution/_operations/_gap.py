"""Whether values add up, in words."""

from __future__ import annotations

from torch import Tensor

from pellucid._core import percent


def adds_up(total: Tensor, values: Tensor, why: str, tolerance: float) -> str:
    """A note where the values of some row miss their total by more than ``tolerance`` of it; else nothing."""
    gap = (total.double() - values.reshape(len(values), -1).sum(1).double()).abs()
    share = gap / total.double().abs().clamp(min=1e-12)
    most = float(share.max())
    if not most > tolerance:
        return ""
    size = f"up to {percent(most, 0)}" if most >= 0.005 else "less than 1\u00a0%"
    return f"Values miss what they should add up to by {size} of it: {why}"
