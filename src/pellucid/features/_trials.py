"""Which units of which untrained twins a control rests on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONTROLS = 20  # made units of untrained twins at least
TWINS = 4  # untrained twins at least


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Trials on untrained twins; no unit is tried on one of them twice.

    Few units are shared out over few twins with others in their place: in an untrained network the units of
    a layer differ by chance alone, and each further twin costs passes over all data.

    Args:
        goal: int64 ``[T]``, number of the goal that each trial counts for.
        turn: ``[T]``, the how-manieth of that goal.
        twin: ``[T]``, on which it is.
        unit: ``[T]``, the unit that is tried there; -1: the goal's own.
    """

    goal: Tensor
    turn: Tensor
    twin: Tensor
    unit: Tensor

    @classmethod
    def of(cls, units: Tensor, total: int, seed: int, *, alike: bool) -> Trials:
        """Of goals with these units, -1 for what is none; ``alike``: others of ``total`` may stand in."""
        count = len(units)
        trial = torch.arange(max(CONTROLS, count))
        goal, turn = trial % count, trial // count
        each = -(-CONTROLS // TWINS)
        if not alike or count >= each or total < each:
            twins = max(TWINS, -(-len(trial) // count))
            return cls(goal, turn, (goal + turn) % twins, torch.full_like(trial, -1))
        order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
        others = order[~torch.isin(order, units)]
        pool = torch.cat([units, others])[:each]
        return cls(goal, turn, trial % TWINS, pool[trial // TWINS])

    @property
    def twins(self) -> int:
        """How many untrained twins."""
        return int(self.twin.max()) + 1

    def __len__(self) -> int:
        """How many trials."""
        return len(self.goal)


__all__ = ["Trials"]
