"""Activation maximization: what each unit of a layer would most like to see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Param, untrained
from pellucid._core._feed import feed
from pellucid._core._strongest import Strongest, chosen_units, strongest
from pellucid.errors import InputError, near_misses
from pellucid.features._ascent import Climb, climb
from pellucid.features._canvas import Canvas, canvas_of, pieces, samples
from pellucid.features._marginals import Marginals
from pellucid.features._nearness import Nearness
from pellucid.features._pictures import FeaturePictures
from pellucid.features._statistics import Statistics, of_pictures
from pellucid.features._words import words

REAL = 3
JITTER_FROM = 16
SPREAD = 0.7
FEWEST = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Recipe:
    """Everything that the trained network and its untrained twin share."""

    site: str
    units: Tensor
    data: Tensor
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

    def params(self) -> dict[str, Param]:
        """As told in the result."""
        return {
            "statistics": self.statistics.kind,
            "steps": self.steps,
            "seeds": self.seeds,
            "canvas": list(self.canvas.shape),
            "jitter": list(self.jitter),
            "seed": self.how.seed,
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
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


def activation_maximization(
    model: nn.Module,
    site: str,
    *,
    spec: InputSpec | None = None,
    data: Tensor,
    units: Sequence[int] | Tensor | None = None,
    steps: int = 256,
    seeds: int = 2,
    statistics: Literal["auto", "covariance", "spectrum"] = "auto",
    untrained_control: bool = True,
    compute: Compute | None = None,
) -> FeaturePictures:
    """Inputs that move each unit of a layer most, learned inside the data's own statistics.

    Each made input ``x(z)`` climbs ``max_z a_u(x(z))``, ``a_u`` the value of unit u (of a channel: at a central
    position), where ``x(z)`` cannot leave the statistics of ``data``:

    - ``covariance`` (inputs up to 1,024 numbers): the mean plus principal components that hold 90 % of the
      variance, Mahalanobis radius and distance from the mean at most the data's 95 % quantile;
    - ``spectrum`` (larger ones): phase free, magnitude at each frequency between the data's 5 % and 95 %
      quantiles, channels decorrelated, distance from the mean capped alike;
    - ``marginals`` (rows of a table): each number through its column's quantiles, normal scores inside the
      ball that holds 95 % of the data; a category is a mixture of levels on the way and one level at the end.

    Pictures are clipped to each channel's range. Where only convolutions and pools lie before the layer, the
    canvas is as large as the receptive field. Canvases from 16 pixels on are moved at random in each step, each
    by itself. A start that a dead ReLU does not answer begins again near a strong real input. An input stops
    when its value gained less than 0.5 % in 32 steps.

    Words: ``"did not start"`` where no start had a gradient. ``"not better than an untrained network"`` unless
    agreement ÷ distance exceeds the 95 % quantile of the same on the untrained twin's units. ``"supported"`` if
    besides ratio ≥ 0.5, distance ≤ 2 and agreement ≥ 0.5, else ``"weak"``. Without a control, or with one
    start, no more than ``"weak"``.

    Args:
        model: any network; it comes back as it was.
        site: the layer; the output layer for class pictures.
        spec: what an input means; categories of a :class:`~pellucid.inputs.TabularSpec` are kept whole.
        data: real inputs ``[N, *shape]`` as the network takes them; 500 or more give steady statistics.
        units: which units; ``None`` for all.
        steps: most steps.
        seeds: starts per unit.
        statistics: for pictures and signals; ``"auto"`` chooses by size.
        untrained_control: whether to run the same recipe on an untrained twin.
        compute: how to run; ``batch_size`` inputs climb together.

    Returns:
        :class:`FeaturePictures`.

    Raises:
        SiteError: if the layer does not exist or the pass does not reach it.
        TargetError: if a unit does not exist.
        InputError: if the data do not fit the network or are too few.
        MethodError: if the layer is not differentiable, or the network cannot be copied for the control.

    Cost:
        One pass over the data and at most units × seeds × steps rows forward and backward, each ended at the
        layer; twice that with the control.

    Limits:
        A large ratio proves nothing: untrained networks reach as much. What a picture shows is one maximum, not
        all that a unit answers to, and it can be steered without changing what the network does; look at the
        real inputs beside it first. First layers are close to linear, so their pictures are no steadier than
        those of an untrained network. Categories move independently of the numbers.

    Source:
        Erhan et al. 2009, Visualizing higher-layer features of a deep network; Fel et al. 2023, Unlocking
        feature visualization with magnitude constrained optimization, arXiv 2306.06805 (the spectrum); Geirhos
        et al. 2023, Don't trust your eyes, arXiv 2306.04719 (the limits).

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        >>> made = activation_maximization(net, "1", data=torch.randn(64, 4), steps=8)
        >>> made.pictures.shape, len(made.words)
        (torch.Size([3, 2, 4]), 3)
    """
    began = time.perf_counter()
    how = compute or Compute()
    real = _real(model, data, spec, how)
    _refuse(steps, seeds, statistics)
    canvas = canvas_of(model, real[:1], site, how)
    picked = chosen_units(units, canvas.units, site)
    sample, rows = samples(real, canvas, how.seed)
    kept = Marginals.of(sample, spec) if real.ndim == 2 else of_pictures(sample, statistics)
    jitter = tuple(side // JITTER_FROM for side in canvas.shape[1:])
    near = Nearness.of(sample, rows, standardised=real.ndim == 2)
    recipe = _Recipe(site, picked, real, canvas, kept, near, steps, seeds, jitter, how)
    meter = _Meter(how, (2 if untrained_control else 1) * recipe.work)
    own = _made(model, recipe, meter)
    control = None
    if untrained_control:
        control = _made(untrained(model, seed=how.seed, calibrate=real[:512]), recipe, meter)
    return _finished(own, control, recipe, spec, time.perf_counter() - began)


class _Meter:
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


def _real(model: nn.Module, data: Tensor, spec: InputSpec | None, how: Compute) -> Tensor:
    """The data as the network takes them, checked."""
    if not isinstance(data, Tensor):
        raise InputError(
            f"data: expected a tensor [N, *shape] of real inputs, got {type(data).__name__}. "
            "Networks with several inputs have no pictures yet; look at the exemplars of their units."
        )
    real = feed(model, data, spec=spec, compute=how).packed
    if real.ndim < 2 or not real.is_floating_point():
        raise InputError(
            f"data: expected rows [N, D] or pictures [N, C, H, W] of floating numbers, "
            f"got {real.dtype} {list(real.shape)}."
        )
    if len(real) < FEWEST:
        raise InputError(
            f"data: expected at least {FEWEST} real inputs to learn statistics, got {len(real)}."
        )
    return real


def _refuse(steps: int, seeds: int, statistics: str) -> None:
    if steps < 1 or seeds < 1:
        raise InputError(f"steps and seeds must be at least 1, got {steps} and {seeds}.")
    known = ("auto", "covariance", "spectrum")
    if statistics not in known:
        raise InputError(f"statistics={statistics!r} is not known. {near_misses(statistics, known)}")


def _made(model: nn.Module, recipe: _Recipe, meter: _Meter) -> _Made:
    """The whole recipe on one network."""
    best = strongest(model, recipe.data, [recipe.site], k=REAL, units=recipe.units, compute=meter.passing())[
        recipe.site
    ]
    count, each = best.rows.shape
    real = pieces(recipe.data, recipe.canvas, best.rows.flatten(), best.positions.flatten(0, 1))
    real = real.unflatten(0, (count, each))
    task = _task(model, recipe, real)
    summit = climb(task, recipe.statistics, recipe.how.batch_size, meter.add)
    shape = (count, recipe.seeds)
    made, reached = summit.made.unflatten(0, shape), summit.reached.view(shape)
    top = made[torch.arange(count), reached.argmax(1)]
    started = summit.started.view(shape).any(1).cpu()
    largest = best.values[:, 0]
    return _Made(
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


def _task(model: nn.Module, recipe: _Recipe, real: Tensor) -> Climb:
    units = recipe.units.repeat_interleave(recipe.seeds)
    turn = torch.arange(recipe.seeds).repeat(len(recipe.units))
    seeds = (recipe.how.seed * 1_000_003 + turn) * 1_000_003 + units
    starts = torch.stack(
        [
            torch.randn(recipe.statistics.latent, generator=torch.Generator().manual_seed(seed))
            for seed in seeds.tolist()
        ]
    )
    starts = (SPREAD * starts).to(real)
    rescue = real[torch.arange(len(real)).repeat_interleave(recipe.seeds), turn % real.shape[1]]
    return Climb(
        model,
        recipe.site,
        recipe.canvas.place,
        units.to(real.device),
        seeds,
        starts,
        # not the real input itself: the picture is to be made, not copied
        recipe.statistics.find(rescue) + starts / 2,
        recipe.steps,
        recipe.jitter,
    )


def _ratio(reached: Tensor, largest: Tensor) -> Tensor:
    beyond = torch.where(reached > 0, float("inf"), float("nan")).to(reached)
    return torch.where(largest > 0, reached / largest, beyond)


def _finished(
    own: _Made, control: _Made | None, recipe: _Recipe, spec: InputSpec | None, seconds: float
) -> FeaturePictures:
    none = torch.full_like(own.distance, float("nan"))
    beside = none if control is None else control.agreement / control.distance
    return FeaturePictures(
        recipe.site,
        recipe.units,
        own.made,
        own.reached,
        own.best.values[:, 0],
        own.ratio,
        own.distance,
        own.agreement,
        none if control is None else control.ratio,
        none if control is None else control.distance,
        none if control is None else control.agreement,
        own.started,
        words(own.started, own.ratio, own.distance, own.agreement, beside),
        own.real.cpu(),
        own.best.rows,
        own.steps,
        spec,
        own.best.total,
        own.best.n,
        seconds,
        recipe.params(),
        _note(recipe, control is not None),
    )


def _note(recipe: _Recipe, controlled: bool) -> str:
    shown = f"{len(recipe.units)} of {recipe.canvas.units} units."
    return (
        shown if controlled else f"{shown} No untrained control was run, so no picture is called supported."
    )
