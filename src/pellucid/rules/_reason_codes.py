"""Reason codes: the principal reasons of an adverse answer, tied to the factors that were scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid._core import Json, amount, brief, percent, wilson
from pellucid.errors import InputError, near_misses
from pellucid.inputs import Column, TabularSpec

MOST = 4  # principal reasons, as creditors give them
LEVEL = 0.7  # share of refits that must name a reason for it to count as stable


@final
@dataclass(frozen=True, slots=True)
class Reason:
    """One principal reason.

    Args:
        column: the factor.
        text: the reason in words, the user's own where given.
        value: of the row, as people read it.
        typical: of the average approved row, as people read it.
        points: what the factor contributes to the adverse answer against the average approved row, in
            log-odds; above 0 it counts against the row.
        named: of how many refits it is among the principal reasons of this row; ``None`` where there are
            none.
        named_low, named_high: 95 % interval of that share (Wilson).
        stable: whether that share reaches the level; ``None`` where it is not known.
        protected: whether the user named it as a column on which no decision may rest.
    """

    column: str
    text: str
    value: str
    typical: str
    points: float
    named: int | None = None
    named_low: float = 0.0
    named_high: float = 1.0
    stable: bool | None = None
    protected: bool = False

    def __str__(self) -> str:
        return self.text


@final
@dataclass(frozen=True, slots=True, eq=False)
class ReasonCodes:
    """The principal reasons of one row's answer, with how well they hold.

    Args:
        reasons: at most four, the strongest first; empty where nothing counts against the row.
        answer: the adverse answer that is explained.
        given: whether the network gives it; where not, the reasons say what counts against the row all the
            same.
        value: its probability.
        score: log-odds of it.
        typical_score: those of the average approved row; where ``exact``, or for Shapley values, their mean
            over approved rows.
        others: points of all factors that are no reason, added up; with the reasons and ``gap`` they make
            ``score − typical_score``.
        gap: what the factors leave unexplained.
        exact: whether the network is additive in the columns on all rows tried, so that points are its own
            terms; else they are an attribution (integrated gradients, or Shapley values where there are no
            slopes).
        method: how the points were taken, in words.
        beside: what the approved rows are called: ``"rows answered good"``.
        n_approved: rows whose mean is the average approved row.
        refits: networks trained anew that were asked for reasons too.
        first_same: of them, how many name the same first reason.
        all_same: of them, how many name the same set.
        overlap: mean share of the reasons that a refit names too.
        level: share of refits from which a reason counts as stable.
        row: raw values.
        note: what a reader must know.
    """

    reasons: tuple[Reason, ...]
    answer: str
    given: bool
    value: float
    score: float
    typical_score: float
    others: float
    gap: float
    exact: bool
    method: str
    beside: str
    n_approved: int
    refits: int
    first_same: int
    all_same: int
    overlap: float
    level: float
    row: Mapping[str, object]
    note: str = ""

    __repr__ = brief

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        return {
            "answer": self.answer,
            "given": self.given,
            "probability": self.value,
            "score": self.score,
            "typical_score": self.typical_score,
            "others": self.others,
            "gap": self.gap,
            "exact": self.exact,
            "method": self.method,
            "beside": self.beside,
            "approved_rows": self.n_approved,
            "refits": self.refits,
            "first_same": self.first_same,
            "all_same": self.all_same,
            "overlap": self.overlap if self.refits else None,
            "level": self.level,
            "note": self.note,
            "reasons": [
                {
                    "column": r.column,
                    "text": r.text,
                    "value": r.value,
                    "typical": r.typical,
                    "points": r.points,
                    "named": r.named,
                    "named_low": r.named_low,
                    "named_high": r.named_high,
                    "stable": r.stable,
                    "protected": r.protected,
                }
                for r in self.reasons
            ],
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def principal(points: Sequence[float], most: int = MOST) -> tuple[int, ...]:
    """Numbers of the columns that count most against a row, at most ``most``, none that counts for it.

    Example:
        >>> principal([0.5, -1.0, 2.0, 0.0])
        (2, 0)
    """
    order = sorted(range(len(points)), key=lambda k: -points[k])
    return tuple(k for k in order[:most] if points[k] > 1e-9)


def refuse_level(level: float) -> None:
    """Raise :class:`InputError` for what is no share."""
    if not 0 < level <= 1:
        raise InputError(f"level is a share above 0 and up to 1, got {level}.")


def reasons_of(
    spec: TabularSpec,
    row: Tensor,
    typical: Tensor,
    points: Sequence[float],
    again: Sequence[Sequence[float]],
    texts: Mapping[str, str],
    beside: str,
    protected: Sequence[int] = (),
    *,
    most: int = MOST,
    level: float = LEVEL,
) -> tuple[Reason, ...]:
    """The principal reasons of one row.

    Args:
        spec: what the row means.
        row: ``[D]``.
        typical: ``[D]``, the average approved row.
        points: ``[C]``, what each column counts against the row.
        again: the same from networks trained anew.
        texts: the user's words for a column, or for ``"column low"`` and ``"column high"``, by whether the
            number lies below or above the average approved one.
        beside: what approved rows are called, such as ``"rows answered good"``.
        protected: numbers of columns on which no decision may rest; they are marked, never left out.
        most: most reasons.
        level: share of refits from which a reason is stable.

    Raises:
        InputError: for texts of columns that are not there, or more than four reasons.
    """
    if not 1 <= most <= MOST:
        raise InputError(f"Principal reasons are at most {MOST} (and at least 1), got most={most}.")
    refuse_level(level)
    names = [column.name for column in spec.columns]
    known = [*names, *(f"{name} low" for name in names), *(f"{name} high" for name in names)]
    strange = next((key for key in texts if key not in known), None)
    if strange is not None:
        raise InputError(f"There is no column for the reason text {strange!r}. {near_misses(strange, known)}")
    named = [principal(each, most) for each in again]
    raw = spec.decode(row[None])[0]
    starts = _starts(spec)
    made: list[Reason] = []
    for k in principal(points, most):
        column, value = spec.columns[k], raw[names[k]]
        usual = _typical(spec, k, typical[starts[k] : starts[k] + column.width])
        held = sum(k in each for each in named)
        stable = None if not again else held / len(again) >= level
        mine = slice(starts[k], starts[k] + column.width)
        if column.levels:
            side, plain = "", _level(column, value, column.levels[int(typical[mine].argmax())], beside)
        else:
            side = _side(float(row[starts[k]]), float(typical[starts[k]]))
            plain = f"{column.name} is {side} for {beside}"
        text = texts.get(f"{column.name} {side}", texts.get(column.name, plain))
        if stable is False:
            text += f" (not stable: named by {held} of {len(again)} networks trained anew)"
        if k in protected:
            text += " (protected: no decision may rest on it, and this one does)"
        known_held = held if again else None
        made.append(
            Reason(
                column.name,
                text,
                column.text(value),
                usual,
                float(points[k]),
                known_held,
                *wilson(held, len(again)),
                stable,
                k in protected,
            )
        )
    return tuple(made)


def _starts(spec: TabularSpec) -> list[int]:
    widths = [column.width for column in spec.columns]
    return [sum(widths[:k]) for k in range(len(widths))]


def _side(value: float, usual: float) -> str:
    return "low" if value < usual else "high"


def _level(column: Column, value: object, commonest: str, beside: str) -> str:
    if column.text(value) == column.text(commonest):  # which still scores below the average over all levels
        return f"{column.name} scores below the average of {beside}"
    return f"{column.name} is {column.text(value)}, mostly {column.text(commonest)} among {beside}"


def _typical(spec: TabularSpec, k: int, slots: Tensor) -> str:
    """The average approved value: of a category its commonest level with its share."""
    column = spec.columns[k]
    if column.levels:
        best = int(slots.argmax())
        return f"{column.levels[best]} ({percent(float(slots[best]), 0)})"
    number = float(slots[0]) * column.std + column.mean
    return amount(number, 3, column.unit)
