"""One rule and its conditions, in the user's units and categories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, final

from pellucid._core import Json
from pellucid.inputs import MISSING

GIVEN = "(given)"  # beside "(missing)": the two states of a number that can be missing


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """What one rule asks of one column.

    Args:
        column: its name.
        op: ``"<="`` or ``">"`` for a number, ``"in"`` for a category.
        value: the number, in the column's unit; or the levels. For whether a number is there at all, the
            level ``"(missing)"`` or ``"(given)"``.
        unit: of the number.
        others: the column's remaining levels, so that a long list can be told by what it leaves out.

    Example:
        >>> print(Condition("age", "<=", 34.0, "years"), "·", Condition("housing", "in", ("own", "rent")))
        age <= 34 years · housing in {own, rent}
    """

    column: str
    op: Literal["<=", ">", "in"]
    value: float | tuple[str, ...]
    unit: str = ""
    others: tuple[str, ...] = ()

    def holds(self, number: float, level: str) -> bool:
        """Whether a value fulfils it, given as number and as level; what does not apply is left aside."""
        if isinstance(self.value, tuple):
            return level in self.value
        return number <= self.value if self.op == "<=" else number > self.value

    def __str__(self) -> str:
        if not isinstance(self.value, tuple):
            return f"{self.column} {self.op} {number_text(self.value)} {self.unit}".rstrip()
        if self.value in ((MISSING,), (GIVEN,)):
            return f"{self.column} is {self.value[0].strip('()')}"
        if len(self.value) == 1:
            return f"{self.column} = {self.value[0]}"
        if len(self.others) == 1:
            return f"{self.column} is not {self.others[0]}"
        if self.others and len(self.others) < len(self.value):
            return f"{self.column} not in {{{', '.join(self.others)}}}"
        return f"{self.column} in {{{', '.join(self.value)}}}"

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        value: Json = [*self.value] if isinstance(self.value, tuple) else self.value
        return {"column": self.column, "op": self.op, "value": value, "unit": self.unit}


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """If all conditions hold, the network's answer is ``outcome``.

    Args:
        conditions: at most one ``<=``, one ``>`` and one ``in`` for each column; none at all means always.
        outcome: the answer in words: a class, or a number with its unit.
        support: held-out rows that it speaks for.
        precision: share of them to which the network gives this answer; in regression, share whose network
            answer lies within half a standard deviation of it, that of the network's held-out answers. NaN
            where support is 0.
        precision_low, precision_high: 95 % interval of ``precision`` (Wilson).
        value: in regression, the outcome as a number.
        error: in regression, root mean square distance of the network's answers from ``value``.

    Example:
        >>> above, below = Condition("age", ">", 20.0, "years"), Condition("age", "<=", 34.0, "years")
        >>> print(Rule((above, below), "good", support=9, precision=1.0))
        IF 20 < age <= 34 years THEN good
    """

    conditions: tuple[Condition, ...]
    outcome: str
    support: int
    precision: float
    precision_low: float = 0.0
    precision_high: float = 1.0
    value: float | None = None
    error: float | None = None

    def __str__(self) -> str:
        if not self.conditions:
            return f"ALWAYS {self.outcome}"
        return f"IF {' AND '.join(_merged(self.conditions))} THEN {self.outcome}"

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it; what is unknown is ``None``."""
        return {
            "conditions": [condition.to_json() for condition in self.conditions],
            "text": str(self),
            "outcome": self.outcome,
            "value": self.value,
            "support": self.support,
            "precision": known(self.precision),
            "precision_low": self.precision_low,
            "precision_high": self.precision_high,
            "error": known(self.error),
        }


def _merged(conditions: tuple[Condition, ...]) -> list[str]:
    """Texts of conditions, both ends of an interval told as one."""
    above = {c.column: c for c in conditions if c.op == ">"}
    below = {c.column: c for c in conditions if c.op == "<="}
    texts: list[str] = []
    for condition in conditions:
        both = condition.column in above and condition.column in below
        if not both or condition.op == "in":
            texts.append(str(condition))
        elif condition is next(c for c in conditions if c.column == condition.column and c.op != "in"):
            low = above[condition.column].value
            texts.append(f"{number_text(low)} < {below[condition.column]}")
    return texts


def number_text(value: object) -> str:
    """A number with all its digits and no more: ``34``, ``0.136``."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def known(value: float | None) -> float | None:
    """The number, or ``None`` where it is NaN, which JSON does not know."""
    return None if value is None or math.isnan(value) else value
