"""What estimated numbers are worth: their bias, their spread, and how far off they may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Compute, Subject, predict, wilson
from pellucid.errors import InputError
from pellucid.tasks._certainty import Share
from pellucid.tasks._slices import examined

LEAST, EACH, MOST = 20, 12, 10  # held-out rows; rows of a bin; bins
PROMISED = 0.9
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Around:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Band:
    """Rows of similar estimates.

    Args:
        said: the mean estimate.
        came: the mean true answer with its interval.
        n: rows.
    """

    said: float
    came: Around
    n: int


@dataclass(frozen=True, slots=True)
class Within:
    """How often the true answer lies no further off than promised.

    Args:
        which: which rows, in words.
        share: of these rows.
    """

    which: str
    share: Share


@dataclass(frozen=True, slots=True)
class NumberCalibration:
    """What a network's numbers are worth on held-out rows.

    Args:
        bias: mean of estimate less true answer, in the answer's unit; 0 where they agree on average.
        slope: of the true answers over the estimates; 1 where they agree, below 1 where the estimates are
            too far apart (high ones too high, low ones too low), above 1 where they are too close together.
        bands: rows of similar estimates, from the lowest to the highest.
        reach: the distance within which 90 % of the answers to validation rows lay; ``None`` where there are
            too few of these.
        promised: that share.
        within: how often held-out answers lie within ``reach``: all rows, and each third of the estimates.
        chance: how often so few or fewer held-out answers lie within ``reach`` where held-out and validation
            rows are alike (exact: beta-binomial); ``None`` without a reach.
        n, validation: rows.
    """

    bias: Around
    slope: Around
    bands: tuple[Band, ...]
    reach: float | None
    promised: float
    within: tuple[Within, ...]
    chance: float | None
    n: int
    validation: int


def number_calibration(subject: Subject, *, compute: Compute | None = None) -> NumberCalibration:
    """How far the network's numbers can be taken at their word.

    Formula: bias ``mean(estimate - true)`` and the slope of least squares of true over estimate, with the
    bootstrap's 95 % interval over rows; bands of equally many rows with the normal interval of their mean;
    ``reach`` the ``ceil(0.9 (m + 1))``-th smallest ``|estimate - true|`` of m validation rows (split
    conformal), shares with Wilson's interval.

    Args:
        subject: a network that gives a number, with data.
        compute: how to run.

    Returns:
        :class:`NumberCalibration`.

    Raises:
        InputError: for classes, or fewer than 20 held-out rows.

    Cost:
        One forward pass over the held-out and the validation rows.

    Limits:
        The network gives a number without an interval of its own: ``reach`` is one distance for all rows,
        and the thirds show for which it is too short. Validation rows on which training was stopped are
        slightly too easy, so the reach is slightly too short. Nothing holds for rows of another origin.

    Source:
        Cox 1958; Steyerberg 2019 (bias and slope); Papadopoulos et al. 2002; Lei et al. 2018.

    Example:
        >>> import pellucid
        >>> found = number_calibration(pellucid.train("diabetes", epochs=2))
        >>> len(found.within), found.bands[0].said < found.bands[-1].said
        (4, True)
    """
    if subject.classes:
        raise InputError("This network chooses among classes; use certainty() for its probabilities.")
    seen = examined(subject, compute)
    given, true = seen.given.double(), seen.held.answers.double()
    n = len(true)
    if n < LEAST:
        raise InputError(f"Calibration needs at least {LEAST} held-out rows, there are {n}.")
    drawn = torch.randint(n, (DRAWS, n), generator=torch.Generator().manual_seed(seen.compute.seed))
    off = given - true
    reach, count = _reach(subject, seen.compute)
    return NumberCalibration(
        _around(float(off.mean()), off[drawn].mean(1)),
        _around(float(_slope(given, true)), _slope(given[drawn], true[drawn])),
        _bands(given, true),
        reach,
        PROMISED,
        () if reach is None else _within(given, off.abs() <= reach),
        None if reach is None else _chance(int((off.abs() <= reach).sum()), n, count),
        n,
        count,
    )


def _around(value: float, draws: Tensor) -> Around:
    low, high = draws.nanquantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Around(value, low, high)


def _slope(given: Tensor, true: Tensor) -> Tensor:
    """Of the line of least squares of true over given, along the last axis; nan where all given are one."""
    apart = given - given.mean(-1, keepdim=True)
    square = apart.square().sum(-1)
    return torch.where(square > 0, (apart * true).sum(-1) / square, math.nan)


def _bands(given: Tensor, true: Tensor) -> tuple[Band, ...]:
    order = given.argsort(stable=True)
    found: list[Band] = []
    for rows in order.tensor_split(max(1, min(MOST, len(given) // EACH))):
        came = true[rows]
        mean, half = float(came.mean()), 1.96 * float(came.std()) / math.sqrt(len(rows))
        found.append(Band(float(given[rows].mean()), Around(mean, mean - half, mean + half), len(rows)))
    return tuple(found)


def _reach(subject: Subject, how: Compute) -> tuple[float | None, int]:
    """The distance within which the promised share of validation answers lay, and how many these are."""
    data = subject.needs_data("calibration")
    tuned = data.rows(data.parts == 1)
    m = len(tuned)
    # without test rows the validation rows are the held-out ones: they cannot judge themselves
    if m < LEAST or not bool((data.parts == 2).any()):
        return None, m
    given = predict(subject.model, tuned.inputs, spec=subject.spec, compute=how).double().cpu().flatten()
    off = (given - tuned.answers.double()).abs().sort().values
    return float(off[math.ceil(PROMISED * (m + 1)) - 1]), m


def _chance(hits: int, n: int, m: int) -> float:
    """Probability of at most so many of n rows within the k-th smallest error of m rows like them."""
    from scipy.stats import betabinom

    k = math.ceil(PROMISED * (m + 1))
    return float(betabinom.cdf(hits, n, k, m + 1 - k))


def _within(given: Tensor, inside: Tensor) -> tuple[Within, ...]:
    thirds = given.argsort(stable=True).tensor_split(3)
    parts = {
        "all rows": torch.arange(len(given)),
        **dict(zip(("lowest third of the estimates", "middle third", "highest third"), thirds, strict=True)),
    }
    return tuple(
        Within(which, Share(hits / len(rows), *wilson(hits, len(rows)), len(rows)))
        for which, rows in parts.items()
        for hits in (int(inside[rows].sum()),)
    )
