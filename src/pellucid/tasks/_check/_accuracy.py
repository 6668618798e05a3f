"""``accuracy``: the share of right answers, overall or in each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from pellucid._core import Subject, wilson
from pellucid.figures import portion
from pellucid.tasks._check._examined import CASES, Examined, needs_classes
from pellucid.tasks._check._expectation import Expectation, line, together
from pellucid.tasks._check._grouped import check_share, grouped, in_slices
from pellucid.tasks._check._outcome import Bound, CheckedRow, Line, Measured
from pellucid.tasks._check._sliced import check_slices


@final
@dataclass(frozen=True, slots=True)
class Accuracy(Expectation):
    """At least this share of held-out rows is answered rightly.

    Args:
        at_least: share, 0 to 1.
        by: a column of the table, or ``"answer"`` for the true class: then every slice is held to it.
        cuts: where a number is cut; left out, at the quartiles of the training rows.

    Cost:
        One forward pass over the held-out rows.

    Limits:
        Says nothing of which errors cost how much. Wilson's interval, wider the more slices there are, so
        that all of them hold together at 95 %.

    Example:
        >>> Accuracy(0.7).expected()
        'accuracy is at least 70\\xa0%'
    """

    kind: ClassVar[str] = "accuracy"
    at_least: float
    by: str = ""
    cuts: tuple[float, ...] = ()

    @property
    def bound(self) -> Bound:
        """The least share."""
        return Bound("at least", self.at_least)

    def expected(self) -> str:
        """In words."""
        return grouped("accuracy", self.bound, self.by)

    def fits(self, subject: Subject) -> None:
        """Needs classes."""
        needs_classes(subject, self.kind, {"accuracy": "r2"})
        check_share("at_least", self.at_least)
        check_slices(subject, self.by, self.cuts)

    def measure(self, seen: Examined) -> Measured:
        """The share in each slice, beside that of the commonest training class."""
        right = (seen.given == seen.held.answers).double()
        learned = seen.data.answers[seen.data.parts == 0] if bool((seen.data.parts == 0).any()) else None
        commonest = int((seen.held.answers if learned is None else learned).bincount().argmax())

        def one(label: str, rows: Tensor, count: int) -> Line:
            hits, n = float(right[rows].sum()), len(rows)
            return line(self.bound, label, hits / n, wilson(hits, n, together(count)), n)

        def control(rows: Tensor) -> float:
            return float((seen.held.answers[rows] == commonest).double().mean())

        lines, worst = in_slices(
            seen, self.by, self.cuts, one, self.bound,
            each=right, control=control, control_name=f"always {seen.subject.classes[commonest]}",
        )  # fmt: skip
        return Measured(lines, _wrong(seen, worst))


def _wrong(seen: Examined, rows: Tensor) -> list[CheckedRow]:
    """Rows answered wrongly, the surest first."""
    sure = seen.shares[rows].max(1).values
    order = sure.argsort(descending=True, stable=True)
    wrong = [int(r) for r in rows[order] if seen.given[r] != seen.held.answers[r]]
    most = seen.shares.max(1).values
    return [seen.case(r, f"wrong with {portion(float(most[r]), 0)} confidence") for r in wrong[:CASES]]
