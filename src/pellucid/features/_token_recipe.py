"""The recipe for texts that a trained network and its untrained twins go through alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Param, untrained
from pellucid._core._embedding import found as table_of
from pellucid._core._feed import feed
from pellucid._core._strongest import Strongest, strongest
from pellucid.errors import InputError
from pellucid.features._control import Control, control_of
from pellucid.features._recipe import Meter
from pellucid.features._stretches import Stretches
from pellucid.features._text_nearness import TextNearness
from pellucid.features._text_trust import text_trust
from pellucid.features._token_search import Found, Reader, search
from pellucid.features._trials import Trials
from pellucid.features._trust import MOST, NATURAL, Trusted
from pellucid.inputs import TextSpec

REAL = 3


@dataclass(frozen=True, slots=True, eq=False)
class TextRecipe:
    """Everything that the trained network and its untrained twins share."""

    site: str
    spec: TextSpec
    data: Tensor
    units: Tensor
    stretches: Stretches
    nearness: TextNearness
    steps: int
    seeds: int
    candidates: int
    how: Compute
    total: int
    second: nn.Module | None = None

    @property
    def trials(self) -> Trials:
        """Which units of untrained twins the control rests on."""
        return Trials.of(self.units, self.total, self.how.seed, alike=True)

    def work(self, units: int) -> int:
        """Rows through one network for so many units: the data, one per text and step, what is measured."""
        return len(self.data) + units * self.seeds * self.steps + self.measures(units)

    def measures(self, units: int) -> int:
        """Rows by which texts of so many units are measured."""
        return min(MOST, len(self.stretches.free)) + units * (self.seeds + NATURAL)

    @property
    def control_work(self) -> int:
        """Rows through all untrained twins."""
        looks, trials = len(self.data) + min(MOST, len(self.stretches.free)), self.trials
        return trials.twins * looks + len(trials) * (self.seeds * self.steps + self.seeds + NATURAL)

    def params(self) -> dict[str, Param]:
        """As told in the result."""
        return {
            "statistics": "tokens",
            "steps": self.steps,
            "seeds": self.seeds,
            "candidates": self.candidates,
            "length": self.stretches.length,
            "tokens": len(self.stretches.tokens),
            "far": self.nearness.far,
            "twins": self.trials.twins,
            "seed": self.how.seed,
        }


@dataclass(frozen=True, slots=True, eq=False)
class MadeTexts:
    """What the recipe gave on one network; ``[U]`` or ``[U, S, …]``."""

    best: Strongest
    texts: Tensor
    reached: Tensor
    steps: Tensor
    started: Tensor
    ratio: Tensor
    distance: Tensor
    agreement: Tensor
    trust: Trusted

    @property
    def steadiness(self) -> Tensor:
        """Agreement ÷ distance of each unit that could be moved; NaN for the others."""
        return torch.where(self.started, self.agreement / self.distance, float("nan"))


def reader_of(model: nn.Module, site: str, spec: TextSpec, texts: Tensor, how: Compute) -> Reader:
    """The network with the table that it looks these texts up in."""
    quiet = Compute(how.batch_size, how.seed)
    table = table_of(feed(model, texts[:8], spec=spec, compute=quiet), quiet, [0])
    if table is None:
        raise InputError(
            f"{type(model).__name__} gives these token numbers to no embedding as they are, so there is no "
            "vector for each token to follow. Look at the real texts that excite a unit: "
            "pellucid.layers.exemplars(model, inputs, site)."
        )
    return Reader(model, site, spec, table, quiet)


def follow(model: nn.Module, recipe: TextRecipe, meter: Meter) -> MadeTexts:
    """The whole recipe on one network."""
    stretches, seeds = recipe.stretches, recipe.seeds
    pad = recipe.spec.pad
    best = strongest(
        model,
        recipe.data,
        [recipe.site],
        k=REAL,
        units=recipe.units,
        spec=recipe.spec,
        real=None if pad is None else (recipe.data != pad).cpu(),
        compute=meter.passing(),
    )[recipe.site]
    reader = reader_of(model, recipe.site, recipe.spec, recipe.data, recipe.how)
    units = recipe.units.repeat_interleave(seeds).to(recipe.data.device)
    starts = torch.stack(
        [_start(recipe, unit, turn) for unit in recipe.units.tolist() for turn in range(seeds)]
    )
    known: list[Tensor] = []

    def rescue(numbers: Tensor) -> Tensor:
        if not known:
            known.append(reader.movers(stretches, recipe.units, seeds))
        return known[0].flatten(0, 1)[numbers]

    found = Found.together(
        [
            search(
                reader,
                stretches,
                recipe.nearness,
                units[part],
                starts[part],
                lambda numbers, first=int(part[0]): rescue(numbers + first),
                steps=recipe.steps,
                candidates=recipe.candidates,
                tick=meter.add,
            )
            for part in torch.arange(len(units), device=units.device).split(recipe.how.batch_size)
        ]
    )
    shape = (len(recipe.units), seeds)
    free, reached = found.free.unflatten(0, shape), found.reached.view(shape)
    largest, top = best.values[:, 0], reached.amax(1).cpu()
    beyond = torch.where(top > 0, float("inf"), float("nan")).to(top)
    second = None
    if recipe.second is not None:
        second = reader_of(recipe.second, recipe.site, recipe.spec, recipe.data, recipe.how)
    trust = text_trust(reader, stretches, recipe.nearness, recipe.units, free, reached, second)
    meter.add(recipe.measures(len(recipe.units)))
    return MadeTexts(
        best,
        stretches.whole(found.free).unflatten(0, shape).cpu(),
        reached.cpu(),
        found.steps.view(shape).cpu(),
        found.started.view(shape).any(1).cpu(),
        torch.where(largest > 0, top / largest, beyond),
        recipe.nearness.distance(free[torch.arange(len(free)), reached.argmax(1)]).cpu(),
        recipe.nearness.agreement(free),
        trust,
    )


def _start(recipe: TextRecipe, unit: int, turn: int) -> Tensor:
    """A real stretch, drawn for this unit and start."""
    seed = (recipe.how.seed * 1_000_003 + turn) * 1_000_003 + unit
    number = torch.randint(len(recipe.stretches.free), (), generator=torch.Generator().manual_seed(seed))
    return recipe.stretches.free[int(number)]


def control(model: nn.Module, recipe: TextRecipe, meter: Meter) -> Control:
    """The recipe on several untrained twins, the units shared out among them."""
    trials = recipe.trials

    def tried(number: int, mine: Tensor) -> MadeTexts:
        own = recipe.units[trials.goal[mine]]
        some = replace(
            recipe,
            units=torch.where(trials.unit[mine] < 0, own, trials.unit[mine]),
            second=None if recipe.second is None else _twin(model, recipe, trials.twins + number),
        )
        return follow(_twin(model, recipe, number), some, meter)

    return control_of(trials, len(recipe.units), tried)


def _twin(model: nn.Module, recipe: TextRecipe, number: int) -> nn.Module:
    return untrained(model, seed=recipe.how.seed * 1_000 + number)
