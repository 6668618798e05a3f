"""The value of every metric: a number for each input, which way is good, and the same for maps that know
nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import Json
from pellucid.errors import InputError, near_misses
from pellucid.evidence._localisation import Measure
from pellucid.evidence._statistics import interval, resamples

Better = Literal["high", "low", "neither"]
DRAWS = 999


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric of N maps.

    Args:
        name: its name in the literature.
        meaning: what one number is, in words.
        values: ``[N]``, NaN where the metric has no answer.
        mean: over the inputs that have one, with its 95 % bootstrap interval over inputs. One input says
            nothing of others: then the interval is the whole range.
        better: which way is good; ``"neither"`` where the number describes a map and does not judge it.
        range: the least and the greatest possible value.
        unit: of the values; empty for plain numbers.
        beside: the same number for controls, ``[N]`` each by name: maps that know nothing of the network.
        excluded: why inputs have no answer, and how many for each reason.
        rows: rows of the network per input, forward and backward, controls included.
        seed: the only source of chance.
        settings: whatever else shaped the number.
        curve: ``[N, K]`` behind the values, where there is one; ``settings`` says along what.
    """

    name: str
    meaning: str
    values: Tensor
    mean: Measure
    better: Better
    range: tuple[float, float]
    unit: str
    beside: Mapping[str, Tensor]
    excluded: Mapping[str, int]
    rows: int
    seed: int
    settings: Mapping[str, Json]
    curve: Tensor | None = None

    @property
    def n(self) -> int:
        """Inputs that have an answer."""
        return int((~self.values.isnan()).sum())

    def of(self, control: str) -> Measure:
        """Mean of a control over the same inputs."""
        return averaged(self._control(control), self.range, self.seed)

    def over(self, control: str) -> Measure:
        """Mean advantage over a control on the same inputs, above 0 where the maps are better.

        For a metric that does not judge it is the plain difference.
        """
        apart = self.values - self._control(control)
        reach = self.range[1] - self.range[0]
        return averaged(-apart if self.better == "low" else apart, (-reach, reach), self.seed)

    def _control(self, name: str) -> Tensor:
        if name not in self.beside:
            raise InputError(f"No control is called {name!r}. {near_misses(name, self.beside)}")
        return torch.where(self.values.isnan(), torch.nan, self.beside[name])

    def __repr__(self) -> str:
        ends = f"[{self.mean.low:.3g}, {self.mean.high:.3g}]"
        way = "describes" if self.better == "neither" else f"{self.better} is good"
        left = sum(self.excluded.values())
        gone = f", {left} left out" if left else ""
        return f"Metric({self.name} {self.mean.value:.3g} {ends}, {way}, n = {self.n}{gone})"


def metric(
    name: str,
    meaning: str,
    values: Tensor,
    *,
    better: Better,
    limits: tuple[float, float],
    rows: float,
    seed: int,
    unit: str = "",
    beside: Mapping[str, Tensor] | None = None,
    left_out: Mapping[str, Tensor] | None = None,
    settings: Mapping[str, Json] | None = None,
    curve: Tensor | None = None,
) -> Metric:
    """A finished :class:`Metric`; ``left_out`` says for which rows ``[N]`` there is no answer, and why."""
    values = values.detach().double().cpu().clone()
    excluded, gone = dict[str, int](), torch.zeros(len(values), dtype=torch.bool)
    for reason, marked in (left_out or {}).items():
        fresh = marked.cpu() & ~gone
        if bool(fresh.any()):
            excluded[reason] = int(fresh.sum())
        gone |= marked.cpu()
    values[gone] = torch.nan
    controls = {
        what: torch.where(values.isnan(), torch.nan, one.detach().double().cpu())
        for what, one in (beside or {}).items()
    }
    mean = averaged(values, limits, seed)
    return Metric(
        name,
        meaning,
        values,
        mean,
        better,
        limits,
        unit,
        controls,
        excluded,
        math.ceil(rows),
        seed,
        dict(settings or {}),
        None if curve is None else curve.detach().double().cpu(),
    )


def averaged(values: Tensor, limits: tuple[float, float], seed: int) -> Measure:
    """Mean over what is known, with its bootstrap interval; the whole range where fewer than two are."""
    known = values[~values.isnan()]
    if len(known) < 2:
        return Measure(float(known.mean()) if len(known) else math.nan, *limits)
    low, high = interval(resamples(len(known), DRAWS, seed).to(known) @ known)
    return Measure(float(known.mean()), float(low), float(high))
