"""How far off a regression on single parts is, by what it leaves over of products of parts."""

from __future__ import annotations

from itertools import combinations
from math import comb

import torch
from torch import Tensor

MOST = 600  # products of three parts that are looked at: all of 16 parts, a sample of more


class Remainder:
    """What moves the values of ``n`` parts found from the differences of ``k`` pairs of coalitions.

    Two kinds of games pass through the same regression as the real one: products of three signs, each with a
    coefficient of one size, and noise without order, which stands for products of five and more.

    Args:
        signs: ``[k, n]``, 1 where a part is in a pair's first coalition, else -1.
        influence: ``[n, k]``, values are ``influence @ (differences - signs.sum(1) · share) + share``.
        unsampled: ``[k]``, share of each pair's size that was not asked.
        generator: which products are looked at where there are many.
    """

    def __init__(
        self, signs: Tensor, influence: Tensor, unsampled: Tensor, generator: torch.Generator
    ) -> None:
        self.signs, self.influence = signs, influence
        k, n = signs.shape
        triples, whole = _triples(n, generator)
        some = max(len(triples), 1)
        self.products = signs[:, triples].prod(2)
        inside = torch.zeros(n, len(triples), dtype=signs.dtype)
        inside.scatter_(0, triples.T, 1.0)
        given = 2 * self.products - signs.sum(1, keepdim=True) * (2 / n)
        moved = influence @ given
        left = given - signs @ moved
        self.by_three = (moved + 2 / n - inside * (2 / 3)).square().sum(1) * (whole / some)
        self.by_noise = influence.square() @ unsampled.clamp(min=0)
        both = (self.products.T @ left).square()
        own = both.diagonal().sum()
        among = (both.sum() - own) * ((whole - 1) / max(some - 1, 1))
        hat = (signs.T @ signs) @ influence
        self.expected = torch.stack(
            [
                torch.stack([left.square().sum() * (whole / some), k - 2 * (n - 1) + (influence * hat).sum()]),
                torch.stack(
                    [own + among, (self.products.T - (self.products.T @ signs) @ influence).square().sum()]
                ),
            ]
        )

    def stderr(self, y: Tensor) -> Tensor:
        """Standard errors ``[n, R]`` for differences less their common share ``[k, R]``."""
        left = y - self.signs @ (self.influence @ y)
        seen = torch.stack([left.square().sum(0), (self.products.T @ left).square().sum(0)])
        (a, b), (c, d) = self.expected
        space = a * d - b * c
        three, noise = (seen[0] * d - seen[1] * b) / space, (seen[1] * a - seen[0] * c) / space
        # the better half of what cannot be told apart, so that both stay above 0
        none = torch.zeros_like(three)
        three, noise = (
            torch.where(three < 0, none, torch.where(noise < 0, seen[0] / a, three)),
            torch.where(three < 0, seen[0] / b, torch.where(noise < 0, none, noise)),
        )
        return (self.by_three[:, None] * three + self.by_noise[:, None] * noise).sqrt()


def _triples(n: int, generator: torch.Generator) -> tuple[Tensor, int]:
    """Some of the triples of ``n`` parts ``[f, 3]``, and how many there are."""
    whole = comb(n, 3)
    if whole <= MOST:
        return torch.tensor(list(combinations(range(n), 3)), dtype=torch.int64).view(-1, 3), whole
    drawn = torch.rand(MOST, n, generator=generator, dtype=torch.float64)
    return drawn.argsort(1)[:, :3], whole
