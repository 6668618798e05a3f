"""``no-worse``: nothing that was measured is worse than in the approved run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid._core import Subject
from pellucid.errors import InputError
from pellucid.tasks._check._approved import Approved, ApprovedLine
from pellucid.tasks._check._examined import CASES, Examined
from pellucid.tasks._check._expectation import Expectation, line, missing, together
from pellucid.tasks._check._intervals import difference, mean_interval
from pellucid.tasks._check._outcome import Bound, CheckedRow, Line, Measured, Outcome


@final
@dataclass(frozen=True, slots=True)
class NoWorse(Expectation):
    """Every number of other expectations is at most a margin worse than in the approved run.

    Where both runs have numbers of the same single rows (answers right or wrong, answers that change, shares
    of attribution), their differences are taken row by row; else the intervals of both runs are set against
    each other, which takes them to be independent and so is the wider. The same network on the same rows has
    no interval: it is compared exactly.

    Args:
        of: titles of other expectations in the file; left out, all of them.
        margin: how much worse a number may be, in its own unit (0.01 is one point of a share).

    Cost:
        None beyond that of the expectations compared.

    Limits:
        With ``margin = 0`` two networks that differ are seldom told apart: the answer is ``undecided`` then.

    Source:
        Zou and Donner 2008, Construction of confidence limits about effect measures; Efron 1979, Bootstrap
        methods.

    Example:
        >>> NoWorse(margin=0.01).expected()
        'nothing is worse than the approved run by more than 0.01'
    """

    kind: ClassVar[str] = "no-worse"
    of: tuple[str, ...] = ()
    margin: float = 0.0

    @property
    def bound(self) -> Bound:
        """How far the difference, better above 0, may fall."""
        return Bound("at least", -self.margin, "number")

    def expected(self) -> str:
        """In words."""
        what = " and ".join(self.of) or "nothing"
        verb = "is not" if self.of else "is"
        return f"{what} {verb} worse than the approved run by more than {self.margin:g}"

    def fits(self, subject: Subject) -> None:
        """The margin is 0 or more."""
        if self.margin < 0:
            raise InputError(f"margin is 0 or more, got {self.margin:g}.")

    def measure(self, seen: Examined) -> Measured:
        """New less approved, each above 0 where the new run is better."""
        if seen.approved is None:
            return Measured([missing("", "There is no approved run yet; write one with --approve.")])
        names = self.of or tuple(name for name, each in seen.expectations.items() if each.kind != self.kind)
        now = {name: seen.outcome(name) for name in names}
        count = sum(len(each.lines) for each in now.values())
        paired = seen.approved.data == seen.rows_hash
        lines, cases = list[Line](), list[CheckedRow]()
        for name, outcome in now.items():
            for each in outcome.lines:
                made, rows = self._compared(seen, seen.approved, name, outcome, each, paired, together(count))
                lines.append(made)
                cases += rows if made.word == "failed" else []
        same = "" if seen.approved.model != seen.model else " It is the same network."
        rows_are = "the same held-out rows" if paired else "other held-out rows, so nothing is paired"
        note = f"Against {seen.approved.name}, {rows_are}; above 0 where this run is better.{same}"
        return Measured(lines, cases[:CASES], (), note)

    def _compared(
        self,
        seen: Examined,
        approved: Approved,
        name: str,
        outcome: Outcome,
        new: Line,
        paired: bool,
        level: float,
    ) -> tuple[Line, list[CheckedRow]]:
        label = f"{name}: {new.label}" if new.label else name
        old = approved.lines.get((name, new.label))
        if old is None or new.value is None:
            why = "It is not in the approved run; approve anew." if old is None else new.note
            return missing(label, why), []
        sign = 1.0 if outcome.bound.side == "at least" else -1.0
        if paired and approved.model == seen.model:
            # the same network on the same rows: what differs is no chance
            value, ends, n, cases = sign * (new.value - old.value), (None, None), new.n, []
        elif paired and new.each is not None and new.rows is not None and _same_rows(new.rows, old):
            assert old.each is not None
            apart = sign * (new.each.double() - old.each)
            value, ends, n = float(apart.mean()), mean_interval(apart, level, seen.compute.seed), len(apart)
            cases = _worse(seen, new.rows, apart, name)
        else:
            value, *both = difference(
                _whole(new.value, new.low, new.high), _whole(old.value, old.low, old.high)
            )
            low, high = sorted(sign * end for end in both)
            value, ends, n, cases = sign * value, (low, high), min(new.n, old.n), []
        made = line(self.bound, label, value, ends, n)
        return dataclasses.replace(made, control=old.value, control_name="approved"), cases


def _same_rows(rows: Tensor, old: ApprovedLine) -> bool:
    return old.rows is not None and old.each is not None and torch.equal(rows.cpu(), old.rows)


def _whole(value: float, low: float | None, high: float | None) -> tuple[float, float, float]:
    return value, value if low is None else low, value if high is None else high


def _worse(seen: Examined, rows: Tensor, apart: Tensor, name: str) -> list[CheckedRow]:
    order = apart.argsort(stable=True)[:CASES]
    return [
        seen.case(int(rows[i]), f"{name}: worse by {-float(apart[i]):.3g}")
        for i in order
        if float(apart[i]) < 0
    ]
