"""Objectives as one array: what a network's layer is worth to each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Compute, activations
from pellucid._core._units import by_unit, position_shape, unit_axis
from pellucid.errors import TargetError
from pellucid.features._objectives import (
    Channel,
    Concept,
    Difference,
    Direction,
    Likeness,
    Logit,
    Objective,
    Unit,
    sees_all,
)

LEAST_COSINE = 0.1
TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Goals:
    """Directions in a layer's space, one per objective: ``v·a · max(0.1, cos(v, a)) ^ power``.

    A unit is the direction of one 1 and the power 0.

    Args:
        weights: ``[n, units]``, or ``[n, units · positions]`` where a whole map is one direction.
        power: ``[n]``.
        everywhere: bool ``[n]``, the mean over all positions instead of the value at one.
        whole: whether a whole map is one direction.
        angled: whether any power is not 0.
    """

    weights: Tensor
    power: Tensor
    everywhere: Tensor
    whole: bool
    angled: bool
    spread: bool

    def rows(self, which: Tensor) -> Goals:
        """Those of some objectives, or the same several times."""
        which = which.to(self.weights.device)
        return replace(
            self, weights=self.weights[which], power=self.power[which], everywhere=self.everywhere[which]
        )

    def own(self, found: Tensor, places: Tensor) -> Tensor:
        """``[n]`` for activations ``[n, units, positions]``: worth to each one's own goal, at a place."""
        if self.whole:
            found = found.flatten(1)[:, :, None]
        elif not self.spread:
            found = found.gather(2, places[:, None, None].expand(-1, found.shape[1], 1))
        worth = torch.einsum("bup,bu->bp", found, self.weights)
        if self.angled:
            worth = self._angled(
                worth, found.norm(dim=1), self.weights.norm(dim=1)[:, None], self.power[:, None]
            )
        if worth.shape[1] == 1:
            return worth[:, 0]
        return torch.where(self.everywhere, worth.mean(1), worth.gather(1, places[:, None])[:, 0])

    def every(self, found: Tensor) -> Tensor:
        """``[b, n, positions]`` for activations ``[b, units, positions]``: all goals, at every position."""
        if self.whole:
            found = found.flatten(1)[:, :, None]
        worth = torch.einsum("bup,nu->bnp", found, self.weights)
        if self.angled:
            lengths = self.weights.norm(dim=1)[:, None]
            worth = self._angled(worth, found.norm(dim=1)[:, None], lengths, self.power[:, None])
        if not self.spread:
            return worth
        return torch.where(self.everywhere[:, None], worth.mean(2, keepdim=True), worth)

    def _angled(self, worth: Tensor, long: Tensor, wide: Tensor, power: Tensor) -> Tensor:
        cosine = worth / (long * wide).clamp_min(TINY)
        return worth * cosine.clamp_min(LEAST_COSINE) ** power

    def of(self, model: nn.Module, site: str) -> Callable[[Tensor], Tensor]:
        """What makes of a layer's activation one whose units are the goals, positions where they were."""

        def look(activation: Tensor) -> Tensor:
            worth = self.every(by_unit(model, activation, site))
            if self.whole or activation.ndim < 3:
                return worth[:, :, 0]
            shaped = worth.unflatten(2, position_shape(model, activation, site))
            return shaped.movedim(1, unit_axis(model, activation, site))

        return look


def goals_of(
    objectives: Sequence[Objective], model: nn.Module, site: str, like: Tensor, how: Compute
) -> Goals:
    """What objectives mean in this network.

    Args:
        objectives: at least one; whole maps stand alone.
        model: the network.
        site: the layer.
        like: one input ``[1, *shape]``.
        how: to run.

    Raises:
        TargetError: where a unit does not exist or kinds do not go together.
    """
    whole = [isinstance(each, Likeness) for each in objectives]
    if any(whole) and not all(whole):
        raise TargetError("A caricature climbs along a whole map; run it apart from other objectives.")
    with_units = _activation(model, like, site, how)
    weights = torch.stack([_weights(each, model, site, with_units, how) for each in objectives])
    power = torch.tensor([float(getattr(each, "power", 0.0)) for each in objectives])
    everywhere = torch.tensor([sees_all(each) and not any(whole) for each in objectives])
    return Goals(
        weights.to(like),
        power.to(like),
        everywhere.to(like.device),
        any(whole),
        bool(power.any()),
        bool(everywhere.any()),
    )


def _activation(model: nn.Module, inputs: Tensor, site: str, how: Compute) -> Tensor:
    """``[n, units, positions]``."""
    quiet = Compute(how.batch_size, how.seed)
    return torch.cat(
        [
            by_unit(model, seen[site], site)
            for _, seen in activations(model, inputs, [site], stop=site, compute=quiet)
        ]
    )


def _mean(model: nn.Module, inputs: Tensor, site: str, how: Compute) -> Tensor:
    """Mean activation ``[units]`` over inputs and positions, in double precision."""
    quiet = Compute(how.batch_size, how.seed)
    parts = [
        by_unit(model, seen[site], site).double().mean(2).sum(0)
        for _, seen in activations(model, inputs, [site], stop=site, compute=quiet)
    ]
    return torch.stack(parts).sum(0) / len(inputs)


def _weights(objective: Objective, model: nn.Module, site: str, like: Tensor, how: Compute) -> Tensor:
    match objective:
        case Unit(index) | Channel(index):
            return _one(index, like.shape[1], site)
        case Logit(index):
            return _one(index, like.shape[1], "the output")
        case Difference(one, other):
            return _weights(one, model, site, like, how) - _weights(other, model, site, like, how)
        case Direction(vector):
            return _length_one(_fitting(vector, like.shape[1], site).to(like.device))
        case Concept(inputs, others):
            away = _mean(model, inputs, site, how) - _mean(model, others, site, how)
            # a twin may be blind to the concept: a direction of zeros, which no input moves
            return _length_one(away)
        case Likeness(given):
            return _length_one(_activation(model, given[None], site, how).flatten())


def _one(index: int, total: int, site: str) -> Tensor:
    if not 0 <= index < total:
        raise TargetError(
            f"Unit {index} does not exist in {site!r}: it has {total} units, numbered 0 to {total - 1}."
        )
    made = torch.zeros(total)
    made[index] = 1
    return made


def _fitting(vector: Tensor, total: int, site: str) -> Tensor:
    if len(vector) != total:
        raise TargetError(f"Direction: {site!r} has {total} units, got a vector of {len(vector)} numbers.")
    return vector


def _length_one(vector: Tensor) -> Tensor:
    return vector.float() / vector.float().norm().clamp_min(TINY)


__all__ = ["Goals", "goals_of"]
