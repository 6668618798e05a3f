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
        other = b - self.b[rows]
        self.b[rows] += other / (number + 1)
        self.ab[rows] += step * (b - self.b[rows])
        self.bb[rows] += other * (b - self.b[rows])


class Thirds(Moments):
    """With the third moments, in double precision, whose range cubes need."""

    def __init__(self, like: Tensor) -> None:
        super().__init__(like)
        self.aaa, self.aab, self.abb, self.bbb = (
            torch.zeros_like(like, dtype=torch.float64) for _ in range(4)
        )

    def add(self, number: int, rows: slice, a: Tensor, b: Tensor | None = None) -> None:
        """The ``number``-th pair of numbers, counted from 0.

        Source:
            Pébay 2008, Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order
            Statistical Moments.
        """
        share, kept = 1 / (number + 1), number * (number - 1) / (number + 1) ** 2
        x, xx = (a - self.a[rows]).double(), self.aa[rows].double()
        self.aaa[rows] += kept * x.pow(3) - share * 3 * x * xx
        if b is not None:
            y, xy, yy = (b - self.b[rows]).double(), self.ab[rows].double(), self.bb[rows].double()
            self.aab[rows] += kept * x.square() * y - share * (2 * x * xy + y * xx)
            self.abb[rows] += kept * x * y.square() - share * (2 * y * xy + x * yy)
            self.bbb[rows] += kept * y.pow(3) - share * 3 * y * yy
        super().add(number, rows, a, b)
