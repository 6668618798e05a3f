"""What came of an expectation: numbers with intervals against a bound, one word, the rows behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid._core import InputSpec, Json, brief

Said = Literal["passed", "failed", "undecided", "not run"]
Side = Literal["at least", "at most"]
Unit = Literal["share", "count", "number"]
WORST: tuple[Said, ...] = ("not run", "failed", "undecided", "passed")


@dataclass(frozen=True, slots=True)
class Bound:
    """What is demanded.

    Args:
        side: whether the limit is the least or the most.
        limit: the limit.
        unit: ``share`` (0 to 1, shown as per cent), ``count``, or ``number``.
        name: unit of a number, such as ``"mg/dL"``.
        exact: judged on the rows looked at, not on the interval.
    """

    side: Side
    limit: float
    unit: Unit = "share"
    name: str = ""

    @property
    def exact(self) -> bool:
        """Whether the limit is the end of the scale, which no interval ever reaches."""
        if self.unit == "number":
            return False
        return self.limit <= 0 if self.side == "at most" else self.unit == "share" and self.limit >= 1

    def word(self, value: float | None, low: float | None, high: float | None) -> Said:
        """``passed`` where the whole interval keeps the bound, ``failed`` where all of it breaks it.

        Without an interval, and for a limit at the end of the scale, the number itself is judged.

        Example:
            >>> bound = Bound("at most", 0.02)
            >>> bound.word(0.01, 0.005, 0.015), bound.word(0.01, 0.005, 0.03), bound.word(0.04, 0.03, 0.05)
            ('passed', 'undecided', 'failed')
        """
        if value is None or math.isnan(value):
            return "not run"
        if low is None or high is None or self.exact:
            low = high = value
        if self.side == "at least":
            return "passed" if low >= self.limit else "failed" if high < self.limit else "undecided"
        return "passed" if high <= self.limit else "failed" if low > self.limit else "undecided"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One number that was judged.

    Args:
        label: what it is of: a slice, a method, a layer.
        value: the number; ``None`` where it could not be measured.
        low, high: its interval, where it has one.
        n: how many rows it rests on.
        word: what the bound says of it.
        note: why it was not measured.
        control, control_name: the same number for what costs nothing.
        each: ``[n]``, the numbers whose mean it is; ``rows`` their held-out row numbers.
        limit: its own, where lines are held to different ones; ``None`` is that of the bound.
    """

    label: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    word: Said
    note: str = ""
    control: float | None = None
    control_name: str = ""
    each: Tensor | None = None
    rows: Tensor | None = None
    limit: float | None = None

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class CheckedRow:
    """A row that shows what went wrong.

    Args:
        row: its number among the held-out rows, as ``pellucid explain RUN --input`` takes it.
        x: the row ``[*shape]``.
        said: what happened there, in words.
        true, given: its true answer and the network's, in words.
        spec: what ``x`` means.
        other: what the network was asked instead, where that is another input ``[*shape]``.
    """

    row: int
    x: Tensor
    said: str
    true: str
    given: str
    spec: InputSpec | None = None
    other: Tensor | None = None

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What an expectation measured: the numbers, the rows behind them, values that can be drawn, a note."""

    lines: Sequence[Line]
    rows: Sequence[CheckedRow] = ()
    shown: Sequence[object] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one expectation.

    Args:
        name: what its author calls it, or what it demands in words.
        kind: of the expectation.
        expected: what it demands, in a sentence.
        word: that of its worst line.
        broken: whether it counts against the network: ``failed`` and ``not run`` always, ``undecided`` where
            its author wants that.
        bound: what its lines were held against.
        lines: every number, the worst first.
        level: of the intervals of all lines together.
        rows: rows that show what went wrong, the worst first.
        shown: values that can be drawn (:func:`pellucid.figures.figures_of`).
        note: what a reader must know.
        seconds: it took.
    """

    name: str
    kind: str
    expected: str
    word: Said
    broken: bool
    bound: Bound
    lines: tuple[Line, ...]
    level: float = 0.95
    rows: tuple[CheckedRow, ...] = ()
    shown: tuple[object, ...] = ()
    note: str = ""
    seconds: float = 0.0

    @property
    def line(self) -> Line | None:
        """The worst line, which decides."""
        return self.lines[0] if self.lines else None

    def to_json(self) -> dict[str, Json]:
        """Words and numbers; rows by number and in words."""
        return {
            "name": self.name,
            "kind": self.kind,
            "expected": self.expected,
            "word": self.word,
            "broken": self.broken,
            "side": self.bound.side,
            "limit": self.bound.limit,
            "unit": self.bound.name or self.bound.unit,
            "level": self.level,
            "lines": [_line_json(line) for line in self.lines],
            "rows": [
                {"row": each.row, "said": each.said, "true": each.true, "given": each.given}
                for each in self.rows
            ],
            "note": self.note,
            "seconds": round(self.seconds, 3),
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)

    def __repr__(self) -> str:
        return f"Outcome({self.word}: {self.name})"


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What came of all expectations.

    Args:
        name: of the network.
        outcomes: in the order of the expectations.
        looked, held: how many held-out rows were explained, of how many.
        seed: the only source of chance.
        model, data: hashes of the network and of the held-out rows.
        source: file of the expectations; empty where they came from Python.
        against: file of the approved run; empty without one.
        data_name: of the data set.
        spec: what a row means.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    looked: int
    held: int
    seed: int
    model: str
    data: str
    source: str = ""
    against: str = ""
    data_name: str = ""
    spec: object = None

    @property
    def broken(self) -> tuple[Outcome, ...]:
        """What counts against the network."""
        return tuple(outcome for outcome in self.outcomes if outcome.broken)

    @property
    def passed(self) -> bool:
        """Whether nothing counts against the network."""
        return not self.broken

    def counts(self) -> dict[Said, int]:
        """How many expectations came out how."""
        words: tuple[Said, ...] = ("failed", "not run", "undecided", "passed")
        return {word: sum(each.word == word for each in self.outcomes) for word in words}

    def summary(self) -> str:
        """The counts in words, the worst first.

        Example:
            >>> Checked("net", (), 0, 0, 0, "", "").summary()
            '0 expectations'
        """
        said = [f"{count} {word}" for word, count in self.counts().items() if count]
        whole = f"{len(self.outcomes)} expectation{'' if len(self.outcomes) == 1 else 's'}"
        return f"{whole}: {', '.join(said)}" if said else whole

    def to_json(self) -> dict[str, Json]:
        """Everything in words and numbers."""
        return {
            "name": self.name,
            "passed": self.passed,
            "counts": {str(word): count for word, count in self.counts().items()},
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
            "looked": self.looked,
            "held_out": self.held,
            "seed": self.seed,
            "model": self.model,
            "data": self.data,
            "expectations": self.source,
            "against": self.against,
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)

    def __repr__(self) -> str:
        return f"Checked({self.name}, {self.summary()})"


def _line_json(line: Line) -> dict[str, Json]:
    return {
        "label": line.label,
        "value": line.value,
        "low": line.low,
        "high": line.high,
        "n": line.n,
        "word": line.word,
        "note": line.note,
        "control": line.control,
        "control_name": line.control_name,
        "limit": line.limit,
    }
