"""How much a map can tell of what the network does, and which maps are refuted by that."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid.evidence._coarse import BEST, Design
from pellucid.evidence._matters import LEVEL, Agreement
from pellucid.evidence._statistics import correlation, interval, resampled_correlation, resamples

FOLDS = 8
RIDGE = 0.1  # of the mean eigenvalue; agreement differs by .01 from a tenth of it to ten times as much
SHARE = 0.5  # of what the fitted map tells


def foretold(removed: Tensor, drops: Tensor) -> Tensor:
    """The reaction to each mask, foretold by a linear map that was fitted to the reactions to other masks.

    Args:
        removed: what each mask removes, ``[M, U]`` or for each row its own ``[N, M, U]``.
        drops: ``[N, M]``.

    Returns:
        ``[N, M]``, each eighth of the masks from the remaining seven.
    """
    design = removed.double() if removed.ndim == 3 else removed.double()[None]
    seen = drops.double()
    made = torch.zeros_like(seen)
    part = torch.arange(seen.shape[1], device=seen.device) % FOLDS
    for fold in range(FOLDS):
        asked, known = part == fold, part != fold
        centre = design[:, known].mean(1, keepdim=True)
        a, b = design[:, known] - centre, design[:, asked] - centre
        # through the masks, of which there are fewer than parts of a picture
        inner = a @ a.transpose(1, 2)
        size = RIDGE * inner.diagonal(dim1=1, dim2=2).mean(1).clamp(min=torch.finfo(torch.float32).tiny)
        eye = torch.eye(inner.shape[1], dtype=inner.dtype, device=inner.device)
        mean = seen[:, known].mean(1, keepdim=True)
        weights = torch.linalg.solve(inner + size[:, None, None] * eye, (seen[:, known] - mean)[..., None])
        made[:, asked] = (b @ a.transpose(1, 2) @ weights)[..., 0] + mean
    return made.to(drops)


def foretold_singly(inner: Tensor, drops: Tensor) -> Tensor:
    """What :func:`foretold` gives where every mask removes one part: linear in parts, in memory and time.

    Args:
        inner: products of what two masks of the same part remove, ``[N, U, T, T]``; masks of different parts
            have nothing in common.
        drops: ``[N, T · U]``; mask ``t · U + u`` is the one numbered ``t`` of part ``u``.

    Returns:
        ``[N, T · U]``.
    """
    n, width, times, _ = inner.shape
    inner, seen = inner.double(), drops.double().view(n, times, width).transpose(1, 2)
    part = (torch.arange(times * width, device=seen.device) % FOLDS).view(times, width).T
    eye, made = torch.eye(times, dtype=inner.dtype, device=inner.device), torch.zeros_like(seen)
    for fold in range(FOLDS):
        known = part != fold
        held = inner * (known[:, :, None] & known[:, None])
        count = int(known.sum())
        spread = held.diagonal(dim1=2, dim2=3).sum((1, 2)) / count - held.sum((1, 2, 3)) / count**2
        size = (RIDGE * spread).clamp(min=torch.finfo(torch.float32).tiny)
        right = torch.stack([seen * known, known.to(seen).expand_as(seen)], -1)
        of_drops, of_ones = torch.linalg.solve(held + size[:, None, None, None] * eye, right).unbind(-1)
        # a constant without penalty is what centring both sides gives, and leaves the parts apart
        mean = (of_drops.sum((1, 2)) / of_ones.sum((1, 2)))[:, None, None]
        told = (inner @ (of_drops - mean * of_ones)[..., None])[..., 0] + mean
        made = torch.where(known, made, told)
    return made.transpose(1, 2).reshape(n, -1).to(drops)


def refutations(found: Agreement, blocked: Sequence[str], fitting: Design) -> list[str]:
    """For each row, one sentence where the network's reactions can be foretold, but not by half as much by
    this map, which does no better than chance; ``""`` elsewhere. No pass of the network is needed.
    """
    seen = found.seen
    best = foretold(fitting.removed, seen.drops)
    draws = resampled_correlation(
        best, seen.drops, resamples(best.shape[1], found.draws.shape[1], found.seed)
    )
    columns = compared(found.value, found.draws, correlation(best, seen.drops), draws)
    return [
        refuted(value, top, seen.fill, fitting.best)
        if not why and p > LEVEL and sure > 0 and above < 0
        else ""
        for (value, _, _, top, sure, above, _), p, why in zip(columns, found.p.tolist(), blocked, strict=True)
    ]


def refuted(value: float, top: float, fill: str, best: str = BEST) -> str:
    """What is said of a map that is refuted."""
    return (
        f"With {fill} in the place of removed parts, {best} foretells them with {top:+.2f}, "
        f"this one with {value:+.2f}: the network follows other parts than it names."
    )


def compared(
    value: Tensor, draws: Tensor, top: Tensor, top_draws: Tensor
) -> zip[tuple[float, float, float, float, float, float, float]]:
    """For each row: agreement and its interval, that of the fitted map and the lower end of its interval,
    and both ends, the upper first, of the interval of the first minus half of the second.
    """
    low, high = interval(draws)
    sure, _ = interval(top_draws)
    under, above = interval(draws - SHARE * top_draws)
    columns = (value, low, high, top, sure, above, under)
    return zip(*(column.tolist() for column in columns), strict=True)
