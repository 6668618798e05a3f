"""How far to trust feature pictures: what they tell, which way they go, and whether they hold elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pellucid._core import Compute, activations, brief
from pellucid._core._units import by_unit
from pellucid.features._paths import Paths, paths
from pellucid.features._transfer import Transfer, transfer
from pellucid.features._two_choice import Pairs

if TYPE_CHECKING:
    from pellucid._core._strongest import Strongest
    from pellucid.features._control import Control
    from pellucid.features._goals import Goals
    from pellucid.features._recipe import Recipe

NATURAL = 8
MOST = 500  # real inputs that a network is shown for the measures; untrained twins see as many
APART = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class PictureTrust:
    """What pictures of a layer tell about its units, beside real inputs, other units and untrained networks.

    Args:
        told: ``[U]``, two-choice test: chance that of a real input that excites the unit strongly (in its top
            5 %) and one that does not (at or below its median) the first is more like the picture; .5 is
            chance. Likeness is the cosine of the inputs themselves, the data's mean taken off; of 1-D signals
            the largest over shifts.
        told_low, told_high: ``[U]``, 95 % interval (Wilson) over strong inputs.
        told_by_real: ``[U]``, the same with the unit's strongest real inputs in place of the picture.
        told_by_others: ``[U]``, the same with pictures of other units of the layer: what any picture tells.
        sites: layers of the path, in order, the last the layer itself.
        path: ``[U, L]``, likeness of the picture to strong real inputs in each layer, as a share of these
            inputs' likeness to each other, both above that of any two inputs: 1 goes their way, 0 goes as an
            unrelated input does. NaN where strong inputs are not alike themselves.
        matched: int64 ``[U]``, the unit of a second trained network that goes best with each; -1 without one.
        match: ``[U]``, correlation of the two units over real inputs.
        transfer: ``[U]``, share of real inputs that excite the second network's unit less than the picture
            does; NaN without a second network.
        transfer_by_real: ``[U]``, the same for the unit's strongest real inputs.
        untrained_told, untrained_path, untrained_transfer: what pictures of untrained networks reach.
    """

    told: Tensor
    told_low: Tensor
    told_high: Tensor
    told_by_real: Tensor
    told_by_others: Tensor
    sites: tuple[str, ...]
    path: Tensor
    matched: Tensor
    match: Tensor
    transfer: Tensor
    transfer_by_real: Tensor
    untrained_told: Tensor
    untrained_path: Tensor
    untrained_transfer: Tensor

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where each goal is read ``[U]``, and its values ``[U, n]`` over the sample there."""

    places: Tensor
    values: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Trusted:
    """The measures on one network."""

    pairs: Pairs
    told: Tensor
    by_real: Tensor
    by_others: Tensor
    paths: Paths
    elsewhere: Transfer | None

    @property
    def path(self) -> Tensor:
        """Share of the way of strong real inputs, by goal and layer."""
        room = self.paths.real - self.paths.other
        return torch.where(room >= APART, (self.paths.made - self.paths.other) / room, float("nan"))


def measured(model: nn.Module, recipe: Recipe, placed: Placed, made: Tensor, reached: Tensor) -> Trusted:
    """All measures of pictures ``[U, S, …]``."""
    sample, values = recipe.sample[:MOST], placed.values
    skipped = max(NATURAL, recipe.seeds)
    pairs = Pairs.of(values, min(skipped, max(1, values.shape[1] // 4)))
    real = sample[pairs.models[:, :NATURAL].to(sample.device)]
    by_picture = recipe.nearness.likeness(made, len(sample))
    top = made[torch.arange(len(made)), reached.argmax(1)]
    return Trusted(
        pairs,
        pairs.told(by_picture),
        pairs.told(recipe.nearness.likeness(real, len(sample))),
        pairs.others(by_picture),
        paths(model, recipe.site, made, real, sample, recipe.how),
        _elsewhere(recipe, placed, top, pairs.models[:, :NATURAL], sample),
    )


def _elsewhere(
    recipe: Recipe, placed: Placed, top: Tensor, models: Tensor, sample: Tensor
) -> Transfer | None:
    """What a second network makes of the pictures, read where each was made for."""
    if recipe.second is None:
        return None
    places, values = placed.places, placed.values
    count = len(places)
    found = Transfer(torch.zeros(count, dtype=torch.int64), *torch.zeros(3, count, dtype=torch.float64))
    for place in places.unique().tolist():
        mine = (places == place).nonzero().flatten()
        part = transfer(
            [recipe.objectives[i] for i in mine.tolist()],
            values[mine],
            recipe.second,
            recipe.site,
            place,
            top[mine],
            models[mine],
            sample,
            recipe.how,
        )
        found.unit[mine], found.correlation[mine] = part.unit, part.correlation
        found.made[mine], found.real[mine] = part.made, part.real
    return found


def goal_values(model: nn.Module, recipe: Recipe, goals: Goals, sample: Tensor, places: Tensor) -> Tensor:
    """Each goal's value ``[U, n]`` for inputs as large as the canvas, each at its own place ``[U]``."""
    how = Compute(recipe.how.batch_size, recipe.how.seed)
    at = torch.zeros_like(places) if goals.whole else places
    parts: list[Tensor] = []
    for _, seen in activations(model, sample, [recipe.site], stop=recipe.site, compute=how):
        worth = goals.every(by_unit(model, seen[recipe.site], recipe.site))
        own = at.to(worth.device)[None, :, None].expand(len(worth), -1, 1)
        parts.append(worth.gather(2, own)[:, :, 0].double().cpu())
    return torch.cat(parts).T


def placed_in(model: nn.Module, recipe: Recipe, goals: Goals, best: Strongest) -> Placed:
    """At the canvas's own place; on a full input, where a goal's strongest real input moves it, if none of
    the sample does so at the canvas's."""
    sample = recipe.sample[:MOST]
    places = torch.full((len(recipe.objectives),), recipe.canvas.place)
    values = goal_values(model, recipe, goals, sample, places)
    spots, positions = recipe.canvas.spots, best.positions[:, 0]
    if goals.whole or recipe.origins is not None or not spots or positions.shape[1] != len(spots):
        return Placed(places, values)
    still = (values.amax(1) <= 0) & (best.values[:, 0] > 0)
    if not bool(still.any()):
        return Placed(places, values)
    flat = torch.zeros_like(places)
    for axis, size in enumerate(spots):
        flat = flat * size + positions[:, axis]
    places = torch.where(still, flat, places)
    return Placed(places, goal_values(model, recipe, goals, sample, places))


def beside(own: Trusted, control: Control) -> PictureTrust:
    """The measures beside those of untrained networks."""
    none = torch.full_like(own.told, float("nan"))
    away = own.elsewhere
    return PictureTrust(
        own.told,
        *own.pairs.intervals(own.told),
        own.by_real,
        own.by_others,
        own.paths.sites,
        own.path,
        torch.full(own.told.shape, -1) if away is None else away.unit,
        none if away is None else away.correlation,
        none if away is None else away.made,
        none if away is None else away.real,
        control.told,
        control.path,
        control.transfer,
    )


__all__ = ["PictureTrust", "Trusted", "beside", "goal_values", "measured", "placed_in"]
