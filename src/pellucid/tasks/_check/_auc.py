"""``auc``: how well the network ranks rows, overall or in each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.figures import percent
from pellucid.tasks._check._examined import CASES, Examined, class_named, needs_classes
from pellucid.tasks._check._expectation import Expectation, line, together
from pellucid.tasks._check._grouped import check_share, grouped, in_slices
from pellucid.tasks._check._intervals import auc
from pellucid.tasks._check._outcome import Bound, CheckedRow, Line, Measured
from pellucid.tasks._check._sliced import ANSWER, check_slices


@final
@dataclass(frozen=True, slots=True)
class Auc(Expectation):
    """The chance that a row of the class scores above a row of another is at least this.

    Args:
        at_least: area under the ROC curve, 0 to 1; chance is 0.5.
        of: the class; left out, the second of two.
        by, cuts: as in :class:`Accuracy`.

    Cost:
        One forward pass over the held-out rows.

    Limits:
        Ranks only: a network with a perfect area can be wrong about every probability. DeLong's interval; a
        slice without rows of both kinds is undefined, which counts as not run.

    Source:
        DeLong et al. 1988, Comparing the areas under two or more correlated ROC curves.

    Example:
        >>> Auc(0.75, of="bad").expected()
        'AUC of bad is at least 0.750'
    """

    kind: ClassVar[str] = "auc"
    at_least: float
    of: str = ""
    by: str = ""
    cuts: tuple[float, ...] = ()

    @property
    def bound(self) -> Bound:
        """The least area."""
        return Bound("at least", self.at_least, "number")

    def expected(self) -> str:
        """In words."""
        return grouped(f"AUC of {self.of}" if self.of else "AUC", self.bound, self.by)

    def fits(self, subject: Subject) -> None:
        """Needs classes, and one of them named where there are more than two."""
        needs_classes(subject, self.kind, {})
        check_share("at_least", self.at_least)
        if self.of:
            class_named(subject, self.of)
        elif len(subject.classes) > 2:
            raise InputError(f"of names one of {len(subject.classes)} classes, such as {subject.classes[0]}.")
        if self.by == ANSWER:
            raise InputError("A slice by the answer holds one class, which has no AUC.")
        check_slices(subject, self.by, self.cuts)

    def measure(self, seen: Examined) -> Measured:
        """The area in each slice; chance is 0.5."""
        k = class_named(seen.subject, self.of) if self.of else 1
        scores, positive = seen.shares[:, k], seen.held.answers == k

        def one(label: str, rows: Tensor, count: int) -> Line:
            up = int(positive[rows].sum())
            if up in (0, len(rows)):
                raise InputError(f"All {len(rows)} rows have the same answer.")
            area, ends = auc(scores[rows], positive[rows], together(count))
            return line(self.bound, label, area, ends, len(rows))

        lines, worst = in_slices(
            seen, self.by, self.cuts, one, self.bound, control=lambda _: 0.5, control_name="chance"
        )
        return Measured(lines, _misranked(seen, worst, k))


def _misranked(seen: Examined, rows: Tensor, k: int) -> list[CheckedRow]:
    """Rows on the wrong end: those of the class that score lowest, others that score highest."""
    score = seen.shares[rows, k]
    off = (seen.held.answers[rows] == k).double() - score
    order = off.abs().argsort(descending=True, stable=True)[:CASES]
    name = seen.subject.classes[k]
    return [seen.case(int(rows[i]), f"probability of {name} {percent(float(score[i]), 0)}") for i in order]
