"""Climbs that start from real inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid._core import Compute, activations
from pellucid._core._units import by_unit
from pellucid.features._nearness import Nearness
from pellucid.features._pulls import Anchor

if TYPE_CHECKING:
    from pellucid.features._ascent import Climb
    from pellucid.features._goals import Goals
    from pellucid.features._statistics import Statistics

NEAR = 0.1  # of the latents' own spread: seeds start a little apart
RATE = 0.05  # steps are smaller than from chance, because there is something to keep


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Real inputs ``[U, *shape]``, one per objective, and how strongly made ones are pulled back to them.

    Args:
        inputs: on a canvas of the input's size.
        strength: of the pull.
        low, high: range of each channel.
        nearness: measures distances.
        kept_whole: whether made inputs must stay what the statistics make, as rows of tables must.
        starts: whether climbs start there; a caricature only looks back.
    """

    inputs: Tensor
    strength: float
    low: Tensor
    high: Tensor
    nearness: Nearness
    kept_whole: bool
    starts: bool

    def some(self, which: Tensor) -> Origins:
        """Of some objectives."""
        return replace(self, inputs=self.inputs[which.to(self.inputs.device)])

    def begin(
        self, task: Climb, goals: Goals, noise: Tensor, seeds: int, statistics: Statistics, how: Compute
    ) -> tuple[Climb, Tensor]:
        """The climb from here, at the position where each origin moves its objective most; and how much."""
        values, places = self._best(task, goals, how)
        if not self.starts:
            return task, values.cpu()
        latents = statistics.find(self.inputs)
        with torch.no_grad():
            offset = (
                None
                if self.kept_whole
                else (self.inputs - statistics.make(latents)).repeat_interleave(seeds, 0)
            )
        anchor = Anchor(
            self.inputs.repeat_interleave(seeds, 0), offset, self.low, self.high, self.nearness, self.strength
        )
        return (
            replace(
                task,
                places=places.repeat_interleave(seeds),
                starts=latents.repeat_interleave(seeds, 0) + NEAR * noise,
                rescue=None,
                anchor=anchor,
                rate=RATE,
            ),
            values.cpu(),
        )

    def _best(self, task: Climb, goals: Goals, how: Compute) -> tuple[Tensor, Tensor]:
        """Value and position ``[U]`` of each origin's own objective."""
        quiet = Compute(how.batch_size, how.seed)
        parts: list[Tensor] = []
        for rows, seen in activations(task.model, self.inputs, [task.site], stop=task.site, compute=quiet):
            worth = goals.every(by_unit(task.model, seen[task.site], task.site))
            own = torch.arange(rows.start, rows.stop, device=worth.device)
            parts.append(worth[torch.arange(len(worth), device=worth.device), own])
        best = torch.cat(parts).max(1)
        return best.values, best.indices


__all__ = ["Origins"]
