"""The recipe that a trained network and its untrained twins go through alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import Compute, Param, untrained
from pellucid._core._strongest import Strongest, strongest
from pellucid.features._ascent import Climb, climb
from pellucid.features._canvas import Canvas, pieces
from pellucid.features._control import Control, control_of
from pellucid.features._goals import Goals, goals_of
from pellucid.features._kept import Kept
from pellucid.features._nearness import Nearness
from pellucid.features._objectives import Logit, Objective, Unit, number_of
from pellucid.features._origins import Origins
from pellucid.features._pulls import Diversity
from pellucid.features._statistics import Statistics
from pellucid.features._trials import Trials
from pellucid.features._trust import MOST, NATURAL, Trusted, goal_values, measured, placed_in
from pellucid.features._views import Views

REAL = 3
SPREAD = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """Everything that the trained network and its untrained twins share.

    Args:
        site: the layer.
        objectives: what is climbed, ``U`` of them.
        data: real inputs.
        sample: those, cut to the canvas.
        canvas: what is made.
        statistics: inside which it is made.
        nearness: measures distances.
        steps, seeds: most steps, and starts per objective.
        views: how inputs are changed at random on the way.
        diversity: how faces of one objective are held apart.
        origins: real inputs where the climbs start, one per objective.
        how: to run; ``batch_size`` inputs climb together.
        kept: where finished parts are.
        second: a network that learned the same by itself.
    """

    site: str
    objectives: tuple[Objective, ...]
    data: Tensor
    sample: Tensor
    canvas: Canvas
    statistics: Statistics
    nearness: Nearness
    steps: int
    seeds: int
    views: Views | None
    diversity: Diversity | None
    origins: Origins | None
    how: Compute
    kept: Kept
    second: nn.Module | None

    @property
    def units(self) -> Tensor:
        """Number of each objective's unit, or -1."""
        return torch.tensor([number_of(each) for each in self.objectives])

    @property
    def method(self) -> str:
        """The public function."""
        if self.origins is None:
            return "activation_maximization"
        return "accentuation" if self.origins.starts else "caricature"

    @property
    def work(self) -> int:
        """Rows through one network: the data once, one per made input and step, and what is measured then."""
        count = len(self.objectives)
        return len(self.data) + count * self.seeds * self.steps + self.measures(count)

    def measures(self, count: int) -> int:
        """Rows by which pictures of so many objectives are measured."""
        return min(MOST, len(self.sample)) + count * (self.seeds + NATURAL)

    @property
    def trials(self) -> Trials:
        """Which made units of untrained twins the control rests on."""
        plain = all(isinstance(each, Unit) for each in self.objectives) or all(
            isinstance(each, Logit) for each in self.objectives
        )
        alike = plain and self.origins is None
        return Trials.of(self.units, self.canvas.units, self.how.seed, alike=alike)

    @property
    def control_work(self) -> int:
        """Rows through all untrained twins."""
        looks, trials = len(self.data) + min(MOST, len(self.sample)), self.trials
        return trials.twins * looks + len(trials) * (self.seeds * self.steps + self.seeds + NATURAL)

    def some(self, which: Tensor, instead: Tensor) -> Recipe:
        """For some of the objectives, with another unit in their place where one is named."""
        origins = None if self.origins is None else self.origins.some(which)
        chosen = [
            self.objectives[i] if unit < 0 else replace(self.objectives[i], index=unit)
            for i, unit in zip(which.tolist(), instead.tolist(), strict=True)
        ]
        return replace(self, objectives=tuple(chosen), origins=origins)

    def params(self) -> dict[str, Param]:
        """As told in the result."""
        views = self.views
        # signals are [C, T]; what is not compared over shifts is read step by step
        steps = len(self.canvas.shape) == 2 and self.nearness.signal is None
        return {
            **({"axes": "steps, numbers"} if steps else {}),
            "method": self.method,
            "statistics": self.statistics.kind,
            "steps": self.steps,
            "seeds": self.seeds,
            "canvas": list(self.canvas.shape),
            "jitter": list(views.jitter if views else [0] * (len(self.canvas.shape) - 1)),
            "stretch": max(views.stretch) if views else 0.0,
            "turn": views.turn if views else 0.0,
            "diversity": self.diversity.strength if self.diversity else 0.0,
            "pull": self.origins.strength if self.origins else 0.0,
            "far": self.nearness.far,
            "twins": self.trials.twins,
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
    importance: Tensor
    ratio: Tensor
    distance: Tensor
    agreement: Tensor
    started: Tensor
    at_origin: Tensor | None
    changes: bool
    trust: Trusted

    @property
    def steadiness(self) -> Tensor:
        """Agreement ÷ distance of each unit that could be moved, agreement of changes; NaN for the others."""
        steady = self.agreement if self.changes else self.agreement / self.distance
        return torch.where(self.started, steady, float("nan"))


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
    goals = goals_of(recipe.objectives, model, recipe.site, recipe.data[:1], recipe.how)
    best = _strongest(model, recipe, goals, meter)
    count, each = best.rows.shape
    real = pieces(recipe.data, recipe.canvas, best.rows.flatten(), best.positions.flatten(0, 1))
    real = real.unflatten(0, (count, each))
    largest = best.values[:, 0]
    placed = recipe.kept.once("places", lambda: placed_in(model, recipe, goals, best))
    task, at_origin = _task(model, recipe, goals, largest, placed.places)
    summit = climb(task, recipe.statistics, recipe.how.batch_size, meter.add, recipe.kept)
    shape = (count, recipe.seeds)
    made, reached = summit.made.unflatten(0, shape), summit.reached.view(shape)
    top = made[torch.arange(count), reached.argmax(1)]
    trust = recipe.kept.once("trust", lambda: measured(model, recipe, placed, made.cpu(), reached.cpu()))
    meter.add(recipe.measures(count))
    return Made(
        best,
        real,
        made.cpu(),
        reached.cpu(),
        summit.steps.view(shape).cpu(),
        summit.importance.unflatten(0, shape).cpu(),
        _ratio(reached.amax(1).cpu(), largest),
        recipe.nearness.distance(top).cpu(),
        recipe.nearness.agreement(
            made, recipe.origins.inputs if recipe.origins and recipe.origins.starts else None
        ),
        summit.started.view(shape).any(1).cpu(),
        at_origin,
        recipe.method == "accentuation",
        trust,
    )


def _strongest(model: nn.Module, recipe: Recipe, goals: Goals, meter: Meter) -> Strongest:
    """The strongest real inputs of each objective."""
    # single units need no arithmetic
    plain = all(isinstance(each, Unit | Logit) for each in recipe.objectives)
    units, of = (recipe.units, None) if plain else (None, goals.of(model, recipe.site))

    how = meter.passing()

    def look() -> Strongest:
        return strongest(model, recipe.data, [recipe.site], k=REAL, units=units, of=of, compute=how)[
            recipe.site
        ]

    found = recipe.kept.once("data", look)
    # where an earlier run looked, the pass is over at once
    how.progress(len(recipe.data), len(recipe.data))
    return found


def _task(
    model: nn.Module, recipe: Recipe, goals: Goals, largest: Tensor, places: Tensor
) -> tuple[Climb, Tensor | None]:
    """What is climbed, and the value of each origin."""
    count, place = len(recipe.objectives), recipe.data.device
    own = torch.arange(count).repeat_interleave(recipe.seeds)
    turn = torch.arange(recipe.seeds).repeat(count)
    # a unit keeps its chance whatever climbs beside it
    numbers = torch.tensor([n if n >= 0 else i for i, n in enumerate(recipe.units.tolist())])
    seeds = (recipe.how.seed * 1_000_003 + turn) * 1_000_003 + numbers[own]
    noise = torch.stack(
        [
            torch.randn(recipe.statistics.latent, generator=torch.Generator().manual_seed(seed))
            for seed in seeds.tolist()
        ]
    ).to(recipe.data)
    task = Climb(
        model,
        recipe.site,
        goals.rows(own),
        places[own].to(place),
        torch.where(largest == 0, 1, largest.abs())[own].to(recipe.data),
        seeds,
        SPREAD * noise,
        _rescue(model, recipe, goals, places),
        recipe.steps,
        recipe.views,
        None,
        recipe.diversity,
    )
    if recipe.origins is None:
        return task, None
    return recipe.origins.begin(task, goals, noise, recipe.seeds, recipe.statistics, recipe.how)


def _rescue(model: nn.Module, recipe: Recipe, goals: Goals, places: Tensor) -> Callable[[Tensor], Tensor]:
    """Real pieces that move a unit at its very place, a different one for each start; found when needed."""
    known: list[Tensor] = []

    def latents(numbers: Tensor) -> Tensor:
        if not known:
            known.append(_movers(model, recipe, goals, places))
        own, turn = numbers.cpu() // recipe.seeds, numbers.cpu() % recipe.seeds
        return recipe.statistics.find(recipe.sample[known[0][own, turn % known[0].shape[1]]])

    return latents


def _movers(model: nn.Module, recipe: Recipe, goals: Goals, places: Tensor) -> Tensor:
    """Sample numbers ``[U, seeds]`` with the largest values of each goal at its place."""
    values = goal_values(model, recipe, goals, recipe.sample, places)
    return values.sort(dim=1, descending=True, stable=True).indices[:, : recipe.seeds]


def _ratio(reached: Tensor, largest: Tensor) -> Tensor:
    beyond = torch.where(reached > 0, float("inf"), float("nan")).to(reached)
    return torch.where(largest > 0, reached / largest, beyond)


def control(model: nn.Module, recipe: Recipe, meter: Meter) -> Control:
    """The recipe on several untrained twins: what one draw of weights happens to like is no yardstick."""
    trials = recipe.trials

    def tried(number: int, mine: Tensor) -> Made:
        some = replace(
            recipe.some(trials.goal[mine], trials.unit[mine]),
            kept=recipe.kept.under(f"twin{number}"),
            second=None if recipe.second is None else _twin(model, recipe, trials.twins + number),
        )
        return follow(_twin(model, recipe, number), some, meter)

    return control_of(trials, len(recipe.objectives), tried)


def _twin(model: nn.Module, recipe: Recipe, number: int) -> nn.Module:
    return untrained(model, seed=recipe.how.seed * 1_000 + number, calibrate=recipe.data[:512])
