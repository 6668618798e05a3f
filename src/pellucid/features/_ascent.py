"""Many inputs climb at once, each towards its own goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import probe, untouched
from pellucid._core._feed import out_of_memory
from pellucid._core._guard import hold_parameters
from pellucid._core._interrupt import let_through
from pellucid._core._units import by_unit, unit_axis
from pellucid.errors import MethodError
from pellucid.features._goals import Goals
from pellucid.features._kept import Kept
from pellucid.features._pulls import Anchor, Diversity
from pellucid.features._statistics import Statistics
from pellucid.features._views import Views

RATE = 0.2
STEADY = 0.9, 0.99
WINDOW = 32
STANDSTILL = 0.005
CHECK_EVERY = 8
PROBING = 2  # steps that find out whether a goal answers at all


@dataclass(frozen=True, slots=True, eq=False)
class Climb:
    """What is maximized, over which inputs, from where.

    Args:
        model: the network.
        site: the layer.
        goals: one for each made input, ``[B]``.
        places: int64 ``[B]``, numbers of the positions whose values count.
        scale: ``[B]``, what a value is divided by before pulls are set against it.
        seeds: int64 ``[B]``, of each input's chance.
        starts: latents ``[B, *latent]``.
        rescue: gives latents ``[b, *latent]`` from where the inputs of given numbers ``[b]`` start when their
            goals do not answer to ``starts``; ``None`` where they may start nowhere else.
        steps: most steps.
        views: how inputs are changed at random before the network looks at them.
        anchor: real inputs that the made ones stay near.
        diversity: how inputs of one goal are held apart.
        rate: of a step, in standard deviations of a latent number.
    """

    model: nn.Module
    site: str
    goals: Goals
    places: Tensor
    scale: Tensor
    seeds: Tensor
    starts: Tensor
    rescue: Callable[[Tensor], Tensor] | None
    steps: int
    views: Views | None = None
    anchor: Anchor | None = None
    diversity: Diversity | None = None
    rate: float = RATE

    @property
    def together(self) -> int:
        """How many neighbours climb or stop only together."""
        return 1 if self.diversity is None else self.diversity.each

    def rows(self, part: slice) -> Climb:
        """Some of the inputs."""
        rescue = self.rescue
        return replace(
            self,
            goals=self.goals.rows(torch.arange(part.start, part.stop)),
            places=self.places[part],
            scale=self.scale[part],
            seeds=self.seeds[part],
            starts=self.starts[part],
            rescue=None if rescue is None else lambda numbers: rescue(numbers + part.start),
            anchor=None if self.anchor is None else self.anchor.rows(part),
        )

    def look(self, made: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Each made input's value ``[b]``, and the activation by which faces are held apart."""
        wanted = {self.site, *([self.diversity.site] if self.diversity else [])}
        with probe(self.model, read=sorted(wanted), stop=self.site) as seen:
            self.model(made)
        found = by_unit(self.model, seen[self.site], self.site)
        apart = self.site if self.diversity is None else self.diversity.site
        other = found if apart == self.site else by_unit(self.model, seen[apart], apart)
        return self.goals.rows(rows).own(found, self.places[rows]), other


@dataclass(frozen=True, slots=True, eq=False)
class Summit:
    """Where each input arrived: made input, value, steps taken, whether its goal ever answered, and the
    summed slope at each place of it, the largest 1."""

    made: Tensor
    reached: Tensor
    steps: Tensor
    started: Tensor
    importance: Tensor


def climb(
    task: Climb, statistics: Statistics, size: int, tick: Callable[[int], None], kept: Kept | None = None
) -> Summit:
    """Run all inputs in portions of ``size``, halved when memory runs out; ``tick`` gets input-steps done."""
    done: list[Summit] = []
    store = kept or Kept()
    size = max(task.together, size // task.together * task.together)
    start, count = 0, len(task.seeds)
    while start < count:
        part = slice(start, min(start + size, count))
        told = [0]

        def tell(amount: int, told: list[int] = told) -> None:
            told[0] += amount
            tick(amount)

        try:
            made = store.once(
                f"climb-{start:06}", lambda part=part, tell=tell: _portion(task, part, statistics, tell)
            )
        except Exception as error:
            if not out_of_memory(error):
                raise
            if size <= task.together:
                least = "a single input" if size == 1 else f"{size} inputs"
                raise MethodError(f"Memory does not suffice for {least}: {error}") from error
            size = max(1, size // task.together // 2) * task.together
            continue
        done.append(Summit(*(each.to(task.starts.device) for each in _parts(made))))
        start += len(made.made)
        # what an earlier run finished counts too
        tick(len(made.made) * task.steps - told[0])
    return Summit(*(torch.cat(each) for each in zip(*map(_parts, done), strict=True)))


def _parts(summit: Summit) -> tuple[Tensor, ...]:
    return summit.made, summit.reached, summit.steps, summit.started, summit.importance


def _portion(task: Climb, part: slice, statistics: Statistics, tick: Callable[[int], None]) -> Summit:
    with untouched(task.model), torch.inference_mode(mode=False):
        hold_parameters(task.model)
        return _Portion(task.rows(part), statistics).run(tick)


class _Portion:
    """Inputs that climb together; each stops by itself, faces of one goal together."""

    def __init__(self, task: Climb, statistics: Statistics) -> None:
        self.task, self.statistics = task, statistics
        count = len(task.seeds)
        self.latents = task.starts.clone()
        self.first = torch.zeros_like(self.latents)
        self.second = torch.zeros_like(self.latents)
        self.active = torch.arange(count, device=self.latents.device)
        self.started = torch.zeros(count, dtype=torch.bool, device=self.latents.device)
        self.steps = torch.zeros(count, dtype=torch.int64, device=self.latents.device)
        self.history = self.latents.new_full((task.steps, count), float("nan"))
        self.importance: Tensor | None = None
        self.channels = 1
        chance = None if task.views is None else task.views.drawn(task.seeds, task.steps)
        self.chance = None if chance is None else chance.to(self.latents)

    def run(self, tick: Callable[[int], None]) -> Summit:
        for step in range(self.task.steps):
            self._step(step)
            let_through()
            tick(len(self.steps))
            if step % CHECK_EVERY == CHECK_EVERY - 1 or step < PROBING:
                self.active = self.active[self._goes_on(step)]
            if not len(self.active):
                tick(len(self.steps) * (self.task.steps - step - 1))
                break
        with torch.no_grad():
            every = torch.arange(len(self.steps), device=self.latents.device)
            made = self._made(self.latents, every, settled=True)
            value, _ = self.task.look(made, every)
            return Summit(made, value, self.steps, self.started, self._shares(made))

    def _made(self, latents: Tensor, rows: Tensor, *, settled: bool = False) -> Tensor:
        made = self.statistics.settle(latents) if settled else self.statistics.make(latents)
        return made if self.task.anchor is None else self.task.anchor.moved(made, rows)

    def _step(self, step: int) -> None:
        value, slope, seen = self._slope(step)
        self.history[step, self.active] = value
        answers = slope.flatten(1).abs().amax(1) > 0
        if step < PROBING:
            self.started[self.active[answers]] = True
        answers &= self.started[self.active]
        self._add(seen)
        self.steps[self.active] += 1
        if step == 0 and self.task.rescue is not None and not bool(answers.all()):
            # a dead start: go on from a real input that moves the unit
            silent = self.active[~answers]
            self.latents[silent] = self.task.rescue(silent)
        self._adam(slope, answers)

    def _slope(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """What each active input is worth, its slope in the latents, and its slope in the input."""
        task, rows = self.task, self.active
        with torch.enable_grad():
            latents = self.latents[rows].requires_grad_()
            made = self._made(latents, rows)
            shown = (
                made
                if task.views is None or self.chance is None
                else task.views(made, self.chance[rows, step])
            )
            value, activation = task.look(shown, rows)
            if not value.requires_grad:
                raise MethodError(
                    f"{task.site!r} does not depend on the input in a differentiable way; "
                    "its units cannot be maximized. Look at their exemplars instead."
                )
            if task.anchor is not None or task.diversity is not None:
                value = value / task.scale[rows]
            # pulls wait until it is known whether the goal itself answers
            if step >= PROBING and task.anchor is not None:
                value = value - task.anchor.pull(made, rows)
            if step >= PROBING and task.diversity is not None:
                value = value - task.diversity.pull(activation)
            slope, seen = torch.autograd.grad(value.sum(), [latents, made])
        return value.detach(), slope, seen

    def _add(self, seen: Tensor) -> None:
        """Gather the slope's size at each place, channels (of steps ``[N, T, D]`` their numbers) added up."""
        if self.importance is None and seen.ndim == 3:
            self.channels = unit_axis(self.task.model, seen, ".:in")
        size = seen.abs().sum(self.channels) if seen.ndim > 2 else seen.abs()
        if self.importance is None:
            self.importance = size.new_zeros(len(self.steps), *size.shape[1:])
        self.importance[self.active] += size

    def _shares(self, made: Tensor) -> Tensor:
        found = self.importance
        if found is None:
            return made.new_zeros(())
        most = found.flatten(1).amax(1).view(-1, *[1] * (found.ndim - 1))
        return found / most.clamp_min(torch.finfo(found.dtype).tiny)

    def _adam(self, slope: Tensor, answers: Tensor) -> None:
        rows = self.active[answers]
        slope = slope[answers]
        keep, keep_square = STEADY
        count = self.steps[rows].view(-1, *[1] * (slope.ndim - 1))
        first = self.first[rows] * keep + slope * (1 - keep)
        second = self.second[rows] * keep_square + slope.square() * (1 - keep_square)
        self.first[rows], self.second[rows] = first, second
        # scaled by the whole input, not by the number: keeps the direction, forgets the unit's size
        size = (second / (1 - keep_square**count)).flatten(1).mean(1).sqrt().view_as(count).clamp_min(1e-30)
        self.latents[rows] += self.task.rate * (first / (1 - keep**count)) / size

    def _goes_on(self, step: int) -> Tensor:
        """Which active inputs still climb: more than 0.5 % in the last 32 steps."""
        going = self.started[self.active] | (step < 1 and self.task.rescue is not None)
        if step + 1 >= WINDOW + CHECK_EVERY:
            recent = self.history[step + 1 - CHECK_EVERY : step + 1, self.active].mean(0)
            earlier = self.history[step + 1 - CHECK_EVERY - WINDOW : step + 1 - WINDOW, self.active].mean(0)
            going &= recent - earlier > STANDSTILL * recent.abs()
        # faces of one goal are measured against each other, so they stay as long as one of them climbs
        return going.view(-1, self.task.together).any(1).repeat_interleave(self.task.together)


__all__ = ["Climb", "Summit", "climb"]
