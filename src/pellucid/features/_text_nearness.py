"""How far a made text is from the real ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features._nearness import FAR, TYPICAL_ROWS
from pellucid.features._stretches import Stretches

NEAREST, SHORT = 256, 3


@dataclass(frozen=True, slots=True, eq=False)
class TextNearness:
    """How many tokens a text of length L must exchange to hold those of a real stretch, wherever they stand.

    Told as (1 + tokens) ÷ (1 + typical), ``typical`` the median from a real stretch to its nearest neighbour
    from another text; ``most`` is the 95 % quantile of the tokens.
    """

    real: Tensor
    vocabulary: Tensor
    counts: Tensor
    typical: float
    most: float

    @classmethod
    def of(cls, stretches: Stretches) -> TextNearness:
        """From real stretches."""
        real = stretches.free
        some, rows = real[:TYPICAL_ROWS], stretches.rows.to(real.device)
        gaps = stretches.length - shared(some, real)
        gaps[rows[: len(some), None] == rows] = stretches.length
        nearest = gaps.amin(1).double()
        vocabulary = torch.cat([stretches.tokens, real.flatten()]).unique()
        counts = _counted(real, vocabulary)
        return cls(real, vocabulary, counts, float(nearest.median()), float(nearest.quantile(FAR)))

    @property
    def far(self) -> float:
        """The distance that 95 % of the real stretches do not exceed."""
        return (1 + self.most) / (1 + self.typical)

    def distance(self, made: Tensor) -> Tensor:
        """``[b]`` for free tokens ``[b, L]``."""
        gap = made.shape[1] - shared(made, self.real).amax(1)
        return (1 + gap.double()) / (1 + self.typical)

    def agreement(self, made: Tensor) -> Tensor:
        """``[U]`` for ``[U, S, L]``: share of tokens that two starts have in common, mean of pairs."""
        count, length = made.shape[1:]
        if count < 2:
            return torch.full((len(made),), float("nan"))
        both = torch.stack([shared(starts, starts) for starts in made]).double()
        apart = both.sum((1, 2)) - both.diagonal(dim1=1, dim2=2).sum(1)
        return (apart / (count * (count - 1) * length)).cpu()

    def likeness(self, shown: Tensor, most: int) -> Tensor:
        """``[U, n]``: share of tokens that real stretches have in common with texts ``[U, S, L]``."""
        common = shared(shown.flatten(0, 1), self.real[:most]).unflatten(0, shown.shape[:2])
        return (common.double().mean(1) / shown.shape[2]).cpu()

    def near(self, free: Tensor, place: Tensor, token: Tensor) -> Tensor:
        """Bool ``[b, k]``: whether a text ``[b, L]`` with another token at a place is near enough.

        Looked at are the 256 real stretches nearest to the text before, where it is short all of them.
        """
        own = _counted(free, self.vocabulary)
        gone, new = (
            torch.searchsorted(self.vocabulary, x.contiguous()) for x in (free.gather(1, place), token)
        )
        # one exchange brings a text nearer by one token at most, so only the nearest stretches count
        many = len(self.real) if free.shape[1] <= SHORT else min(NEAREST, len(self.real))
        common, nearest = shared(free, self.real).topk(many, dim=1)
        need = self.counts[nearest]

        def of(tokens: Tensor) -> Tensor:
            return need.gather(2, tokens[:, None].expand(-1, need.shape[1], -1))

        # one less where the real stretch needs the token that goes, one more where it lacks the new one
        lost, won = of(gone) >= own.gather(1, gone)[:, None], of(new) > own.gather(1, new)[:, None]
        after = (common[..., None] - lost.long() + won.long()).amax(1)
        return free.shape[1] - after <= self.most


def shared(a: Tensor, b: Tensor) -> Tensor:
    """How many tokens rows ``[n, L]`` and ``[m, L]`` have in common, each as often as both have it."""
    first, second = _numbered(a), _numbered(b)
    common = torch.zeros(len(a), len(b), dtype=torch.int64, device=a.device)
    for place in range(a.shape[1]):
        common += (first[:, place, None, None] == second).any(2)
    return common


def _numbered(rows: Tensor) -> Tensor:
    """Tokens that come again as others: the second "free" is another one than the first."""
    before = (rows[:, :, None] == rows[:, None, :]).tril(-1).sum(2)
    return rows * rows.shape[1] + before


def _counted(rows: Tensor, vocabulary: Tensor) -> Tensor:
    """How often each token of a vocabulary ``[V]`` comes in rows ``[n, L]``: uint8 ``[n, V]``."""
    place = torch.searchsorted(vocabulary, rows.contiguous())
    counts = torch.zeros(len(rows), len(vocabulary), dtype=torch.uint8, device=rows.device)
    return counts.scatter_add_(1, place, torch.ones_like(place, dtype=torch.uint8))
