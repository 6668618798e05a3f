"""What a network's probabilities are worth: calibration, thresholds, and what it gains by saying nothing."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pellucid._core import Compute, Subject, wilson
from pellucid.errors import InputError
from pellucid.tasks._check._reliability import Ece, Reliability, ece, reliability
from pellucid.tasks._slices import examined

LEAST = 20
KEPT = (1.0, 0.9, 0.75, 0.5)
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval (Wilson).

    Args:
        value, low, high: the share; all of 0..1 where nothing was counted.
        n: rows counted.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """What two answers come to when one is given only from some probability on.

    Args:
        at: the probability from which the answer is given.
        given: share of rows that get it.
        found: of the rows that truly have it, the share that gets it (sensitivity).
        spared: of the rows that do not have it, the share that does not get it (specificity).
        right: of the rows that get it, the share that has it (precision).
    """

    at: float
    given: Share
    found: Share
    spared: Share
    right: Share


@dataclass(frozen=True, slots=True)
class Abstention:
    """How good the answers are when the least certain ones are withheld.

    Args:
        answered: share of the rows that are answered.
        least: smallest probability among them.
        right: share of right answers among them.
    """

    answered: float
    least: float
    right: Share


@dataclass(frozen=True, slots=True, eq=False)
class Certainty:
    """What the network's probabilities are worth on held-out rows.

    Args:
        error: expected calibration error, with its interval and what perfect probabilities would show.
        bins: probability of the answer given against how often it was right.
        abstention: from all rows down to the most certain half.
        answer: the rarer of two classes, about which ``thresholds`` are; empty for more classes.
        thresholds: what that answer comes to from several probabilities on.
        n: held-out rows.
    """

    error: Ece
    bins: Reliability
    abstention: tuple[Abstention, ...]
    answer: str
    thresholds: tuple[Threshold, ...]
    n: int


def certainty(subject: Subject, *, bins: int = 10, compute: Compute | None = None) -> Certainty:
    """How far the network's probabilities can be taken at their word.

    Formula: see :class:`pellucid.tasks.Certainty`; the error is the mean over bins of equal size of
    ``|mean probability - share of right answers|``.

    Args:
        subject: a network with classes and data.
        bins: of equally many rows.
        compute: how to run.

    Returns:
        :class:`Certainty`.

    Raises:
        InputError: in regression, or with fewer than 20 held-out rows.

    Cost:
        One forward pass over the held-out rows.

    Limits:
        The error of perfect probabilities is above 0 too; that is printed beside it. Which threshold is right
        depends on what a wrong answer costs, which no data say.

    Source:
        Naeini et al. 2015; for answers that are withheld El-Yaniv and Wiener 2010.

    Example:
        >>> import pellucid
        >>> found = certainty(pellucid.train("breast-cancer", epochs=2))
        >>> found.abstention[0].answered, found.abstention[-1].answered
        (1.0, 0.5)
    """
    if not subject.classes:
        raise InputError("Calibration needs a network that chooses among classes, this one gives a number.")
    seen = examined(subject, compute)
    n = len(seen.held)
    if n < LEAST:
        raise InputError(f"Calibration needs at least {LEAST} held-out rows, there are {n}.")
    sure, right = seen.shares.max(1).values, seen.given == seen.held.answers
    order = sure.argsort(descending=True, stable=True)
    kept = [order[: max(1, round(share * n))] for share in KEPT]
    two = len(subject.classes) == 2
    learned = seen.data.answers[seen.data.parts == 0]
    k = int((learned if len(learned) else seen.held.answers).bincount(minlength=2).argmin()) if two else 0
    return Certainty(
        ece(sure, right.double(), bins, 0.95, seen.compute.seed),
        reliability(sure, right.double(), bins, "probability of the answer given"),
        tuple(
            Abstention(share, float(sure[rows].min()), _share(right[rows]))
            for share, rows in zip(KEPT, kept, strict=True)
        ),
        subject.classes[k] if two else "",
        tuple(_threshold(seen.shares[:, k], seen.held.answers == k, at) for at in LEVELS) if two else (),
        n,
    )


def _share(hits: Tensor) -> Share:
    n, count = len(hits), int(hits.sum())
    return Share(count / n if n else float("nan"), *wilson(count, n), n)


def _threshold(p: Tensor, has: Tensor, at: float) -> Threshold:
    gets = p >= at
    return Threshold(at, _share(gets), _share(gets[has]), _share(~gets[~has]), _share(has[gets]))
