"""The recipe that a trained network and its untrained twin go through alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Param, activations, untrained
from pellucid._core._strongest import Strongest, strongest
from pellucid._core._units import by_unit
from pellucid.features._ascent import Climb, climb
from pellucid.features._canvas import Canvas, pieces
from pellucid.features._nearness import Nearness
from pellucid.features._statistics import Statistics

REAL = 3
CONTROLS = 20
TWINS = 4
SPREAD = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """Everything that the trained network and its untrained twin share."""

    site: str
    units: Tensor
    data: Tensor
    sample: Tensor
    canvas: Canvas
    statistics: Statistics
    nearness: Nearness
    steps: int
    seeds: int
    jitter: tuple[int, ...]
    how: Compute

    @property
    def work(self) -> int:
        """Rows through one network: the data once, then one per made input and step."""
        return len(self.data) + len(self.units) * self.seeds * self.steps

    @property
    def trials(self) -> int:
        """How many made units of untrained twins the control rests on."""
        return max(CONTROLS, len(self.units))

    @property
    def twins(self) -> int:
        """How many untrained twins: no unit is tried on one of them twice."""
        return max(TWINS, math.ceil(self.trials / len(self.units)))

    @property
    def control_work(self) -> int:
        """Rows through all untrained twins."""
        return self.twins * len(self.data) + self.trials * self.seeds * self.steps

    def params(self) -> dict[str, Param]:
        """As told in the result."""
        return {
            "statistics": self.statistics.kind,
            "steps": self.steps,
            "seeds": self.seeds,
            "canvas": list(self.canvas.shape),
            "jitter": list(self.jitter),
            "far": self.nearness.far,
            "twins": self.twins,
            "seed": self.how.seed,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What the recipe gave on one network."""

    best: Strongest
    real: Tensor
    made: Tensor
    reached: Tensor
    steps: Tensor
    ratio: Tensor
    distance: Tensor
    agreement: Tensor
    started: Tensor

    @property
    def steadiness(self) -> Tensor:
        """Agreement ÷ distance of each unit that could be moved; NaN for the others."""
        return torch.where(self.started, self.agreement / self.distance, float("nan"))


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """What untrained twins gave: per unit the mean over its trials, and the steadiness of all trials."""

    ratio: Tensor
    distance: Tensor
    agreement: Tensor
    steadiness: Tensor


class Meter:
    """Adds up the work of all parts for one progress report."""

    def __init__(self, how: Compute, total: int) -> None:
        self._how, self._total, self._done = how, total, 0

    def add(self, amount: int) -> None:
        self._done += amount
        self._how.progress(min(self._done, self._total), self._total)

    def passing(self) -> Compute:
        """Compute options of a pass over the data whose progress is added here."""
        last = 0

        def progress(done: int, _: int) -> None:
            nonlocal last
            step, last = done - last, done
            self.add(step)

        return replace(self._how, progress=progress)


def follow(model: nn.Module, recipe: Recipe, meter: Meter) -> Made:
    """The whole recipe on one network."""
    best = strongest(model, recipe.data, [recipe.site], k=REAL, units=recipe.units, compute=meter.passing())[
        recipe.site
    ]
    count, each = best.rows.shape
    real = pieces(recipe.data, recipe.canvas, best.rows.flatten(), best.positions.flatten(0, 1))
    real = real.unflatten(0, (count, each))
    task = _task(model, recipe)
    summit = climb(task, recipe.statistics, recipe.how.batch_size, meter.add)
    shape = (count, recipe.seeds)
    made, reached = summit.made.unflatten(0, shape), summit.reached.view(shape)
    top = made[torch.arange(count), reached.argmax(1)]
    started = summit.started.view(shape).any(1).cpu()
    largest = best.values[:, 0]
    return Made(
        best,
        real,
        made.cpu(),
        reached.cpu(),
        summit.steps.view(shape).cpu(),
        _ratio(reached.amax(1).cpu(), largest),
        recipe.nearness.distance(top).cpu(),
        recipe.nearness.agreement(made),
        started,
    )


def _task(model: nn.Module, recipe: Recipe) -> Climb:
    units = recipe.units.repeat_interleave(recipe.seeds)
    turn = torch.arange(recipe.seeds).repeat(len(recipe.units))
    seeds = (recipe.how.seed * 1_000_003 + turn) * 1_000_003 + units
    starts = torch.stack(
        [
            torch.randn(recipe.statistics.latent, generator=torch.Generator().manual_seed(seed))
            for seed in seeds.tolist()
        ]
    )
    return Climb(
        model,
        recipe.site,
        recipe.canvas.place,
        units.to(recipe.data.device),
        seeds,
        (SPREAD * starts).to(recipe.data),
        _rescue(model, recipe),
        recipe.steps,
        recipe.jitter,
    )


def _rescue(model: nn.Module, recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """Real pieces that move a unit at its very place, a different one for each start; found when needed."""
    known: list[Tensor] = []

    def latents(numbers: Tensor) -> Tensor:
        if not known:
            known.append(_movers(model, recipe))
        own, turn = numbers.cpu() // recipe.seeds, numbers.cpu() % recipe.seeds
        return recipe.statistics.find(recipe.sample[known[0][own, turn % known[0].shape[1]]])

    return latents


def _movers(model: nn.Module, recipe: Recipe) -> Tensor:
    """Sample numbers ``[U, seeds]`` with the largest values of each unit at the canvas's place."""
    how = Compute(recipe.how.batch_size, recipe.how.seed)
    parts = [
        by_unit(model, seen[recipe.site], recipe.site)[:, recipe.units.to(recipe.data.device), recipe.canvas.place]
        for _, seen in activations(model, recipe.sample, [recipe.site], stop=recipe.site, compute=how)
    ]
    values = torch.cat(parts).T
    return values.sort(dim=1, descending=True, stable=True).indices[:, : recipe.seeds].cpu()


def _ratio(reached: Tensor, largest: Tensor) -> Tensor:
    beyond = torch.where(reached > 0, float("inf"), float("nan")).to(reached)
    return torch.where(largest > 0, reached / largest, beyond)


def control(model: nn.Module, recipe: Recipe, meter: Meter) -> Control:
    """The recipe on several untrained twins: what one draw of weights happens to like is no yardstick."""
    count = len(recipe.units)
    trial = torch.arange(recipe.trials)
    unit, turn = trial % count, trial // count
    on = (unit + turn) % recipe.twins
    found = torch.full((4, count, int(turn.max()) + 1), float("nan"))
    for number in range(recipe.twins):
        mine = on == number
        if not bool(mine.any()):
            continue
        twin = untrained(model, seed=recipe.how.seed * 1_000 + number, calibrate=recipe.data[:512])
        made = follow(twin, replace(recipe, units=recipe.units[unit[mine]]), meter)
        for row, part in enumerate((made.ratio, made.distance, made.agreement, made.steadiness)):
            found[row, unit[mine], turn[mine]] = part.float()
    ratio, distance, agreement = found[:3].nanmean(2)
    return Control(ratio, distance, agreement, found[3].flatten())


def no_control(like: Tensor) -> Control:
    """Not run: NaN everywhere."""
    none = torch.full_like(like, float("nan"))
    return Control(none, none, none, none)
