"""Coalitions that lie evenly among each other, so that what three parts do together hardly reaches values."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pellucid._core._coalitions import Pairs, subsets

CHOICE, MORE = 8, 64  # candidates of a size for each that is taken, and some more
# Products of signs that are worth it. With more parts and coalitions fewer candidates are looked at; below
# the least coalitions stay as they were drawn: evenness gains a factor 7 with 16 parts, 1.2 with 100.
EFFORT, LEAST = 1e9, 1.5
AT_ONCE = 64  # coalitions that all candidates are held against together
ALWAYS = 16  # parts whose coalitions are few enough for any budget


def evenly(drawn: Pairs, generator: torch.Generator) -> Pairs:
    """As many pairs of each size in the same order, but each chosen among candidates of its size.

    In a regression on signs ``s = ±1``, a product of three signs passes for single ones as far as the
    products of two and of four have another mean over the coalitions than the Shapley kernel gives them.
    Each coalition is therefore the one whose ``sum of w · (s · t)⁴`` over those taken before is least: the
    fourth power of the inner product holds just these products. Sizes of which all are there come first.

    Source:
        Ehler & Okoudjou 2012, Minimization of the probabilistic p-frame potential, arXiv 1101.0140.

    Example:
        >>> from pellucid._core._coalitions import pairs
        >>> found = evenly(pairs(8, 40, torch.Generator()), torch.Generator())
        >>> found.sets.shape, len(found.sets.unique(dim=0))
        (torch.Size([40, 8]), 40)
    """
    count, n = drawn.sets.shape
    choice = CHOICE if n <= ALWAYS else min(CHOICE, EFFORT / (count * count * n))
    seen = torch.bincount(drawn.stratum, minlength=len(drawn.mass))
    open_sizes = [c for c, some in enumerate(seen.tolist()) if 0 < some < float(drawn.all[c])]
    if choice < LEAST or not open_sizes:
        return drawn
    numbers = {c: min(float(drawn.all[c]), int(choice * int(seen[c])) + MORE) for c in open_sizes}
    held = [subsets(n, c + 1, int(numbers[c]), generator) for c in open_sizes]
    ends = torch.tensor([0, *(len(some) for some in held)]).cumsum(0).tolist()
    span = {c: slice(*ends[i : i + 2]) for i, c in enumerate(open_sizes)}
    candidates = torch.cat(held)
    fixed = ~torch.isin(drawn.stratum, torch.tensor(open_sizes))
    taken = _spread(candidates, span, drawn, fixed)
    sets = drawn.sets.clone()
    sets[~fixed] = candidates[taken]
    return replace(drawn, sets=sets)


def _spread(candidates: Tensor, span: dict[int, slice], drawn: Pairs, fixed: Tensor) -> Tensor:
    """Which candidates ``[k]`` are taken in turn, each from the stretch of its size."""
    signs = candidates.float() * 2 - 1
    weight = drawn.weights(len(drawn.sets))[0].float()
    crowd = torch.zeros(len(signs))
    for some, w in zip(drawn.sets[fixed].split(AT_ONCE), weight[fixed].split(AT_ONCE), strict=True):
        crowd += (signs @ (some.float() * 2 - 1).T).square_().square_() @ w
    # all others weigh the same
    crowd = crowd / weight[~fixed][0]
    taken: list[int] = []
    for c in drawn.stratum[~fixed].tolist():
        least = span[c].start + int(crowd[span[c]].argmin())
        taken.append(least)
        crowd += (signs @ signs[least]).square_().square_()
        crowd[least] = torch.inf
    return torch.tensor(taken)
