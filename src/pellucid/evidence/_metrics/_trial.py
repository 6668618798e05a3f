"""What all metrics share: maps summed over the parts of the inputs, and the maps they stand beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Target, TargetLike, as_target, brief, logit, predict
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._case import fitted
from pellucid.evidence._fill import absent
from pellucid.evidence._free import free_maps
from pellucid.evidence._ground_truth import NOISE, noise
from pellucid.evidence._matters import constants
from pellucid.evidence._scalar import probabilities

MAP = ""  # name of the maps that are measured, among their controls
FLAT = "the map is the same number everywhere"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Maps and their controls over the parts of some inputs.

    Args:
        bank: names the parts, and sums over them.
        units: ``[N, U]`` by name; those that are measured under :data:`MAP`, first.
    """

    bank: Bank
    units: Mapping[str, Tensor]

    __repr__ = brief

    @property
    def map(self) -> Tensor:
        """The maps that are measured, ``[N, U]``."""
        return self.units[MAP]

    @property
    def flat(self) -> dict[str, Tensor]:
        """Rows whose map says nothing, with the reason."""
        return {FLAT: torch.tensor([bool(why) for why in constants(self.map)])}

    def split(self, found: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """What was found of the maps, and of their controls by name."""
        return found[MAP], {name: one for name, one in found.items() if name != MAP}


def trial(
    inputs: Tensor,
    maps: Tensor,
    *,
    spec: InputSpec | None,
    beside: Mapping[str, Tensor] | None,
    seed: int,
    parts: Bank | None = None,
) -> Trial:
    """Maps over the parts of inputs, beside a random map and those that know the input alone."""
    if len(maps) != len(inputs):
        raise InputError(f"Expected one map for each of {len(inputs)} inputs, got {len(maps)}.")
    if not bool(maps.isfinite().all()):
        raise InputError("Maps have to be finite, these are not.")
    drawn = bank(inputs, spec, masks=2, seed=seed) if parts is None else parts
    controls = controls_of(inputs, spec, drawn, seed) if beside is None else beside
    units = {MAP: maps.detach(), **controls}
    return Trial(drawn, {name: drawn.reduce(fitted(one, inputs)) for name, one in units.items()})


def controls_of(inputs: Tensor, spec: InputSpec | None, drawn: Bank, seed: int) -> dict[str, Tensor]:
    """A random map, and those made from the input alone."""
    reference = absent(inputs, spec)[0]
    made = {NOISE: noise(inputs, seed=seed)}
    return made | free_maps(inputs, reference, pictures=drawn.grid is not None, known=inputs)


def usual(
    model: nn.Module, inputs: Tensor, target: TargetLike | None, spec: InputSpec | None, compute: Compute
) -> Target:
    """The target as given; else the probability of each row's top class, or the single output itself."""
    if target is not None:
        return as_target(target)
    outputs = predict(model, inputs, spec=spec, compute=compute)
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return probabilities(outputs.argmax(1).cpu())
    return logit(0)


def limits_of(target: Target) -> tuple[float, float]:
    """Between which numbers a target lies."""
    endless = float("inf")
    return (0.0, 1.0) if target.label.startswith("probability") else (-endless, endless)
