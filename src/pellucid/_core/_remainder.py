"""How far off a regression on single parts is, by what it leaves over of products of parts."""

from __future__ import annotations

from itertools import combinations
from math import comb

import torch
from torch import Tensor

MOST = 600  # products of three parts that are looked at: all of 16 parts, a sample of more
ENOUGH = 400  # pairs that tell how large the products are
SHARES = (0.0, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9997, 0.9999)


class Remainder:
    """What moves the values of ``n`` parts found from the differences of ``k`` pairs of coalitions.

    Two kinds of games pass through the same regression as the real one: products of three signs, each with a
    coefficient of one size, and noise without order, which stands for products of five and more. How much
    there is of each is the likeliest mixture, from what the regression leaves over.

    Args:
        signs: ``[k, n]``, 1 where a part is in a pair's first coalition, else -1.
        influence: ``[n, k]``, values are ``influence @ y + share``, where ``y`` are the differences less
            ``signs.sum(1) · share``.
        free: ``[n, n - 1]``, the directions in which values are free.
        unsampled: ``[k]``, share of each pair's size that was not asked.
        generator: which products are looked at where there are many.
    """

    def __init__(
        self, signs: Tensor, influence: Tensor, free: Tensor, unsampled: Tensor, generator: torch.Generator
    ) -> None:
        n = signs.shape[1]
        triples, whole = _triples(n, generator)
        inside = torch.zeros(n, len(triples), dtype=signs.dtype).scatter_(0, triples.T, 1.0)
        # a product's own differences, and its own values 2 / 3 for each of its parts
        moved = influence @ (2 * signs[:, triples].prod(2) - signs.sum(1, keepdim=True) * (2 / n))
        off = (moved + 2 / n - inside * (2 / 3)).square().sum(1) / max(len(triples), 1)
        self.by_three = off * whole
        self.by_noise = influence.square() @ unsampled.clamp(min=0)
        self.mixture = _Mixture(signs[:ENOUGH], free)

    def stderr(self, y: Tensor) -> Tensor:
        """Standard errors ``[n, R]`` for ``y`` ``[k, R]``."""
        three, noise = self.mixture.of(y[:ENOUGH])
        return (self.by_three[:, None] * three + self.by_noise[:, None] * noise).sqrt()


class _Mixture:
    """Mean square of a product's coefficient, and of the noise: what is likeliest beside a free trend."""

    def __init__(self, signs: Tensor, free: Tensor) -> None:
        n = signs.shape[1]
        # what the trend cannot show
        rest = torch.linalg.qr(signs @ free, mode="complete")[0][:, n - 1 :]
        strength, axes = torch.linalg.eigh(rest.T @ _by_three(signs, n) @ rest)
        self.strength, self.axes = strength.clamp(min=0), rest @ axes
        self.unit = float(self.strength.mean()) or 1.0

    def of(self, y: Tensor) -> tuple[Tensor, Tensor]:
        seen = (self.axes.T @ y).square()
        best = torch.full_like(seen[0], -torch.inf)
        three, noise = torch.zeros_like(best), torch.zeros_like(best)
        for share in SHARES:
            width = share * self.strength / self.unit + (1 - share)
            scale = (seen / width[:, None]).mean(0).clamp(min=1e-300)
            likelihood = -0.5 * (len(width) * scale.log() + width.log().sum())
            better = likelihood > best
            three = torch.where(better, share / self.unit * scale, three)
            noise = torch.where(better, (1 - share) * scale, noise)
            best = torch.where(better, likelihood, best)
        return three, noise


def _by_three(signs: Tensor, n: int) -> Tensor:
    """Covariance ``[k, k]`` of differences by products of three, all coefficients of size 1, less the share
    of what all parts together do."""
    cubes = lambda u: (u * u * u - (3 * n - 2) * u) / 6  # noqa: E731 - the third symmetric sum of n signs
    own, among = signs.sum(1), cubes(signs @ signs.T)
    side = own[:, None] * cubes(own)[None] / n
    return 4 * (among - side - side.T + own[:, None] * own[None] * comb(n, 3) / n**2)


def _triples(n: int, generator: torch.Generator) -> tuple[Tensor, int]:
    """Some of the triples of ``n`` parts ``[f, 3]``, and how many there are."""
    whole = comb(n, 3)
    if whole <= MOST:
        return torch.tensor(list(combinations(range(n), 3)), dtype=torch.int64).view(-1, 3), whole
    drawn = torch.rand(MOST, n, generator=generator, dtype=torch.float64)
    return drawn.argsort(1)[:, :3], whole
