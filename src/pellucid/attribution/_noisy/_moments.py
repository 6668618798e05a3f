"""Mean and spread of what pairs of noisy copies give."""

from __future__ import annotations

import torch
from torch import Tensor


class Moments:
    """Mean and spread of two numbers, streamed by Welford's rule."""

    def __init__(self, like: Tensor) -> None:
        exact = torch.promote_types(like.dtype, torch.float32)
        self.a, self.b, self.aa, self.ab, self.bb = (torch.zeros_like(like, dtype=exact) for _ in range(5))

    def add(self, number: int, rows: slice, a: Tensor, b: Tensor | None = None) -> None:
        """The ``number``-th pair of numbers, counted from 0."""
        step = a - self.a[rows]
        self.a[rows] += step / (number + 1)
        self.aa[rows] += step * (a - self.a[rows])
        if b is None:
            return
        self.ab[rows] += step * (b - self.b[rows])
        other = b - self.b[rows]
        self.b[rows] += other / (number + 1)
        self.bb[rows] += other * (b - self.b[rows])
