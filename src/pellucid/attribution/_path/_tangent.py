"""Integrating slopes that jump: between two nodes the kink lies where the two tangents of the score meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

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
        rise: ``[n, R]``, slope of the score along the way: the sum of each share.
        ends: ``[2, R]``, the scores at both ends of the stretch.
        low, high: where the stretch of the way that is integrated begins and ends.
    """

    place: Tensor
    share: Tensor
    score: Tensor
    rise: Tensor
    ends: Tensor
    low: float = 0.0
    high: float = 1.0

    def halved(self) -> Nodes:
        """Every second node."""
        place, share, score, rise = (each[::2] for each in (self.place, self.share, self.score, self.rise))
        return replace(self, place=place, share=share, score=score, rise=rise)

    def parts(self, count: int) -> list[Nodes]:
        """Of one row: neighbouring stretches from node to node, in memory of their own."""
        last = len(self.place) - 1
        cuts = [last * k // count for k in range(count + 1)]
        return [self._between(a, b, first=a == 0, last=b == last) for a, b in pairwise(cuts)]

    def _between(self, a: int, b: int, *, first: bool, last: bool) -> Nodes:
        place, share, score, rise = (
            each[a : b + 1].clone() for each in (self.place, self.share, self.score, self.rise)
        )
        ends = torch.stack([self.ends[0] if first else score[0], self.ends[1] if last else score[-1]])
        low = self.low if first else float(place[0])
        return Nodes(place, share, score, rise, ends, low, self.high if last else float(place[-1]))

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
        edges = torch.cat([*self._bounds[:1], at, *self._bounds[1:]])
        return edges[1:] - edges[:-1]

    @property
    def _bounds(self) -> tuple[Tensor, Tensor]:
        """Where the stretch begins and ends, ``[1, R]`` each."""
        one = self.place[:1]
        return torch.full_like(one, self.low), torch.full_like(one, self.high)

    def doubt(self) -> Tensor:
        """How much may be wrong between neighbours ``[n + 1, R]``: width times the jump of the slope."""
        jump = vector_norm(self.share[1:] - self.share[:-1], dim=2, dtype=torch.float64)
        inner = (self.place[1:] - self.place[:-1]) * jump
        low = (self.ends[0] - self.score[0] + self.rise[0] * (self.place[0] - self.low)).abs()
        high = (self.ends[1] - self.score[-1] - self.rise[-1] * (self.high - self.place[-1])).abs()
        return torch.cat([low[None], inner, high[None]])

    def steadiness(self) -> Tensor:
        """Whether the slope goes on turning as it turned ``[R]``: 1 if it changes evenly, 0 if it jumps."""
        turns = self.share[1:] - self.share[:-1]
        one, other = turns[:-1:2], turns[1::2]
        both = _square(one) + _square(other)
        return torch.where(both > 0, _square(one + other) / both - 1, 1.0)

    def next(self, count: int) -> Tensor:
        """The middles of the ``count`` most doubtful stretches ``[count, R]``."""
        low, high = self._bounds
        edges = torch.cat([low, self.place, high])
        worst = self.doubt().topk(count, 0).indices
        return ((edges[1:] + edges[:-1]) / 2).gather(0, worst)

    def gap(self, values: Tensor) -> Tensor:
        """What the sum of values ``[R, D]`` leaves over of the difference between the ends, as a size."""
        return (self.ends[1] - self.ends[0] - values.sum(1, dtype=torch.float64)).abs()

    def joined(self, other: Nodes) -> Nodes:
        """With more nodes behind these."""
        place, share = torch.cat([self.place, other.place]), torch.cat([self.share, other.share])
        score, rise = torch.cat([self.score, other.score]), torch.cat([self.rise, other.rise])
        return replace(self, place=place, share=share, score=score, rise=rise)

    def sorted(self) -> Nodes:
        """In the order of the way."""
        place, order = self.place.sort(dim=0, stable=True)
        share = self.share.gather(0, order[:, :, None].expand_as(self.share))
        score, rise = self.score.gather(0, order), self.rise.gather(0, order)
        return replace(self, place=place, share=share, score=score, rise=rise)

    def of(self, rows: Tensor | slice) -> Nodes:
        """Some rows, by a mask or slice."""
        place, share, score = self.place[:, rows], self.share[:, rows], self.score[:, rows]
        return replace(
            self, place=place, share=share, score=score, rise=self.rise[:, rows], ends=self.ends[:, rows]
        )


def _square(values: Tensor) -> Tensor:
    """Sum of squares of each row ``[R]``, which may leave the range of what is added."""
    return vector_norm(values, dim=(0, 2), dtype=torch.float64).square()
