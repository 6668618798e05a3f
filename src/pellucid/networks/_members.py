"""Members of an ensemble that learn side by side, each from its own rows, under penalties that compete."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

BAG = 0.85  # share of the training rows that each member learns from


class Crowd(Protocol):
    """What a plan says about its members."""

    @property
    def inputs(self) -> int: ...
    @property
    def members(self) -> int: ...
    @property
    def penalties(self) -> tuple[float, ...]: ...
    @property
    def seed(self) -> int: ...


class Members(nn.Module):
    """Who learns from which row, and how strongly each is held.

    A row's values decide whether a member learns from it, so that it is in or out for good, equal rows are
    together, and nothing about rows needs to be kept. ``members`` copies stand under each penalty.
    """

    turns: Tensor
    strengths: Tensor

    def __init__(self, plan: Crowd) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(plan.seed)
        turns = torch.randn(plan.inputs, plan.members, generator=chance, dtype=torch.double) * 100
        strengths = torch.tensor(plan.penalties, dtype=torch.float32).repeat_interleave(plan.members)
        # the same rows under every penalty: only the penalty differs
        self.register_buffer("turns", turns.repeat(1, len(plan.penalties)), persistent=False)
        self.register_buffer("strengths", strengths, persistent=False)
        self.each, self.penalties = plan.members, plan.penalties

    @property
    def count(self) -> int:
        """Members over all penalties."""
        return len(self.strengths)

    def in_bag(self, inputs: Tensor) -> Tensor:
        """1 where a member learns from a row ``[N, members]``, else 0; the same under every penalty."""
        drawn = (torch.sin(inputs.double() @ self.turns[:, : self.each]) * 43758.5453).remainder(1)
        return (drawn < BAG).to(inputs).repeat(1, len(self.penalties))

    def loss(self, losses: Tensor, inputs: Tensor, sizes: Tensor) -> Tensor:
        """Sum over members of the mean loss on their own rows plus strength · size."""
        return (losses * self.in_bag(inputs)).mean(0).sum() / BAG + (self.strengths * sizes).sum()

    def best(self, losses: Tensor, inputs: Tensor) -> tuple[list[int], float]:
        """The strongest penalty whose loss on left-out rows is within one standard error of the lowest
        (Breiman et al. 1984), with its members."""
        out = (1 - self.in_bag(inputs)).view(len(inputs), -1, self.each)
        seen = out[:, 0].sum(1) > 0  # the same rows under every penalty
        if not bool(seen.any()):
            return list(range(self.each)), self.penalties[0]
        left = (losses.view_as(out) * out).sum(2)[seen] / out.sum(2)[seen]
        worse = left - left[:, [int(left.mean(0).argmin())]]
        error = worse.std(0, correction=0) / len(left) ** 0.5
        fine = [k for k in range(len(self.penalties)) if float(worse[:, k].mean()) <= float(error[k])]
        k = max(fine, key=lambda k: self.penalties[k])
        return list(range(k * self.each, (k + 1) * self.each)), self.penalties[k]

    def keep(self, chosen: list[int], penalty: float) -> None:
        """Only these members go on, under their penalty."""
        self.turns, self.strengths = self.turns[:, chosen], self.strengths[chosen]
        self.penalties = (penalty,)
