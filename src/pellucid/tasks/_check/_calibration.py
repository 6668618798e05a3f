"""``calibration``: how far probabilities can be taken at their word, overall or in each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.tasks._check._examined import Examined, class_named, needs_classes
from pellucid.tasks._check._expectation import Expectation, line, together
from pellucid.tasks._check._grouped import check_share, grouped, in_slices
from pellucid.tasks._check._intervals import mean_interval
from pellucid.tasks._check._outcome import Bound, Line, Measured
from pellucid.tasks._check._reliability import Reliability, ece, reliability
from pellucid.tasks._check._sliced import ANSWER, check_slices

LEAST = 20


@final
@dataclass(frozen=True, slots=True)
class Calibration(Expectation):
    """Probabilities differ from frequencies by at most this.

    Args:
        at_most: for ``"ece"`` the mean distance between probability and frequency, 0 to 1; for ``"brier"``
            the mean squared distance between probabilities and answers, 0 to 1 with two classes, else to 2.
        score: which of them.
        of: the class whose probability is judged by ``"ece"``; left out, that of the class answered.
        by, cuts: as in :class:`Accuracy`.
        bins: of equal size, for ``"ece"``.

    Cost:
        One forward pass over the held-out rows.

    Limits:
        The ECE of perfect probabilities is far above 0 where rows are few. So its interval reaches down by
        all that chance can add to it, and beside the number stands what perfect probabilities would show on
        as many rows. Brier's score also punishes probabilities that are right but not sharp.

    Source:
        Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning; Brier
        1950, Verification of forecasts expressed in terms of probability.

    Example:
        >>> Calibration(0.05, by="age").expected()
        'calibration error (ECE) is at most 5\\xa0% in every slice of age'
    """

    kind: ClassVar[str] = "calibration"
    at_most: float
    score: Literal["ece", "brier"] = "ece"
    of: str = ""
    by: str = ""
    cuts: tuple[float, ...] = ()
    bins: int = 10

    @property
    def bound(self) -> Bound:
        """The most."""
        return Bound("at most", self.at_most, "share" if self.score == "ece" else "number")

    def expected(self) -> str:
        """In words."""
        what = "calibration error (ECE)" if self.score == "ece" else "Brier score"
        return grouped(f"{what} of {self.of}" if self.of else what, self.bound, self.by)

    def fits(self, subject: Subject) -> None:
        """Needs classes."""
        needs_classes(subject, self.kind, {"calibration": "error"})
        check_share("at_most", self.at_most)
        if self.bins < 2:
            raise InputError(f"bins is 2 or more, got {self.bins}.")
        if self.of:
            class_named(subject, self.of)
        if self.by == ANSWER:
            raise InputError("A slice by the answer holds one class, whose frequency is 1. Take a column.")
        check_slices(subject, self.by, self.cuts)

    def measure(self, seen: Examined) -> Measured:
        """The error in each slice."""
        return self._ece(seen) if self.score == "ece" else self._brier(seen)

    def _ece(self, seen: Examined) -> Measured:
        if self.of:
            k = class_named(seen.subject, self.of)
            sure, hit = seen.shares[:, k], (seen.held.answers == k).double()
        else:
            sure, hit = seen.shares.max(1).values, (seen.given == seen.held.answers).double()
        what = f"probability of {self.of}" if self.of else "probability of the answer given"
        drawn: dict[str, Reliability] = {}

        def one(label: str, rows: Tensor, count: int) -> Line:
            if len(rows) < LEAST:
                raise InputError(f"{len(rows)} rows are too few; {LEAST} are needed.")
            found = ece(sure[rows], hit[rows], self.bins, together(count), seen.compute.seed)
            drawn[label] = reliability(sure[rows], hit[rows], self.bins, f"{what}: {label}")
            made = line(self.bound, label, found.value, (found.low, found.high), len(rows))
            return _beside(made, found.perfect, "perfect probabilities")

        lines, _ = in_slices(seen, self.by, self.cuts, one, self.bound)
        shown = [drawn[each.label] for each in lines if each.label in drawn][:2]
        return Measured(lines, (), shown)

    def _brier(self, seen: Examined) -> Measured:
        k = seen.shares.shape[1]
        truth = torch.nn.functional.one_hot(seen.held.answers, k).double()
        squares = (seen.shares - truth).square().sum(1) / (2 if k == 2 else 1)
        learned = seen.data.answers[seen.data.parts == 0]
        base = (learned if len(learned) else seen.held.answers).bincount(minlength=k).double()
        base = base / base.sum()
        trivial = (base - truth).square().sum(1) / (2 if k == 2 else 1)

        def one(label: str, rows: Tensor, count: int) -> Line:
            ends = mean_interval(squares[rows], together(count), seen.compute.seed)
            return line(self.bound, label, float(squares[rows].mean()), ends, len(rows))

        lines, worst = in_slices(
            seen, self.by, self.cuts, one, self.bound, each=squares,
            control=lambda rows: float(trivial[rows].mean()), control_name="always the training frequencies",
        )  # fmt: skip
        order = squares[worst].argsort(descending=True, stable=True)[:6]
        cases = [seen.case(int(worst[i]), f"squared distance {float(squares[worst[i]]):.2f}") for i in order]
        return Measured(lines, cases)


def _beside(made: Line, control: float, name: str) -> Line:
    import dataclasses

    return dataclasses.replace(made, control=control, control_name=name)
