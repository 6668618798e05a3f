"""Whether values add up, in words."""

from __future__ import annotations

from torch import Tensor

from pellucid._core import percent


def adds_up(total: Tensor, values: Tensor, why: str, tolerance: float) -> str:
    """A note where the values of some row miss their total by more than ``tolerance`` of it; else nothing."""
    gap = (total.double() - values.reshape(len(values), -1).sum(1).double()).abs()
    share = gap / total.double().abs().clamp(min=1e-12)
    if not bool((share > tolerance).any()):
        return ""
    return f"Values miss what they should add up to by up to {percent(float(share.max()), 0)} of it: {why}"
