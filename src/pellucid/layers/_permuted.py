"""One concept at one layer, and what random concepts give in its place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

FOLDS = 5
TOLD = 200  # draws for the accuracy of random concepts


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers of one concept at one layer, as :class:`Concepts` explains them."""

    score: float
    score_low: float
    score_high: float
    effect: float
    low: float
    high: float
    z: float
    p: float
    accuracy: float
    accuracy_null: float


def measured(slopes: Tensor, shown: Tensor, plain: Tensor, draws: int, seed: int) -> Measured:
    """Slopes ``[M, D]``, activations of concept inputs ``[n, D]`` and of random inputs ``[r, D]``.

    A direction is a weighted sum of activations, so all that is needed of it are products with slopes
    ``[M, n + r]`` and among activations ``[n + r, n + r]``.
    """
    rows = torch.cat([shown, plain])
    along = (slopes @ rows.T).double()
    generator = torch.Generator().manual_seed(seed)
    n, total = len(shown), len(rows)
    member = torch.zeros(total, dtype=torch.bool)
    member[:n] = True
    order = torch.rand(draws, total, generator=generator).argsort(1)
    drawn = member[order]
    moved = along @ _weights(member[None]).T
    score, effect = float((moved > 0).double().mean()), float(moved.mean())
    null = along @ _weights(drawn).T
    scores, effects = (null > 0).double().mean(0), null.mean(0)
    spread = float(effects.std())
    ends = scores.quantile(torch.tensor([0.025, 0.975]).double())
    low, high = _interval(along, n, draws, generator)
    told, told_null = _told_beside(rows, torch.cat([member[None], drawn[:TOLD]]), generator)
    return Measured(
        score,
        float(ends[0]),
        float(ends[1]),
        effect,
        low,
        high,
        effect / spread if spread > 0 else 0.0,
        (1 + int((effects.abs() >= abs(effect) * (1 - 1e-9)).sum())) / (draws + 1),
        told,
        told_null,
    )


def told_apart(shown: Tensor, plain: Tensor, draws: int, seed: int) -> tuple[float, float]:
    """How well held-out inputs of a concept ``[n, D]`` are told from random ones ``[r, D]`` along its
    direction (balanced accuracy), and what random concepts stay below in 95 % of the draws."""
    rows = torch.cat([shown, plain])
    generator = torch.Generator().manual_seed(seed)
    member = torch.zeros(len(rows), dtype=torch.bool)
    member[: len(shown)] = True
    drawn = member[torch.rand(draws, len(rows), generator=generator).argsort(1)]
    return _told_beside(rows, torch.cat([member[None], drawn]), generator)


def _told_beside(rows: Tensor, members: Tensor, generator: torch.Generator) -> tuple[float, float]:
    """Accuracy of the first grouping of ``members`` ``[B, P]``, and what 95 % of the others stay below."""
    gram = (rows @ rows.T).double()
    fold = torch.randperm(len(rows), generator=generator) % FOLDS
    told = _told(gram, members, fold)
    return float(told[0]), float(told[1:].quantile(0.95))


def _weights(member: Tensor) -> Tensor:
    """Weights ``[B, P]`` that take the mean of the members minus the mean of the others."""
    inside = member.double()
    outside = 1 - inside
    return inside / inside.sum(1, keepdim=True) - outside / outside.sum(1, keepdim=True)


def _interval(along: Tensor, n: int, draws: int, generator: torch.Generator) -> tuple[float, float]:
    """Middle 95 % of the effect over inputs, concept inputs and random inputs drawn again."""

    def again(size: int) -> Tensor:
        picked = torch.randint(size, (draws, size), generator=generator)
        counts = torch.zeros(draws, size, dtype=torch.float64)
        return counts.scatter_add_(1, picked, torch.ones(draws, size, dtype=torch.float64)) / size

    weights = torch.cat([again(n), -again(along.shape[1] - n)], 1)
    effects = ((along @ weights.T) * again(len(along)).T).sum(0)
    ends = effects.quantile(torch.tensor([0.025, 0.975]).double())
    return float(ends[0]), float(ends[1])


def _told(gram: Tensor, members: Tensor, fold: Tensor) -> Tensor:
    """Balanced accuracy ``[B]`` on rows held out in turn; the cut lies midway between the two means."""
    right = torch.zeros(len(members), len(fold), dtype=torch.float64)
    for k in range(FOLDS):
        used = fold != k
        inside, outside = (members & used).double(), (~members & used).double()
        inside = inside / inside.sum(1, keepdim=True).clamp_min(1)
        outside = outside / outside.sum(1, keepdim=True).clamp_min(1)
        placed = (inside - outside) @ gram
        cut = (placed * (inside + outside)).sum(1, keepdim=True) / 2
        right[:, ~used] = ((placed > cut) == members)[:, ~used].double()
    of_members = (right * members).sum(1) / members.sum(1)
    of_others = (right * ~members).sum(1) / (~members).sum(1)
    return (of_members + of_others) / 2
