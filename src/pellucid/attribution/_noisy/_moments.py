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


def lopsided(value: Tensor, error: Tensor) -> Tensor:
    """Standard error of a mean of squares so that 1.96 of it reach the upper end of an interval that is
    symmetrical in the logarithm; at most 3.1 times as large. Few squares, where large ones are rare, have a
    small mean and a small spread at once.

    Example:
        >>> lopsided(torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.01, 0.5, 0.0]))
        tensor([0.0101, 0.8492, 0.0000])
    """
    z = (1.96 * error / value).nan_to_num(0.0).clamp(1e-6, 1.96)
    return error * torch.expm1(z) / z
