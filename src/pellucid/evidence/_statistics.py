"""The arithmetic of the tests: correlations by row, resampling, ranks, intervals of shares."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid._core._ranks import ranks

FLAT = 1e-6  # relative spread below which numbers count as all alike


def standardised(x: Tensor) -> Tensor:
    """``x`` with mean 0 and length 1 along the last axis; zeros where it has no spread."""
    centred = x - x.mean(-1, keepdim=True)
    length = centred.norm(dim=-1, keepdim=True)
    alike = length <= FLAT * x.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
    return torch.where(alike, 0.0, centred / length.masked_fill(alike, 1.0))


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's r along the last axis; 0 where one of both has no spread."""
    return (standardised(a) * standardised(b)).sum(-1)


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's rho along the last axis, ties sharing their mean rank."""
    return correlation(ranks(a), ranks(b))


def flat(x: Tensor) -> Tensor:
    """Whether the last axis holds the same number throughout, NaN left aside: bool ``[…]``."""
    low, high = x.nan_to_num(nan=torch.inf).amin(-1), x.nan_to_num(nan=-torch.inf).amax(-1)
    return high - low <= FLAT * torch.maximum(low.abs(), high.abs())


def differ(a: Tensor, b: Tensor) -> Tensor:
    """Which rows of ``a`` are another input than which rows of ``b``: bool ``[N, P]``."""
    return torch.cdist(a.flatten(1).double(), b.flatten(1).double(), p=float("inf")) > 0


def resamples(n: int, draws: int, seed: int) -> Tensor:
    """How often each of ``n`` things is drawn in each bootstrap sample, as shares: ``[draws, n]``."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 104_729)
    picked = torch.randint(n, (draws, n), generator=generator)
    return torch.zeros(draws, n).scatter_add_(1, picked, torch.ones(draws, n)) / n


def resampled_correlation(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Pearson's r of ``a`` and ``b`` ``[N, M]`` in each bootstrap sample: ``[N, draws]``."""
    # unit length over M would leave squares of the order 1/M, which float32 cannot subtract well
    a, b = (standardised(x) * math.sqrt(x.shape[-1]) for x in (a, b))
    weights = shares.to(a).T
    mean_a, mean_b = a @ weights, b @ weights
    spread_a = (a * a) @ weights - mean_a.square()
    spread_b = (b * b) @ weights - mean_b.square()
    both = (a * b) @ weights - mean_a * mean_b
    scale = (spread_a * spread_b).clamp(min=0).sqrt()
    return torch.where(scale > FLAT, both / scale.clamp(min=FLAT), 0.0).clamp(-1, 1)


def interval(draws: Tensor) -> tuple[Tensor, Tensor]:
    """The middle 95 % along the last axis."""
    ends = torch.quantile(draws, torch.tensor([0.025, 0.975]).to(draws), dim=-1)
    return ends[0], ends[1]


def discoveries(p: Tensor, q: float) -> Tensor:
    """Choice of p-values up to ``q`` with a false discovery rate of ``q``: bool ``[N]``.

    Benjamini and Hochberg's rule, which allows for as many true nulls as there are p-values, at ``q`` over
    their share, judged by how many p lie above ``q``: ``(1 + #{p > q}) / (N (1 - q))``.

    Source:
        Storey et al. 2004, Strong control, conservative point estimation and simultaneous conservative
        consistency of false discovery rates; with the bound ``q``, which keeps the rate where p-values hang
        together, after Blanchard & Roquain 2009, Adaptive FDR control under independence and dependence.

    Example:
        >>> discoveries(torch.tensor([0.01, 0.04, 0.2, 0.9]), 0.1).tolist()
        [True, True, False, False]
    """
    ordered, order = p.sort()
    null = (1 + int((p > q).sum())) / (max(1, len(p)) * (1 - q))
    limit = q / null * torch.arange(1, len(p) + 1).to(p) / max(1, len(p))
    passing = (ordered <= limit.clamp(max=q)).nonzero().flatten()
    count = int(passing[-1]) + 1 if len(passing) else 0
    chosen = torch.zeros(len(p), dtype=torch.bool, device=p.device)
    chosen[order[:count]] = True
    return chosen


def sign_flip(differences: Tensor, *, draws: int = 9_999, seed: int = 0) -> float:
    """Two-sided p of a mean difference when each pair could as well be the other way round.

    Example:
        >>> sign_flip(torch.ones(20), draws=999)
        0.001
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 15_485_863)
    signs = torch.randint(2, (draws, len(differences)), generator=generator) * 2.0 - 1
    null = (signs.to(differences) @ differences).abs()
    seen = differences.sum().abs()
    return (1 + int((null >= seen * (1 - 1e-6)).sum())) / (draws + 1)
