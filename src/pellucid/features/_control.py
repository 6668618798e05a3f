"""What untrained twins give, the yardstick of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pellucid.features._trials import Trials
from pellucid.features._trust import Trusted


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """What untrained twins gave: per unit the mean over its trials, and the steadiness of all trials."""

    ratio: Tensor
    distance: Tensor
    agreement: Tensor
    steadiness: Tensor
    told: Tensor
    path: Tensor
    transfer: Tensor


class Measured(Protocol):
    """What a recipe gave on one network, pictures or texts."""

    @property
    def ratio(self) -> Tensor: ...
    @property
    def distance(self) -> Tensor: ...
    @property
    def agreement(self) -> Tensor: ...
    @property
    def steadiness(self) -> Tensor: ...
    @property
    def trust(self) -> Trusted: ...


def control_of(trials: Trials, goals: int, tried: Callable[[int, Tensor], Measured]) -> Control:
    """Gather the trials; ``tried`` runs on the twin of a number those that are marked, bool ``[T]``."""
    shape = (goals, int(trials.turn.max()) + 1)
    found = torch.full((4, *shape), float("nan"), dtype=torch.float32)
    told, transferred = (torch.full(shape, float("nan"), dtype=torch.float64) for _ in range(2))
    path: Tensor | None = None
    for number in range(trials.twins):
        mine = trials.twin == number
        if not bool(mine.any()):
            continue
        made = tried(number, mine)
        at = trials.goal[mine], trials.turn[mine]
        for row, part in enumerate((made.ratio, made.distance, made.agreement, made.steadiness)):
            found[row, at[0], at[1]] = part.float()
        told[at] = made.trust.told
        if made.trust.elsewhere is not None:
            transferred[at] = made.trust.elsewhere.made
        if path is None:
            path = torch.full((*shape, made.trust.path.shape[1]), float("nan"), dtype=torch.float64)
        path[at] = made.trust.path
    ratio, distance, agreement = found[:3].nanmean(2)
    ways = torch.empty(shape[0], 0) if path is None else path.nanmean(1)
    steadiness, elsewhere = found[3].flatten(), transferred.nanmean(1)
    return Control(ratio, distance, agreement, steadiness, told.nanmean(1), ways, elsewhere)


def no_control(own: Measured) -> Control:
    """Not run: NaN everywhere."""
    none, exact = (torch.full_like(part, float("nan")) for part in (own.distance, own.trust.told))
    return Control(none, none, none, none, exact, torch.full_like(own.trust.path, float("nan")), exact)
