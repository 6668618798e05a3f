"""Activation maximization: what each unit of a layer would most like to see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from pellucid._core import Compute, InputSpec
from pellucid._core._feed import feed
from pellucid._core._strongest import chosen_units
from pellucid.errors import InputError
from pellucid.features._canvas import canvas_of, samples
from pellucid.features._choice import known, statistics_of
from pellucid.features._nearness import Nearness
from pellucid.features._pictures import FeaturePictures
from pellucid.features._recipe import Control, Made, Meter, Recipe, control, follow, no_control
from pellucid.features._words import words

JITTER_FROM = 16
FEWEST = 8


def activation_maximization(
    model: nn.Module,
    site: str,
    *,
    spec: InputSpec | None = None,
    data: Tensor,
    units: Sequence[int] | Tensor | None = None,
    steps: int = 256,
    seeds: int = 2,
    statistics: Literal["auto", "covariance", "spectrum", "fourier", "phase", "marginals", "free"] = "auto",
    untrained_control: bool = True,
    compute: Compute | None = None,
) -> FeaturePictures:
    """Inputs that move each unit of a layer most, learned inside the data's own statistics.

    Each made input ``x(z)`` climbs ``max_z a_u(x(z))``, ``a_u`` the value of unit u (of a channel: at a
    central position), where ``x(z)`` cannot leave the statistics of ``data``:

    - ``covariance`` (inputs up to 1,024 numbers): the mean plus principal components that hold 90 % of the
      variance (98 % up to 256 numbers), Mahalanobis radius and distance from the mean at most the data's 95 %
      quantile;
    - ``spectrum`` (larger ones): phase free, magnitude at each frequency between the data's 5 % and 95 %
      quantiles, channels decorrelated, distance from the mean capped alike;
    - ``marginals`` (rows of a table): each number through its column's quantiles, all inside the Mahalanobis
      ball that holds 95 % of the data; a category is a mixture of levels on the way and one level at the end;
    - ``phase``: the data's mean magnitude at each frequency, phase free, the data's colour covariance;
    - ``fourier``: every wave free but weighed by 1/f, the data's colour covariance;
    - ``free``: no bound at all, as a control: it reaches several times more than any real input and shows
      noise that an untrained network likes as much.

    The first three are what ``"auto"`` chooses from. Pictures but the free ones stay in each channel's range. Where only convolutions and pools lie before the layer, the
    canvas is as large as the receptive field. Canvases from 16 pixels on are moved at random in each step,
    each by itself. A start that a dead ReLU does not answer begins again near a strong real input. An input
    stops when its value gained less than 0.5 % in 32 steps.

    The control runs the same recipe on at least 4 untrained twins, the units shared out among them so that
    there are 20 trials or more. Words: ``"did not start"`` where no start had a gradient; ``"not better than
    an untrained network"`` unless agreement ÷ distance exceeds that of 95 % of the trials (of all, below 20
    trials that count); ``"supported"`` if besides ratio ≥ 0.5, agreement ≥ 0.5 and the distance is at most
    that of 95 % of the real inputs to their nearest neighbour (``params["far"]``); else ``"weak"``. Without
    a control, or with one start, no more than ``"weak"``.

    Args:
        model: any network; it comes back as it was.
        site: the layer; the output layer for class pictures.
        spec: what an input means; categories of a :class:`~pellucid.inputs.TabularSpec` are kept whole.
        data: real inputs ``[N, *shape]`` as the network takes them; 500 or more give steady statistics.
        units: which units; ``None`` for all.
        steps: most steps.
        seeds: starts per unit.
        statistics: what a made input keeps of the data; ``"auto"`` chooses by kind and size.
        untrained_control: whether to run the same recipe on untrained twins.
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
        layer. The control takes a pass over the data per twin and once or more often the same rows.

    Limits:
        A large ratio proves nothing: untrained networks reach as much. What a picture shows is one maximum,
        not all that a unit answers to, and it can be steered without changing what the network does; look at
        the real inputs beside it first. First layers are close to linear, so their pictures are no steadier
        than those of an untrained network. Categories move independently of the numbers.

    Source:
        Erhan et al. 2009, Visualizing higher-layer features of a deep network; Fel et al. 2023, Unlocking
        feature visualization with magnitude constrained optimization, arXiv 2306.06805 (the spectrum);
        Geirhos et al. 2023, Don't trust your eyes, arXiv 2306.04719 (the limits).

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        >>> made = activation_maximization(net, "1", data=torch.randn(64, 4), steps=8)
        >>> made.pictures.shape, len(made.words)
        (torch.Size([3, 2, 4]), 3)
    """
    began = time.perf_counter()
    how = compute or Compute()
    real = _real(model, data, spec, how)
    _refuse(steps, seeds)
    known(statistics, real.ndim)
    canvas = canvas_of(model, real[:1], site, how)
    picked = chosen_units(units, canvas.units, site)
    sample, rows = samples(real, canvas, how.seed)
    kept = statistics_of(sample, statistics, spec)
    jitter = tuple(side // JITTER_FROM for side in canvas.shape[1:])
    near = Nearness.of(sample, rows, standardised=real.ndim == 2)
    recipe = Recipe(site, picked, real, sample, canvas, kept, near, steps, seeds, jitter, how)
    meter = Meter(how, recipe.work + (recipe.control_work if untrained_control else 0))
    own = follow(model, recipe, meter)
    beside = control(model, recipe, meter) if untrained_control else no_control(own.distance)
    return _finished(own, beside, recipe, spec, time.perf_counter() - began)


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


def _refuse(steps: int, seeds: int) -> None:
    if steps < 1 or seeds < 1:
        raise InputError(f"steps and seeds must be at least 1, got {steps} and {seeds}.")


def _finished(
    own: Made, beside: Control, recipe: Recipe, spec: InputSpec | None, seconds: float
) -> FeaturePictures:
    far = recipe.nearness.far
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
        words(own.started, own.ratio, own.distance, own.agreement, far, beside.steadiness),
        own.real.cpu(),
        own.best.rows,
        own.steps,
        spec,
        own.best.total,
        own.best.n,
        seconds,
        recipe.params(),
        _note(recipe, bool(beside.steadiness.isfinite().any())),
    )


def _note(recipe: Recipe, controlled: bool) -> str:
    shown = f"{len(recipe.units)} of {recipe.canvas.units} units."
    if controlled:
        return shown
    return f"{shown} There is no untrained control to compare with, so no picture is called supported."
