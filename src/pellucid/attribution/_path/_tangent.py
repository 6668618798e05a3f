"""Integrating slopes that jump: between two nodes the kink lies where the two tangents of the score meet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vector_norm


@dataclass(frozen=True, slots=True)
class Nodes:
    """What is known along the way of each row, in order: ``n`` nodes of ``R`` rows.

    Args:
        place: ``[n, R]`` in 0…1; :meth:`sorted` before anything else is asked.
        share: ``[n, R, D]``, slope times way: what the sum is made of.
        score: ``[n, R]``.
        ends: ``[2, R]``, the scores at 0 and 1.
    """

    place: Tensor
    share: Tensor
    score: Tensor
    ends: Tensor

    @property
    def rise(self) -> Tensor:
        """Slope of the score along the way ``[n, R]``."""
        return self.share.sum(2, dtype=torch.float64)

    def halved(self) -> Nodes:
        """Every second node."""
        return Nodes(self.place[::2], self.share[::2], self.score[::2], self.ends)

    def integral(self) -> Tensor:
        """``[R, D]``: exact where no more than one kink lies between two nodes."""
        return torch.einsum("nr,nrd->rd", self.weights().to(self.share), self.share)

    def weights(self) -> Tensor:
        """How much of the way each node speaks for ``[n, R]``: from one meeting point to the next."""
        here, there = self.place[:-1], self.place[1:]
        rise = self.rise
        turn = rise[1:] - rise[:-1]
        # f_i + s_i (t - t_i) = f_j + s_j (t - t_j)
        met = self.score[:-1] - self.score[1:] - rise[:-1] * here + rise[1:] * there
        at = met / turn
        middle = (here + there) / 2
        at = torch.where((at >= here) & (at <= there), at, middle)
        first, last = torch.zeros_like(at[:1]), torch.ones_like(at[:1])
        if not len(at):
            first, last = torch.zeros_like(self.place), torch.ones_like(self.place)
        edges = torch.cat([first, at, last])
        return edges[1:] - edges[:-1]

    def doubt(self) -> Tensor:
        """How much may be wrong between neighbours ``[n + 1, R]``: width times the jump of the slope."""
        jump = vector_norm(self.share[1:] - self.share[:-1], dim=2, dtype=torch.float64)
        inner = (self.place[1:] - self.place[:-1]) * jump
        low = (self.ends[0] - self.score[0] + self.rise[0] * self.place[0]).abs()
        high = (self.ends[1] - self.score[-1] - self.rise[-1] * (1 - self.place[-1])).abs()
        return torch.cat([low[None], inner, high[None]])

    def steadiness(self) -> Tensor:
        """Whether the slope goes on turning as it turned ``[R]``: 1 if it changes evenly, 0 if it jumps."""
        turns = self.share[1:] - self.share[:-1]
        one, other = turns[:-1:2], turns[1::2]
        both = _square(one) + _square(other)
        return torch.where(both > 0, _square(one + other) / both - 1, 1.0)

    def next(self, count: int) -> Tensor:
        """The middles of the ``count`` most doubtful stretches ``[count, R]``."""
        zero, one = torch.zeros_like(self.place[:1]), torch.ones_like(self.place[:1])
        edges = torch.cat([zero, self.place, one])
        worst = self.doubt().topk(count, 0).indices
        return ((edges[1:] + edges[:-1]) / 2).gather(0, worst)

    def gap(self, values: Tensor) -> Tensor:
        """What the sum of values ``[R, D]`` leaves over of the difference between the ends, as a size."""
        return (self.ends[1] - self.ends[0] - values.sum(1, dtype=torch.float64)).abs()

    def joined(self, other: Nodes) -> Nodes:
        """With more nodes behind these."""
        place, share = torch.cat([self.place, other.place]), torch.cat([self.share, other.share])
        return Nodes(place, share, torch.cat([self.score, other.score]), self.ends)

    def sorted(self) -> Nodes:
        """In the order of the way."""
        place, order = self.place.sort(dim=0, stable=True)
        share = self.share.gather(0, order[:, :, None].expand_as(self.share))
        return Nodes(place, share, self.score.gather(0, order), self.ends)

    def of(self, rows: Tensor) -> Nodes:
        """Some rows, by a mask."""
        return Nodes(self.place[:, rows], self.share[:, rows], self.score[:, rows], self.ends[:, rows])


def _square(values: Tensor) -> Tensor:
    """Sum of squares of each row ``[R]``, which may leave the range of what is added."""
    return vector_norm(values, dim=(0, 2), dtype=torch.float64).square()
