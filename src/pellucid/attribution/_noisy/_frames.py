"""Noise in directions at right angles to each other, which looks around more evenly than chance does."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Question
from pellucid._core._student import student
from pellucid.attribution._noisy._moments import Moments

MOST = 32  # directions of a frame
WIDE = 100 * MOST  # beyond so many elements, chance directions are at right angles anyway
MANY = 5  # frames whose spread says how sure the mean is
# A mean over m of D directions has 1 - (m - 1) / (D - 1) of the variance of independent ones if slopes bend
# like a parabola; measured was 0.39 (ReLU) to 0.75 (GELU) of that gain.
GAIN = 0.45


class Frames:
    """Standard normal noise in frames of orthogonal directions; each direction alone is as if independent.

    Args:
        q: whose point gets the noise.
        pairs: how many directions are needed.
    """

    def __init__(self, q: Question, pairs: int) -> None:
        self.like, self.seed, self.pairs = q.point, q.compute.seed, pairs
        self.size = q.point[0].numel()
        self.width = 1 if self.size >= WIDE else min(self.size, MOST, pairs)
        self._kept: tuple[int, Tensor] | None = None
        one = q.folded(q.point)
        self._sum = torch.zeros_like(one, dtype=torch.promote_types(one.dtype, torch.float32))
        self._frames, self._pairs = Moments(one), Moments(one)

    def draw(self, ks: Tensor) -> Tensor:
        """Standard normal ``[c, 1, *shape]``: draw ``k`` is the same for every row and any batch size."""
        shape = self.like.shape[1:]
        drawn = [self._frame(k // self.width)[:, k % self.width].view(shape) for k in ks.tolist()]
        return torch.stack(drawn)[:, None].to(self.like.device, self.like.dtype)

    def _frame(self, number: int) -> Tensor:
        if self._kept is None or self._kept[0] != number:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
            normal = torch.randn((self.size, self.width), generator=generator, dtype=torch.float64)
            q, r = torch.linalg.qr(normal)
            # with these signs every frame is equally likely
            self._kept = number, q * r.diagonal().sign() * _lengths(self.size, self.width, generator)
        return self._kept[1]

    def add(self, number: int, rows: slice, value: Tensor) -> None:
        """What the ``number``-th direction gave."""
        self._pairs.add(number, rows, value)
        within = number % self.width
        self._sum[rows] = value if within == 0 else self._sum[rows] + value
        if within == self.width - 1:
            self._frames.add(number // self.width, rows, self._sum[rows] / self.width)

    @property
    def mean(self) -> Tensor:
        """Over all directions."""
        return self._pairs.a

    @property
    def stderr(self) -> Tensor:
        """Of the mean."""
        frames = self.pairs // self.width
        if frames >= MANY:
            return (self._frames.aa / (frames * (frames - 1))).sqrt() * student(frames - 1)
        less = 1 - GAIN * (self.width - 1) / max(1, self.size - 1)
        square = self._pairs.aa * less / (self.pairs * (self.pairs - 1))
        return square.sqrt() * student(self.pairs - 1)


def _lengths(size: int, count: int, generator: torch.Generator) -> Tensor:
    """Lengths of normal vectors, one from each of so many equally likely ranges, in any order."""
    from scipy.special import gammaincinv

    share = torch.rand(count, generator=generator, dtype=torch.float64)
    share = (torch.randperm(count, generator=generator) + share) / count
    return torch.from_numpy(2 * gammaincinv(size / 2, share.numpy())).sqrt()
