"""How far off a regression on single parts is, by what it leaves over of products of parts."""

from __future__ import annotations

from itertools import combinations
from math import comb

import torch
from torch import Tensor

MOST = 600  # products of three parts that are looked at: all of 16 parts, a sample of more
AT_ONCE = 64  # of them
ENOUGH = 400  # pairs that tell how large the products are
# of what is left over, how much are products of three
SHARES = (0.0, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9997, 0.9999)


class Remainder:
    """What moves the values of ``n`` parts found from the differences of ``k`` pairs of coalitions.

    Two kinds of games pass through the same regression as the real one: products of three signs, all with
    coefficients of one size, and noise without order, which stands for products of five and more. What the
    regression leaves over tells how much there is of each. So standard errors know how the coalitions lie,
    which residuals alone do not.

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
        triples = _triples(signs.shape[1], generator)
        self.by_three = _moved(signs, influence, triples) * (comb(signs.shape[1], 3) / len(triples))
        self.by_noise = influence.square() @ unsampled.clamp(min=0)
        self.mixture = _Mixture(signs[:ENOUGH], free)

    def stderr(self, y: Tensor) -> Tensor:
        """Standard errors ``[n, R]`` for ``y`` ``[k, R]``."""
        three, noise = self.mixture.of(y[:ENOUGH])
        return (self.by_three[:, None] * three + self.by_noise[:, None] * noise).sqrt()


def _moved(signs: Tensor, influence: Tensor, triples: Tensor) -> Tensor:
    """Squared errors ``[n]`` of the values of products of three signs, summed over the products."""
    n = signs.shape[1]
    total = torch.zeros(n, dtype=signs.dtype)
    tilt = influence @ signs.sum(1, keepdim=True) * (2 / n)
    for some in triples.split(AT_ONCE):
        first, second, third = (signs[:, part] for part in some.unbind(1))
        found = influence @ (2 * first * second * third) - tilt + 2 / n
        # its own values are 2 / 3 for each of its parts
        inside = torch.zeros_like(found).scatter_(0, some.T, 2 / 3)
        total += (found - inside).square().sum(1)
    return total


class _Mixture:
    """Mean square of a product's coefficient, and of the noise, beside a free trend: over all mixtures, each
    as likely as what the trend leaves over makes it. The likeliest alone would be too sure of few pairs.

    Source:
        Patterson & Thompson 1971, Recovery of inter-block information when block sizes are unequal; Hoeting
        et al. 1999, Bayesian model averaging: a tutorial.
    """

    def __init__(self, signs: Tensor, free: Tensor) -> None:
        # what the trend cannot show
        rest = torch.linalg.qr(signs @ free, mode="complete")[0][:, free.shape[1] :]
        strength, axes = torch.linalg.eigh(rest.T @ by_three(signs) @ rest)
        self.strength, self.axes = strength.clamp(min=0), rest @ axes
        self.unit = float(self.strength.mean()) or 1.0

    def of(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Both ``[R]`` for ``y`` ``[k, R]``."""
        seen = (self.axes.T @ y).square()
        share = torch.tensor(SHARES, dtype=y.dtype)[:, None]
        scale, likely = torch.zeros(2, len(share), seen.shape[1], dtype=y.dtype).unbind()
        for which, part in enumerate(SHARES):
            width = part * self.strength / self.unit + (1 - part)
            scale[which] = (seen / width[:, None]).mean(0)
            likely[which] = -0.5 * (len(width) * scale[which].clamp(min=1e-300).log() + width.log().sum())
        weighed = likely.softmax(0) * scale
        return (share / self.unit * weighed).sum(0), ((1 - share) * weighed).sum(0)


def by_three(signs: Tensor) -> Tensor:
    """Covariance ``[k, k]`` of differences, less their common share, by products of three signs with
    independent coefficients of variance 1."""
    n = signs.shape[1]
    more = signs.sum(1)
    whole = more[:, None] * _cubic(more, n) / n
    both = _cubic(signs @ signs.T, n)
    return 4 * (both - whole - whole.T + more[:, None] * more * (comb(n, 3) / n**2))


def _cubic(more: Tensor, n: int) -> Tensor:
    """The third elementary symmetric sum of ``n`` signs, of which so many more are 1 than -1."""
    return (more * more * more - (3 * n - 2) * more) / 6


def _triples(n: int, generator: torch.Generator) -> Tensor:
    """Some of the triples of ``n`` parts ``[f, 3]``."""
    if comb(n, 3) <= MOST:
        return torch.tensor(list(combinations(range(n), 3)), dtype=torch.int64)
    return torch.rand(MOST, n, generator=generator, dtype=torch.float64).argsort(1)[:, :3]
