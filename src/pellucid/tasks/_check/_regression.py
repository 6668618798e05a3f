"""``r2`` and ``error``: how well a number is foretold, overall or in each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.tasks._check._examined import CASES, Examined
from pellucid.tasks._check._expectation import Expectation, line, together
from pellucid.tasks._check._grouped import grouped, in_slices
from pellucid.tasks._check._outcome import Bound, CheckedRow, Line, Measured
from pellucid.tasks._check._sliced import check_slices

DRAWS = 2000


@final
@dataclass(frozen=True, slots=True)
class RSquared(Expectation):
    """The network explains at least this part of the variance of the answers.

    Args:
        at_least: R²; 1 is all of the variance, 0 no better than the mean, below 0 worse.
        by, cuts: as in :class:`Accuracy`; within a slice the slice's own mean is the yardstick.

    Cost:
        One forward pass over the held-out rows. The interval is the bootstrap's over rows.

    Example:
        >>> RSquared(0.4).expected()
        'R² is at least 0.400'
    """

    kind: ClassVar[str] = "r2"
    at_least: float
    by: str = ""
    cuts: tuple[float, ...] = ()

    @property
    def bound(self) -> Bound:
        """The least."""
        return Bound("at least", self.at_least, "number")

    def expected(self) -> str:
        """In words."""
        return grouped("R²", self.bound, self.by)

    def fits(self, subject: Subject) -> None:
        """Needs a network that gives a number."""
        _needs_number(subject, self.kind)
        check_slices(subject, self.by, self.cuts)

    def measure(self, seen: Examined) -> Measured:
        """R² in each slice."""
        given, true = seen.given, seen.held.answers.double()

        def one(label: str, rows: Tensor, count: int) -> Line:
            if len(rows) < 3:
                raise InputError(f"{len(rows)} rows are too few for R².")
            drawn = rows[_draws(len(rows), seen.compute.seed)]
            ends = _ends(_r2(given[drawn], true[drawn]), together(count))
            return line(self.bound, label, float(_r2(given[rows], true[rows])), ends, len(rows))

        lines, worst = in_slices(seen, self.by, self.cuts, one, self.bound)
        return Measured(lines, _far(seen, worst))


@final
@dataclass(frozen=True, slots=True)
class PredictionError(Expectation):
    """The root of the mean squared error is at most this, in the answer's unit.

    Args:
        at_most: in the unit of the answer.
        by, cuts: as in :class:`Accuracy`.

    Cost:
        One forward pass over the held-out rows. The interval is the bootstrap's over rows.

    Example:
        >>> PredictionError(60).expected()
        'root mean squared error is at most 60'
    """

    kind: ClassVar[str] = "error"
    at_most: float
    by: str = ""
    cuts: tuple[float, ...] = ()

    @property
    def bound(self) -> Bound:
        """The most."""
        return Bound("at most", self.at_most, "number")

    def expected(self) -> str:
        """In words."""
        return grouped("root mean squared error", self.bound, self.by)

    def fits(self, subject: Subject) -> None:
        """Needs a network that gives a number."""
        _needs_number(subject, self.kind)
        check_slices(subject, self.by, self.cuts)

    def measure(self, seen: Examined) -> Measured:
        """The error in each slice, beside that of always giving the training mean."""
        true = seen.held.answers.double()
        squares = (seen.given - true).square()
        learned = seen.data.answers[seen.data.parts == 0]
        mean = (learned if len(learned) else seen.held.answers).double().mean()

        def one(label: str, rows: Tensor, count: int) -> Line:
            drawn = rows[_draws(len(rows), seen.compute.seed)]
            ends = _ends(squares[drawn].mean(1).sqrt(), together(count))
            return line(self.bound, label, float(squares[rows].mean().sqrt()), ends, len(rows))

        lines, worst = in_slices(
            seen, self.by, self.cuts, one, self.bound,
            control=lambda rows: float((mean - true[rows]).square().mean().sqrt()),
            control_name="always the training mean",
        )  # fmt: skip
        return Measured(lines, _far(seen, worst))


def _needs_number(subject: Subject, kind: str) -> None:
    if subject.classes:
        raise InputError(f"{kind} needs a network that gives a number, this one chooses among classes.")


def _draws(n: int, seed: int) -> Tensor:
    return torch.randint(n, (DRAWS, n), generator=torch.Generator().manual_seed(seed))


def _ends(draws: Tensor, level: float) -> tuple[float, float]:
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = draws.quantile(ends).tolist()
    return low, high


def _r2(given: Tensor, true: Tensor) -> Tensor:
    left = (given - true).square().sum(-1)
    return 1 - left / (true - true.mean(-1, keepdim=True)).square().sum(-1).clamp_min(1e-12)


def _far(seen: Examined, rows: Tensor) -> list[CheckedRow]:
    off = (seen.given - seen.held.answers)[rows]
    order = off.abs().argsort(descending=True, stable=True)[:CASES]
    return [seen.case(int(rows[i]), f"off by {float(off[i]):+.4g} {seen.held.unit}".rstrip()) for i in order]
