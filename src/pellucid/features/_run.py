"""From what a caller says to the pictures: checks, recipe, control, words."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Json, inputs_hash, model_hash
from pellucid._core._feed import feed
from pellucid._core._field import Field
from pellucid._core._site import Site
from pellucid._core._store import packed
from pellucid._core._strongest import chosen_units
from pellucid._core._units import unit_axis
from pellucid.errors import InputError, StoreError, TargetError
from pellucid.features._canvas import Canvas, canvas_of, samples
from pellucid.features._choice import known, statistics_of
from pellucid.features._control import Control, no_control
from pellucid.features._kept import kept_in
from pellucid.features._nearness import Nearness
from pellucid.features._objectives import Objective, Unit, named_at, of_output, sees_all
from pellucid.features._origins import Origins
from pellucid.features._pictures import FeaturePictures
from pellucid.features._portion import portion_size
from pellucid.features._pulls import Diversity
from pellucid.features._recipe import Made, Meter, Recipe, control, follow
from pellucid.features._statistics import channel_range
from pellucid.features._transfer import refuse_twin
from pellucid.features._trust import beside as measures_beside
from pellucid.features._views import Transforms, Views
from pellucid.features._words import control_bar, words

FEWEST = 8
OUTPUT = "."


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What the public functions of this folder share."""

    spec: InputSpec | None
    steps: int
    seeds: int
    statistics: str
    transforms: Transforms
    diversity: float
    diversity_at: str | None
    untrained_control: bool
    keep: str | Path | None
    twin: nn.Module | None
    how: Compute
    field: Field | None = None

    def settings(self) -> dict[str, Json]:
        """What a run that goes on must share with the one that began."""
        return {
            "steps": self.steps,
            "seeds": self.seeds,
            "statistics": self.statistics,
            "transforms": self.transforms,
            "diversity": self.diversity,
            "diversity_at": self.diversity_at,
            "untrained_control": self.untrained_control,
            "seed": self.how.seed,
            "twin": None if self.twin is None else model_hash(self.twin),
            "spec": None if self.spec is None else _digest(self.spec),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Real inputs that climbs begin at, or that caricatures look like."""

    inputs: Tensor
    strength: float
    climbs: bool
    names: tuple[str, ...]


def run(
    model: nn.Module,
    site: str | None,
    data: Tensor,
    objectives: Sequence[Objective] | None,
    options: Options,
    *,
    units: Sequence[int] | Tensor | None = None,
    start: Start | None = None,
) -> FeaturePictures:
    """Make the pictures; without ``objectives`` of ``units``, without these of every unit of the layer."""
    began = time.perf_counter()
    how = options.how
    _refuse(options)
    if options.twin is not None:
        refuse_twin(model, options.twin)
    real = as_fed(model, data, options.spec, how)
    if len(real) < FEWEST:
        raise InputError(
            f"data: expected at least {FEWEST} real inputs to learn statistics, got {len(real)}."
        )
    if start is not None and start.inputs.shape[1:] != real.shape[1:]:
        raise InputError(
            f"inputs: expected the shape of the data {list(real.shape[1:])}, "
            f"got {list(start.inputs.shape[1:])}."
        )
    known(options.statistics, real.ndim)
    place = site_of(site, objectives)
    whole = start is not None or any(map(sees_all, objectives or ()))
    canvas = canvas_of(model, real[:1], place, how, whole=whole, field=options.field)
    chosen = tuple(objectives or map(Unit, chosen_units(units, canvas.units, place).tolist()))
    sample, rows = samples(real, canvas, how.seed)
    kept = statistics_of(sample, options.statistics, options.spec)
    ordered = real.ndim == 3 and unit_axis(model, real[:1], ".:in") != 1
    if ordered and options.transforms in ("jitter", "full"):
        raise InputError(
            f"transforms={options.transforms!r} moves channels [N, C, T] along T; this network reads steps "
            "[N, T, D]. Leave it out, or say 'none'."
        )
    transforms = "none" if ordered else options.transforms
    near = Nearness.of(sample, rows, standardised=real.ndim == 2, shifts=not ordered)
    labels = tuple(named_at(goal, place) for goal in chosen)
    if start is not None and start.climbs:
        labels = tuple(f"{name}: {label}" for name, label in zip(start.names, labels, strict=True))
    climbs = (chosen, None if start is None else (start.inputs, start.strength, start.climbs))

    def settings() -> dict[str, Json]:
        return {
            **options.settings(),
            "site": place,
            "objectives": [*labels, _digest(climbs)[:12]],
            "model": model_hash(model),
            "data": inputs_hash(real),
        }

    like = torch.zeros(1, *canvas.shape).to(real)
    store, size = kept_in(options.keep, settings, lambda: portion_size(model, place, like, how.batch_size))
    recipe = Recipe(
        place,
        chosen,
        real,
        sample,
        canvas,
        kept,
        near,
        options.steps,
        options.seeds,
        Views.of(transforms, canvas.shape, options.spec),
        Diversity(options.diversity, options.diversity_at or place, options.seeds)
        if options.diversity
        else None,
        None if start is None else _origins(start, real, near),
        replace(how, batch_size=size),
        store,
        options.twin,
    )
    meter = Meter(how, recipe.work + (recipe.control_work if options.untrained_control else 0))
    own = follow(model, recipe, meter)
    beside = control(model, recipe, meter) if options.untrained_control else no_control(own)
    return _finished(own, beside, recipe, labels, options.spec, time.perf_counter() - began)


def as_fed(
    model: nn.Module, data: Tensor, spec: InputSpec | None, how: Compute, name: str = "data"
) -> Tensor:
    """Inputs as the network takes them, checked."""
    if not isinstance(data, Tensor):
        raise InputError(
            f"{name}: expected a tensor [N, *shape] of real inputs, got {type(data).__name__}. "
            "Networks with several inputs have no pictures yet; look at the exemplars of their units."
        )
    real = feed(model, data, spec=spec, compute=how).packed
    if real.ndim < 2 or not real.is_floating_point():
        raise InputError(
            f"{name}: expected rows [N, D] or pictures [N, C, H, W] of floating numbers, "
            f"got {real.dtype} {list(real.shape)}."
        )
    if real.dtype in (torch.float16, torch.bfloat16):
        raise InputError(
            f"{name}: {real.dtype} is too coarse to climb and to compare pictures in. Give a copy of the "
            "network in single precision, copy.deepcopy(model).float(), and float data."
        )
    if not len(real):
        raise InputError(f"{name}: expected at least one input, got none.")
    return real


def names_of(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """What inputs are called."""
    if names is not None and len(names) != count:
        raise InputError(f"names: expected one for each of the {count} inputs, got {len(names)}.")
    return tuple(names if names is not None else (f"input {i}" for i in range(count)))


def site_of(site: str | None, objectives: Sequence[Objective] | None) -> str:
    """The layer that is read; the network's output for classes."""
    asked = {of_output(each) for each in objectives or ()}
    if objectives is not None and not asked:
        raise TargetError(
            "objectives is empty; name at least one, such as Unit(3), or leave it out for all units."
        )
    if len(asked) == 2:
        raise TargetError("Classes and hidden units are read at different places; run them apart.")
    if True in asked:
        read = site or OUTPUT
        if replace(Site.parse(read), item=None) != Site(OUTPUT):
            raise TargetError(
                f"A class is read from the network's output, not from {site!r}; leave the layer away."
            )
        return read
    if site is None:
        raise TargetError("Say which layer's units are meant; only classes go without one.")
    return site


def _refuse(options: Options) -> None:
    if options.steps < 1 or options.seeds < 1:
        raise InputError(f"steps and seeds must be at least 1, got {options.steps} and {options.seeds}.")
    if options.diversity < 0 or (options.diversity and options.seeds < 2):
        raise InputError(
            f"diversity holds several seeds apart: expected 0 or more, and seeds of at least 2; got "
            f"{options.diversity} and {options.seeds}."
        )


def _origins(start: Start, real: Tensor, near: Nearness) -> Origins:
    low, high = channel_range(real) if real.ndim > 2 else (real.amin(0), real.amax(0))
    return Origins(start.inputs.to(real), start.strength, low, high, near, real.ndim == 2, start.climbs)


def _digest(value: object) -> str:
    try:
        return hashlib.sha256(packed(value)).hexdigest()
    except StoreError:
        # a user's own spec has no bytes of ours
        return type(value).__qualname__


def _finished(
    own: Made,
    beside: Control,
    recipe: Recipe,
    labels: tuple[str, ...],
    spec: InputSpec | None,
    seconds: float,
) -> FeaturePictures:
    far, origins = recipe.nearness.far, None if recipe.origins is None else recipe.origins.inputs
    trust = measures_beside(own.trust, beside)
    bar = control_bar(beside.steadiness)
    return FeaturePictures(
        recipe.site,
        recipe.units,
        own.made,
        own.reached,
        own.best.values[:, 0],
        own.ratio,
        own.distance,
        own.agreement,
        beside.ratio,
        beside.distance,
        beside.agreement,
        own.started,
        words(
            own.started,
            own.ratio,
            own.distance,
            own.agreement,
            far,
            own.steadiness,
            bar,
            trust,
            near=not own.changes,
        ),
        own.real.cpu(),
        own.best.rows,
        own.steps,
        spec,
        recipe.canvas.units,
        own.best.n,
        seconds,
        recipe.params(),
        _note(recipe, recipe.canvas, bool(beside.steadiness.isfinite().any())),
        labels,
        own.importance,
        None if origins is None else origins.cpu(),
        own.at_origin,
        None if origins is None else recipe.nearness.apart(own.made.to(origins), origins).cpu(),
        trust,
        own.steadiness,
        bar,
    )


def _note(recipe: Recipe, canvas: Canvas, controlled: bool) -> str:
    count = len(recipe.objectives)
    about_units = bool((recipe.units >= 0).all())
    shown = f"{count} of {canvas.units} units." if about_units else f"{count} objective{'s' * (count > 1)}."
    if recipe.diversity is not None:
        shown = f"{shown} Faces of one objective were held apart, so they agree less than they would."
    if controlled:
        return shown
    return f"{shown} There is no untrained control to compare with, so no picture is called supported."


__all__ = ["Options", "Start", "run"]
