"""What would have to be different, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid._core import Json, Task, brief
from pellucid.rules._recourse._constraints import Constraints


@final
@dataclass(frozen=True, slots=True)
class Change:
    """One column that changes.

    Args:
        column: its name.
        before, after: raw values.
        said_before, said_after: the same as people read them, with units.
        distance: how far it is, in usual ranges of the column (10th to 90th percentile); another category
            is 1.
        rank_before, rank_after: share of real rows with a lower number, those with the same one counted half;
            ``None`` for a category.

    Example:
        >>> print(Change("income", 30, 35, "30 k€", "35 k€", 0.1))
        income: 30 k€ → 35 k€
    """

    column: str
    before: object
    after: object
    said_before: str
    said_after: str
    distance: float
    rank_before: float | None = None
    rank_after: float | None = None

    def __str__(self) -> str:
        return f"{self.column}: {self.said_before} → {self.said_after}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """A changed row and what the network answers to it.

    Args:
        changes: the columns that differ, the furthest first.
        row: the whole changed row in raw values.
        inputs: ``[D]``, as the network takes it: exactly what ``spec.encode`` makes of ``row``.
        answer: of the network, in words.
        value: probability of that answer; in regression the number.
        gap: how far inside what was wanted: log-odds, or the answer's unit; below 0 where it is missed.
        distance: sum of the changes, in usual ranges of the columns.
        plausibility: share of real rows that lie at least as far from their five nearest others as this row
            lies from its five nearest real ones: 1 is as ordinary as the most ordinary, 0 stranger than all.
        nearest: distance to the nearest real row.
        nearest_row: number of that row in the data.
        holds: of how many refits of the network this row gets the same answer; ``None`` where none were made.
        holds_low, holds_high: 95 % interval of that share (Wilson).
    """

    changes: tuple[Change, ...]
    row: Mapping[str, object]
    inputs: Tensor
    answer: str
    value: float
    gap: float
    distance: float
    plausibility: float
    nearest: float
    nearest_row: int
    holds: int | None = None
    holds_low: float = 0.0
    holds_high: float = 1.0

    __repr__ = brief

    def __str__(self) -> str:
        return "; ".join(map(str, self.changes)) or "nothing changes"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Counterfactual:
    """What would have to be different in one row for another answer.

    Args:
        row: raw values.
        inputs: ``[D]``.
        answer: of the network now, in words.
        value: its probability; in regression the number.
        wanted: the answer that was looked for, in words.
        found: changed rows with that answer, the best first; empty where there is none within the
            constraints.
        attempt: where there is none, the allowed change that came nearest.
        bears: semifactuals: single columns moved towards another answer as far as this one stays, the
            furthest first.
        refits: how many refits of the network judged the rows; 0 where none were made.
        steady: of how many of them the unchanged row has the network's own answer: the control.
        asked: rows that the network was asked for.
        number: of the row among those that were given.
    """

    row: Mapping[str, object]
    inputs: Tensor
    answer: str
    value: float
    wanted: str
    found: tuple[Alternative, ...]
    attempt: Alternative | None
    bears: tuple[Alternative, ...]
    refits: int
    steady: int
    asked: int
    number: int = 0

    __repr__ = brief


@final
@dataclass(frozen=True, slots=True, eq=False)
class Counterfactuals:
    """Counterfactuals of one or many rows under one schema of constraints.

    Args:
        cases: one for each row.
        constraints: what might change, for every column.
        classes: names; empty in regression.
        task: classification or regression.
        answer: what is predicted, in words.
        unit: of the answer, in regression.
        name: of the data.
        n_real: real rows that plausibility refers to.
        seconds: that the search took.
        note: what a reader must know.
        seed: the only source of chance.
    """

    cases: tuple[Counterfactual, ...]
    constraints: Constraints
    classes: tuple[str, ...]
    task: Task
    answer: str
    unit: str
    name: str
    n_real: int
    seconds: float
    note: str = ""
    seed: int = 0

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.cases)

    def __getitem__(self, row: int) -> Counterfactual:
        """The case of one row."""
        return self.cases[row]

    def __iter__(self) -> Iterator[Counterfactual]:
        """Cases in the order of the rows."""
        return iter(self.cases)

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it, without encoded rows."""
        return {
            "answer": self.answer,
            "constraints": list(self.constraints.words()),
            "real_rows": self.n_real,
            "note": self.note,
            "cases": [_case(case) for case in self.cases],
        }

    def __repr__(self) -> str:
        return f"Counterfactuals({len(self)} rows of {self.name}, {self.answer})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def _case(case: Counterfactual) -> dict[str, Json]:
    return {
        "row": {name: _plain(value) for name, value in case.row.items()},
        "answer": case.answer,
        "value": case.value,
        "wanted": case.wanted,
        "found": [_alternative(each) for each in case.found],
        "attempt": None if case.attempt is None else _alternative(case.attempt),
        "semifactuals": [_alternative(each) for each in case.bears],
        "refits": case.refits,
        "refits_that_keep_the_answer_now": case.steady,
    }


def _alternative(each: Alternative) -> dict[str, Json]:
    return {
        "changes": [
            {"column": c.column, "before": _plain(c.before), "after": _plain(c.after), "distance": c.distance}
            for c in each.changes
        ],
        "answer": each.answer,
        "value": each.value,
        "gap": each.gap,
        "distance": each.distance,
        "plausibility": each.plausibility,
        "nearest_real_row": each.nearest_row,
        "refits_that_agree": each.holds,
        "agree_low": each.holds_low,
        "agree_high": each.holds_high,
    }


def _plain(value: object) -> Json:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
