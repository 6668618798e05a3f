"""Which methods answer where another one cannot, found by trying."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pellucid._core._pass import Pass

# for any network that answers, and for any that is also differentiable; each takes any input and any site
BY_SCORES = ("occlusion", "kernel_shap")
BY_SLOPES = ("integrated_gradients", "smoothgrad")


def instead(work: Pass, point: Tensor, row: slice) -> str:
    """A sentence that names methods which would work, after one row was passed forward and backward.

    Empty where the network answers nothing by itself, because then nothing would.
    """
    try:
        with torch.no_grad():
            work.score(point.clone(), row, 1)
    except Exception:
        return ""
    scores = f"{' and '.join(BY_SCORES)}, which only need scores"
    if not _sloped(work, point, row):
        return f" What would work here: {scores}."
    return f" What would work here: {' and '.join(BY_SLOPES)}, which only need slopes; {scores}."


def _sloped(work: Pass, point: Tensor, row: slice) -> bool:
    """Whether the score has a slope; where it is zero everywhere, slopes say nothing."""
    if not point.is_floating_point():
        return False
    try:
        with torch.enable_grad():
            return bool(work.slope(point, row, 1, None)[0].any())
    except Exception:
        return False
