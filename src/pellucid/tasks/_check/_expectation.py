"""What every kind of expectation promises, and how one is judged."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pellucid.errors import InputError, MethodError, TargetError
from pellucid.tasks._check._outcome import WORST, Bound, Line, Measured, Outcome

if TYPE_CHECKING:
    from pellucid._core import Subject
    from pellucid.tasks._check._examined import Examined

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation(ABC):
    """A demand on a network that can be measured and judged.

    Args:
        name: what to call it; left out, what it demands in words.
        undecided: whether an interval that reaches across the bound is only told, or counts as broken;
            ``"told"`` where neither this nor the file says otherwise.
    """

    kind: ClassVar[str] = ""
    name: str = ""
    undecided: Literal["", "told", "fail"] = ""

    @property
    @abstractmethod
    def bound(self) -> Bound:
        """What its numbers are held against."""

    @abstractmethod
    def expected(self) -> str:
        """What it demands, as a sentence without its full stop."""

    @abstractmethod
    def fits(self, subject: Subject) -> None:
        """Raise :class:`InputError` where it cannot be asked of this subject, before anything is run."""

    @abstractmethod
    def measure(self, seen: Examined) -> Measured:
        """The numbers, judged by :func:`line`."""

    @property
    def title(self) -> str:
        """Its name, or what it demands."""
        return self.name or self.expected()


def line(
    bound: Bound,
    label: str,
    value: float | None,
    ends: tuple[float, float] | tuple[None, None],
    n: int,
) -> Line:
    """A number held against a bound."""
    return Line(label, value, ends[0], ends[1], n, bound.word(value, *ends))


def missing(label: str, why: str) -> Line:
    """A number that could not be measured."""
    return Line(label, None, None, None, 0, "not run", note=why)


def together(lines: int) -> float:
    """Level of each of several intervals so that all of them hold at 95 % (Bonferroni).

    Example:
        >>> round(together(1), 3), round(together(5), 3)
        (0.95, 0.99)
    """
    return 1 - (1 - LEVEL) / max(1, lines)


def judge(expectation: Expectation, seen: Examined) -> Outcome:
    """Measure one expectation; what the network or a method cannot do is told as ``not run``."""
    began = time.perf_counter()
    try:
        found = expectation.measure(seen)
    except (InputError, MethodError, TargetError) as error:
        found = Measured([missing("", str(error))])
    lines = sorted(found.lines, key=lambda each: (WORST.index(each.word), -_past(each, expectation.bound)))
    word = lines[0].word if lines else "not run"
    strict = (expectation.undecided or seen.undecided) == "fail"
    broken = word in ("failed", "not run") or (word == "undecided" and strict)
    notes = [found.note, _exactly(expectation.bound) if lines and lines[0].value is not None else ""]
    return Outcome(
        expectation.title,
        expectation.kind,
        expectation.expected(),
        word,
        broken,
        expectation.bound,
        tuple(lines),
        LEVEL,
        tuple(found.rows) if word != "passed" else (),
        tuple(found.shown),
        " ".join(filter(None, notes)),
        time.perf_counter() - began,
    )


def _past(each: Line, bound: Bound) -> float:
    """How far a number lies on the wrong side."""
    value = bound.limit if each.value is None else each.value
    return bound.limit - value if bound.side == "at least" else value - bound.limit


def _exactly(bound: Bound) -> str:
    if not bound.exact or bound.unit == "count":
        return ""
    return "No interval reaches the end of the scale, so this bound is judged on the rows looked at."
