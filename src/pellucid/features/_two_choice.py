"""Whether a picture tells which real inputs excite its unit: the two-choice test, put to a machine."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import wilson

STRONG = 0.05
FEWEST = 10
OTHERS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Real inputs that excite each goal strongly, and such that do not.

    Args:
        models: int64 ``[U, k]``, the strongest of all, that serve as an example and in no pair.
        strong: per goal the numbers of the 5 % that follow; fewer than 10 are none.
        weak: per goal the numbers of those at or below its median.
    """

    models: Tensor
    strong: tuple[Tensor, ...]
    weak: tuple[Tensor, ...]

    @classmethod
    def of(cls, values: Tensor, models: int) -> Pairs:
        """From each goal's values ``[U, n]`` for real inputs."""
        order = values.sort(dim=1, descending=True, stable=True).indices
        many = max(FEWEST, round(STRONG * values.shape[1]))
        middle = values.median(1).values[:, None]
        strong: list[Tensor] = []
        for row, ranked, typical in zip(values, order, middle, strict=True):
            following = ranked[models : models + many]
            following = following[row[following] > typical]
            strong.append(following if len(following) >= FEWEST else following[:0])
        return cls(order[:, :models], tuple(strong), tuple(r.nonzero().flatten() for r in values <= middle))

    def told(self, likeness: Tensor) -> Tensor:
        """``[U]``: share of pairs in which the strong input is more like the picture; ``[U, n]`` are given.

        NaN for a goal without pairs.
        """
        shares = [
            _share(row[strong], row[weak]) if len(strong) else float("nan")
            for row, strong, weak in zip(likeness, self.strong, self.weak, strict=True)
        ]
        return torch.tensor(shares, dtype=torch.float64)

    def others(self, likeness: Tensor) -> Tensor:
        """``[U]``: mean of the same share by pictures of up to 8 other goals; NaN where there are none."""
        count = len(likeness)
        turns = range(1, min(count, OTHERS + 1))
        if not turns:
            return torch.full((count,), float("nan"), dtype=torch.float64)
        return torch.stack([self.told(likeness.roll(turn, 0)) for turn in turns]).mean(0)

    def intervals(self, told: Tensor) -> tuple[Tensor, Tensor]:
        """95 % interval of each share, as if each strong input had been shown once."""
        ends = [
            wilson(round(float(t) * len(s)), len(s)) if len(s) else (float("nan"), float("nan"))
            for t, s in zip(told, self.strong, strict=True)
        ]
        low, high = (torch.tensor(each, dtype=torch.float64) for each in zip(*ends, strict=True))
        return low, high


def _share(strong: Tensor, weak: Tensor) -> float:
    ordered = weak.sort().values
    below = torch.searchsorted(ordered, strong) + torch.searchsorted(ordered, strong, right=True)
    return float(below.double().mean() / (2 * len(ordered)))


__all__ = ["Pairs"]
