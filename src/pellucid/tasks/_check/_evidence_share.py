"""``evidence``: whether explanations by a method are supported by evidence on enough rows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, final

from pellucid._core import Subject, wilson
from pellucid.errors import InputError
from pellucid.evidence import MethodEvidence, Survey
from pellucid.tasks._check._attribution_share import known_method
from pellucid.tasks._check._examined import CASES, Examined
from pellucid.tasks._check._expectation import Expectation, line, missing, together
from pellucid.tasks._check._grouped import check_share, limit_text
from pellucid.tasks._check._outcome import Bound, CheckedRow, Line, Measured
from pellucid.tasks._explain import fitting_methods, survey

FEWEST = 21


@final
@dataclass(frozen=True, slots=True)
class EvidenceShare(Expectation):
    """Explanations by each method are supported on at least this share of rows.

    Supported means: the map foretells what the network does when parts are taken away better than the same
    map laid elsewhere and than maps of other inputs, at a false discovery rate of 10 %
    (:func:`pellucid.evidence.survey`).

    Args:
        at_least: share, 0 to 1.
        methods: names of attribution methods.
        rows: most rows to test on, out of those of the whole check.

    Cost:
        About 78 rows per input and one-gradient method.

    Limits:
        Rows to which no mask matters are left out. Support says that a map is better than chance, not that it
        is right.

    Example:
        >>> EvidenceShare(0.8, ("occlusion",)).expected()
        'explanations by occlusion are supported on at least 80\\xa0% of rows'
    """

    kind: ClassVar[str] = "evidence"
    at_least: float
    methods: tuple[str, ...] = ("integrated_gradients",)
    rows: int = 64

    @property
    def bound(self) -> Bound:
        """The least share."""
        return Bound("at least", self.at_least)

    def expected(self) -> str:
        """In words."""
        names = " and ".join(self.methods)
        return f"explanations by {names} are supported on {limit_text(self.bound)} of rows"

    def fits(self, subject: Subject) -> None:
        """Needs methods that exist, and enough rows."""
        check_share("at_least", self.at_least)
        for name in self.methods:
            known_method(name)
        if not self.methods or self.rows < FEWEST:
            raise InputError(f"Expected one method or more and rows of {FEWEST} or more, got {self.rows}.")

    def measure(self, seen: Examined) -> Measured:
        """The share supported by each method."""
        fitting = fitting_methods(seen.subject, among=self.methods)
        lines = [
            missing(name, "It does not fit this network.") for name in self.methods if name not in fitting
        ]
        if not fitting:
            return Measured(lines)
        found = survey(seen.subject, methods=list(fitting), rows=self.rows, compute=seen.compute)
        rows = {row.method: row for row in found.methods}
        lines += [self._line(rows[name], found) for name in fitting]
        worst = min((rows[name] for name in fitting), key=lambda row: row.share)
        return Measured(lines, _unsupported(seen, worst, self.rows), (), found.reason)

    def _line(self, row: MethodEvidence, found: Survey) -> Line:
        hits = int(row.supported.sum())
        ends = wilson(hits, found.tested, together(len(self.methods)))
        made = line(self.bound, row.method, row.share if found.tested else None, ends, found.tested)
        if not found.tested:
            return dataclasses.replace(made, note="No mask changes any score.")
        return dataclasses.replace(made, control=0.0, control_name="maps made without the model")


def _unsupported(seen: Examined, row: MethodEvidence, rows: int) -> list[CheckedRow]:
    from pellucid.tasks._rows import sample

    looked = sample(len(seen.held), rows)  # as the survey draws them
    left = (~row.supported).nonzero().flatten()
    order = left[row.agreement[left].argsort(stable=True)][:CASES]
    return [
        seen.case(int(looked[i]), f"not supported by {row.method}: agreement {float(row.agreement[i]):+.2f}")
        for i in order
    ]
