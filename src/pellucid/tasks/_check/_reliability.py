"""Probability against frequency."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from pellucid._core import wilson

DRAWS, PERFECT = 4000, 200


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
        value: the error.
        low, high: its interval.
        perfect: mean error of perfect probabilities on as many rows.
    """

    value: float
    low: float
    high: float
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
    """Expected calibration error of probabilities ``[n]`` and outcomes ``[n]``, with a valid interval.

    Formula: ``v = sum over bins of w · |probability - frequency|``, bins of equal size, ``w`` their share of
    rows. With ``e`` the chance in the frequency of a bin, no true error lies further below ``v`` than
    ``sum of w |e|``, nor further above than a sum of ``± w e`` whatever the signs. So the interval reaches
    from ``v`` less a quantile of the first (drawn from binomials) to ``v + z · sd`` of the second. It is
    never too narrow; its lower end is the more cautious, the larger the error is.

    Example:
        >>> p = torch.full((400,), 0.5, dtype=torch.float64)
        >>> hit = (torch.arange(400) % 2).double()
        >>> ece(p, hit, 10, 0.95, 0).value
        0.0
    """
    place, generator = _bins(sure, bins), torch.Generator().manual_seed(seed)
    value = float(_error((sure - hit)[None], place[None], bins))
    n, count = len(sure), min(bins, len(sure))
    rows = place.bincount(minlength=count).double()
    # a frequency of 0 or 1 has chance in it too
    true = (torch.zeros(count, dtype=torch.float64).index_add_(0, place, hit) + 1) / (rows + 2)
    drawn = torch.binomial(rows.expand(DRAWS, -1), true.expand(DRAWS, -1), generator=generator)
    noise = (drawn - rows * true).abs().sum(1) / n
    z = NormalDist().inv_cdf((1 + level) / 2)
    reach = z * float((rows * true * (1 - true)).sum().sqrt()) / n
    perfect = (torch.rand(PERFECT, n, generator=generator, dtype=torch.float64) < sure).double()
    chance = float(_error(sure - perfect, place.expand(PERFECT, n), bins).mean())
    low = value - float(noise.quantile((1 + level) / 2))
    return Ece(value, max(0.0, low), min(1.0, value + reach), chance)


def _error(apart: Tensor, place: Tensor, bins: int) -> Tensor:
    sums = torch.zeros(len(apart), bins, dtype=torch.float64).scatter_add_(1, place, apart)
    return sums.abs().sum(1) / apart.shape[1]


def _bins(sure: Tensor, bins: int) -> Tensor:
    """Number of the bin of each row; bins hold equally many rows, and keep the order of the rows in ties."""
    order = torch.empty(len(sure), dtype=torch.int64)
    order[sure.argsort(stable=True)] = torch.arange(len(sure))
    return order * min(bins, len(sure)) // len(sure)
