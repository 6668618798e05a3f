"""Where a map lies, beside where the truth lies: the measures for maps whose true place is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import brief, wilson
from pellucid._core._ranks import areas
from pellucid.errors import InputError
from pellucid.evidence._statistics import interval, resamples

Reading = Literal["magnitude", "positive"]
READINGS: tuple[Reading, ...] = ("magnitude", "positive")
DRAWS = 1_999


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean over rows with its 95 % interval.

    Args:
        value: the mean.
        low, high: its interval: Wilson's for a share of independent rows, else bootstrap over rows, or over
            clusters of rows that belong together.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Localisation:
    """How well N maps find their true places.

    Args:
        gain: mean share of the map inside the truth ÷ mean share of the area; 1 is what a constant map has.
        share: the first of both, from 0 to 1.
        pointing: share of rows whose peak lies inside; a tie counts with the part of it that lies inside.
        auc: chance that a random element inside outranks one outside; .5 is chance, 1 perfect.
        precision: share of truth among the K highest elements, K being the truth's size (rank accuracy).
        area: mean share of the elements that are true: what chance gives for share, pointing and precision.
        reading: how a value counts: ``"magnitude"`` is |value|, ``"positive"`` what lies above 0.
        n: rows with a true place.
        rows: ``[n, 5]`` share, pointing, auc, precision and area of each.
    """

    gain: Measure
    share: Measure
    pointing: Measure
    auc: Measure
    precision: Measure
    area: float
    reading: Reading
    n: int
    rows: Tensor

    __repr__ = brief


def localisation(
    values: Tensor,
    truth: Tensor,
    *,
    reading: Reading = "magnitude",
    clusters: Tensor | None = None,
    seed: int = 0,
) -> Localisation:
    """How well maps find the places that are known to be true: shares and ranks without a unit.

    Formula, with ``w`` the map as read (summed over the axes along which the truth does not vary), T the true
    elements and U all: ``share = Σ_T w / Σ_U w``, ``gain = mean share / mean |T|/|U|``,
    ``pointing = mean [argmax w in T]``, ``auc = P(w_T > w_U\\T) + P(=) / 2``,
    ``precision = |top-|T| of w in T| / |T|``.

    Args:
        values: ``[N, *shape]``, signed maps of any shape: pictures, columns, tokens, cells of a spectrogram.
        truth: bool ``[N, *shape]``; an axis of length 1 where the truth is the same along it, such as
            channels. Rows where nothing or everything is true are left out.
        reading: ``"magnitude"`` for slopes and for truths that say what matters; ``"positive"`` for truths
            that say what speaks for the answer.
        clusters: int64 ``[N]``, rows that belong together, such as frames of one film; they are resampled
            together, so that near copies do not make the interval small.
        seed: of the bootstrap.

    Returns:
        A :class:`Localisation`.

    Raises:
        InputError: where shapes do not fit, values are not finite, or no row has a true place.

    Cost:
        No passes.

    Limits:
        A network may be right for reasons outside the mask (water for a swan), and then a faithful map scores
        low; only planted truths that were verified by intervention escape that. Gain rewards few large
        values. An empty map scores what a constant map scores. Pointing has no tolerance around the mask.

    Source:
        Zhang et al. 2016, Top-down Neural Attention, arXiv 1608.00507 (pointing game); Wang et al. 2020,
        Score-CAM, arXiv 1910.01279 (energy share); Arras et al. 2022, arXiv 2003.07258 (rank accuracy);
        Arias-Duart et al. 2022, Focus!, arXiv 2109.15035 (share of the positive part).

    Example:
        >>> truth = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
        >>> truth[:, :, :2, :2] = True
        >>> found = localisation(truth.expand(2, 3, 4, 4).float(), truth)
        >>> found.gain.value, found.pointing.value, found.auc.value
        (4.0, 1.0, 1.0)
        >>> localisation(torch.ones(2, 3, 4, 4), truth).gain.value
        1.0
    """
    weight, inside = _read(values, truth, reading)
    kept = inside.any(1) & ~inside.all(1)
    if not bool(kept.any()):
        raise InputError("No row has a true place: the truth is everywhere or nowhere in each of them.")
    weight, inside = weight[kept], inside[kept]
    rows = torch.stack(
        [
            _share(weight, inside),
            _pointing(weight, inside),
            areas(weight, inside),
            _precision(weight, inside),
            inside.double().mean(1),
        ],
        1,
    )
    groups = torch.arange(len(rows)) if clusters is None else clusters.cpu()[kept.cpu()]
    drawn = _resampled(rows, groups, seed)
    share, pointing, auc, precision = (_measure(rows[:, k], drawn[:, k]) for k in range(4))
    area = float(rows[:, 4].mean())
    low, high = interval(drawn[:, 0] / drawn[:, 4])
    if clusters is None:
        pointing = Measure(pointing.value, *wilson(round(pointing.value * len(rows)), len(rows)))
    gain = Measure(share.value / area, float(low), float(high))
    return Localisation(gain, share, pointing, auc, precision, area, reading, len(rows), rows)


def _read(values: Tensor, truth: Tensor, reading: Reading) -> tuple[Tensor, Tensor]:
    """The map as read and the truth, both ``[N, U]``."""
    fits = values.ndim == truth.ndim >= 2 and all(
        b in (a, 1) for a, b in zip(values.shape, truth.shape, strict=True)
    )
    if not fits or len(values) != len(truth):
        raise InputError(
            f"Expected a truth that fits maps {list(values.shape)}, axis by axis or 1 where it is the same "
            f"along an axis, got {list(truth.shape)}."
        )
    if truth.dtype != torch.bool:
        raise InputError(f"Expected a bool truth, got {truth.dtype}.")
    if not bool(values.isfinite().all()):
        raise InputError("Maps have to be finite, these are not.")
    same = [axis for axis in range(1, values.ndim) if truth.shape[axis] == 1 != values.shape[axis]]
    signed = values.detach().double().cpu()
    whole = signed.abs() if reading == "magnitude" else signed
    summed = whole.sum(same, keepdim=True) if same else whole
    return summed.clamp(min=0).flatten(1), truth.cpu().flatten(1)


def _share(weight: Tensor, inside: Tensor) -> Tensor:
    total = weight.sum(1)
    share = (weight * inside).sum(1) / total.clamp(min=torch.finfo(weight.dtype).tiny)
    return torch.where(total > 0, share, inside.double().mean(1))


def _pointing(weight: Tensor, inside: Tensor) -> Tensor:
    peak = weight == weight.amax(1, keepdim=True)
    return (peak & inside).sum(1).double() / peak.sum(1)


def _precision(weight: Tensor, inside: Tensor) -> Tensor:
    """What a random order among equal values finds on average."""
    size = inside.sum(1, keepdim=True)
    edge = weight.sort(1, descending=True).values.gather(1, size - 1)
    above, level = weight > edge, weight == edge
    left = (size - above.sum(1, keepdim=True)).double()
    hits = (above & inside).sum(1) + left[:, 0] * (level & inside).sum(1) / level.sum(1)
    return hits / size[:, 0]


def _resampled(rows: Tensor, clusters: Tensor, seed: int) -> Tensor:
    """Means of each column in bootstrap samples of whole clusters: ``[DRAWS, columns]``."""
    number = clusters.unique(return_inverse=True)[1]
    count = int(number.max()) + 1
    sums = torch.zeros(count, rows.shape[1], dtype=rows.dtype).index_add_(0, number, rows)
    sizes = number.bincount(minlength=count).to(rows)
    shares = resamples(count, DRAWS, seed).to(rows)
    return (shares @ sums) / (shares @ sizes)[:, None]


def _measure(rows: Tensor, drawn: Tensor) -> Measure:
    low, high = interval(drawn)
    return Measure(float(rows.mean()), float(low), float(high))
