"""Many inputs climb at once, each towards its own unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._core import probe, untouched
from pellucid._core._feed import out_of_memory
from pellucid._core._units import by_unit
from pellucid.errors import MethodError
from pellucid.features._statistics import Statistics

RATE = 0.2
STEADY = 0.9, 0.99
WINDOW = 32
STANDSTILL = 0.005
CHECK_EVERY = 8


@dataclass(frozen=True, slots=True, eq=False)
class Climb:
    """What is maximized, over which inputs, from where.

    Args:
        model: the network.
        site: the layer.
        place: number of the position whose value counts.
        units: int64 ``[B]``, the unit of each made input.
        seeds: int64 ``[B]``, of its chance.
        starts: latents ``[B, *latent]``.
        rescue: gives latents ``[b, *latent]`` from where the inputs of given numbers ``[b]`` start when their
            units do not answer to ``starts``.
        steps: most steps.
        jitter: pixels along each spatial axis by which an input is moved at random in each step.
    """

    model: nn.Module
    site: str
    place: int
    units: Tensor
    seeds: Tensor
    starts: Tensor
    rescue: Callable[[Tensor], Tensor]
    steps: int
    jitter: tuple[int, ...]

    def rows(self, part: slice) -> Climb:
        """Some of the inputs."""
        return replace(
            self,
            units=self.units[part],
            seeds=self.seeds[part],
            starts=self.starts[part],
            rescue=lambda numbers: self.rescue(numbers + part.start),
        )

    def value(self, made: Tensor, units: Tensor) -> Tensor:
        """The unit's value ``[b]`` for each made input."""
        with probe(self.model, read=[self.site], stop=self.site) as seen:
            self.model(made)
        found = by_unit(self.model, seen[self.site], self.site)
        return found[torch.arange(len(found), device=found.device), units, self.place]


@dataclass(frozen=True, slots=True, eq=False)
class Summit:
    """Where each input arrived: made input, value, steps taken, and whether its unit ever answered."""

    made: Tensor
    reached: Tensor
    steps: Tensor
    started: Tensor


def climb(task: Climb, statistics: Statistics, size: int, tick: Callable[[int], None]) -> Summit:
    """Run all inputs in portions of ``size``, halved when memory runs out; ``tick`` gets input-steps done."""
    done: list[Summit] = []
    start, count = 0, len(task.units)
    while start < count:
        part = slice(start, min(start + size, count))
        try:
            with untouched(task.model), torch.inference_mode(mode=False):
                for parameter in task.model.parameters():
                    parameter.requires_grad_(False)
                done.append(_Portion(task.rows(part), statistics).run(tick))
        except Exception as error:
            if not out_of_memory(error):
                raise
            if size == 1:
                raise MethodError(f"Memory does not suffice for a single input: {error}") from error
            size = max(1, size // 2)
            continue
        start = part.stop
    return Summit(
        torch.cat([s.made for s in done]),
        torch.cat([s.reached for s in done]),
        torch.cat([s.steps for s in done]),
        torch.cat([s.started for s in done]),
    )


class _Portion:
    """Inputs that climb together; each stops by itself."""

    def __init__(self, task: Climb, statistics: Statistics) -> None:
        self.task, self.statistics = task, statistics
        count = len(task.units)
        self.latents = task.starts.clone()
        self.first = torch.zeros_like(self.latents)
        self.second = torch.zeros_like(self.latents)
        self.active = torch.arange(count, device=self.latents.device)
        self.started = torch.zeros(count, dtype=torch.bool, device=self.latents.device)
        self.steps = torch.zeros(count, dtype=torch.int64, device=self.latents.device)
        self.history = self.latents.new_full((task.steps, count), float("nan"))
        self.shifts = self._shifts()

    def run(self, tick: Callable[[int], None]) -> Summit:
        for step in range(self.task.steps):
            self._step(step)
            tick(len(self.steps))
            if step % CHECK_EVERY == CHECK_EVERY - 1 or step < 2:
                self.active = self.active[self._goes_on(step)]
            if not len(self.active):
                tick(len(self.steps) * (self.task.steps - step - 1))
                break
        with torch.no_grad():
            made = self.statistics.settle(self.latents)
            return Summit(made, self.task.value(made, self.task.units), self.steps, self.started)

    def _step(self, step: int) -> None:
        value, slope = self._slope(step)
        self.history[step, self.active] = value
        answers = slope.flatten(1).abs().amax(1) > 0
        self.started[self.active[answers]] = True
        self.steps[self.active] += 1
        if step == 0 and not bool(answers.all()):
            # a dead start: go on from a real input that moves the unit
            silent = self.active[~answers]
            self.latents[silent] = self.task.rescue(silent)
        self._adam(slope, answers)

    def _slope(self, step: int) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            latents = self.latents[self.active].requires_grad_()
            made = self.statistics.make(latents)
            if self.shifts is not None:
                made = moved(made, self.shifts[self.active, step])
            value = self.task.value(made, self.task.units[self.active])
            if not value.requires_grad:
                raise MethodError(
                    f"{self.task.site!r} does not depend on the input in a differentiable way; "
                    "its units cannot be maximized. Look at their exemplars instead."
                )
            (slope,) = torch.autograd.grad(value.sum(), latents)
        return value.detach(), slope

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
        self.latents[rows] += RATE * (first / (1 - keep**count)) / size

    def _goes_on(self, step: int) -> Tensor:
        """Which active inputs still climb: more than 0.5 % in the last 32 steps."""
        going = self.started[self.active] | (step < 1)
        if step + 1 < WINDOW + CHECK_EVERY:
            return going
        recent = self.history[step + 1 - CHECK_EVERY : step + 1, self.active].mean(0)
        earlier = self.history[step + 1 - CHECK_EVERY - WINDOW : step + 1 - WINDOW, self.active].mean(0)
        return going & (recent - earlier > STANDSTILL * recent.abs())

    def _shifts(self) -> Tensor | None:
        """int64 ``[B, steps, axes]``: how far each input is moved in each step."""
        if not any(self.task.jitter):
            return None
        most = torch.tensor(self.task.jitter)
        draws: list[Tensor] = []
        for seed in self.task.seeds.tolist():
            chance = torch.rand(self.task.steps, len(most), generator=torch.Generator().manual_seed(seed))
            draws.append((chance * (2 * most + 1)).floor().long() - most)
        return torch.stack(draws).to(self.latents.device)


def moved(made: Tensor, shifts: Tensor) -> Tensor:
    """Each input ``[b, C, *space]`` moved round by its own ``shifts`` ``[b, axes]``."""
    for axis in range(shifts.shape[1]):
        side = made.shape[2 + axis]
        index = (torch.arange(side, device=made.device) - shifts[:, axis, None]) % side
        shape = [len(made), *[1] * (made.ndim - 1)]
        shape[2 + axis] = side
        made = made.gather(2 + axis, index.view(shape).expand_as(made))
    return made


__all__ = ["Climb", "Summit", "climb", "moved"]
