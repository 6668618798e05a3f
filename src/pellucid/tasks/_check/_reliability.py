"""Probability against frequency."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import wilson

DRAWS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """How often what was said with a probability came true.

    Args:
        what: whose probability.
        said, came: mean probability and frequency in each bin.
        low, high: 95 % interval of the frequency.
        n: rows in each bin.
    """

    what: str
    said: tuple[float, ...]
    came: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ece:
    """Expected calibration error.

    Args:
        value: the plain error less its upward bias, at least 0.
        low, high: basic bootstrap interval.
        plain: the plain error.
        perfect: mean plain error of perfect probabilities on as many rows.
    """

    value: float
    low: float
    high: float
    plain: float
    perfect: float


def reliability(sure: Tensor, hit: Tensor, bins: int, what: str) -> Reliability:
    """Bins of equal size of probabilities ``[n]`` and whether it came true ``[n]``."""
    place, count = _bins(sure, bins), min(bins, len(sure))
    n = place.bincount(minlength=count)
    said = torch.zeros(count, dtype=torch.float64).index_add_(0, place, sure) / n
    hits = torch.zeros(count, dtype=torch.float64).index_add_(0, place, hit)
    ends = [wilson(h, k) for h, k in zip(hits.tolist(), n.tolist(), strict=True)]
    return Reliability(
        what,
        tuple(said.tolist()),
        tuple((hits / n).tolist()),
        tuple(low for low, _ in ends),
        tuple(high for _, high in ends),
        tuple(n.tolist()),
    )


def ece(sure: Tensor, hit: Tensor, bins: int, level: float, seed: int) -> Ece:
    """Expected calibration error of probabilities ``[n]`` and outcomes ``[n]``, with its upward bias removed.

    Formula: ``sum over bins of share of rows · |mean probability - frequency|``, bins of equal size. Drawing
    rows anew moves it up by about as much as it already lies too high; the basic bootstrap interval
    ``[2 v - q(1 - a/2), 2 v - q(a/2)]`` takes that off.

    Example:
        >>> p = torch.full((400,), 0.5, dtype=torch.float64)
        >>> hit = (torch.arange(400) % 2).double()
        >>> round(ece(p, hit, 10, 0.95, 0).plain, 2)
        0.0
    """
    place, generator = _bins(sure, bins), torch.Generator().manual_seed(seed)
    plain = float(_error((sure - hit)[None], place[None], bins))
    n = len(sure)
    rows = torch.randint(n, (DRAWS, n), generator=generator)
    anew = _error((sure - hit)[rows], place[rows], bins)
    perfect = (torch.rand(DRAWS, n, generator=generator, dtype=torch.float64) < sure).double()
    chance = float(_error(sure - perfect, place.expand(DRAWS, n), bins).mean())
    ends = torch.tensor([(1 + level) / 2, (1 - level) / 2], dtype=torch.float64)
    low, high = (max(0.0, 2 * plain - float(q)) for q in anew.quantile(ends))
    return Ece(max(0.0, 2 * plain - float(anew.mean())), low, high, plain, chance)


def _error(apart: Tensor, place: Tensor, bins: int) -> Tensor:
    sums = torch.zeros(len(apart), bins, dtype=torch.float64).scatter_add_(1, place, apart)
    return sums.abs().sum(1) / apart.shape[1]


def _bins(sure: Tensor, bins: int) -> Tensor:
    """Number of the bin of each row; bins hold equally many rows, and keep the order of the rows in ties."""
    order = torch.empty(len(sure), dtype=torch.int64)
    order[sure.argsort(stable=True)] = torch.arange(len(sure))
    return order * min(bins, len(sure)) // len(sure)
