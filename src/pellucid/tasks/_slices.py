"""How good a network is on parts of the rows of a table: column by column."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pellucid._core import Compute, Subject, wilson
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._expectation import together
from pellucid.tasks._check._sliced import MOST, slices

LEAST = 20  # rows of a part


@dataclass(frozen=True, slots=True)
class Slice:
    """How good the network is on some of the rows.

    Args:
        name: which rows, in words.
        value, low, high: the score with its 95 % interval.
        n: how many rows.
        among: how many parts were compared; the intervals hold together for all of them.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    among: int = 1


def parts_scored(subject: Subject, *, compute: Compute | None = None) -> tuple[Slice, ...]:
    """The share of right answers on parts of the held-out rows: levels of each column, quarters of a number.

    Formula: hits over rows with Wilson's interval at level ``1 - 0.05 / K`` for K parts, so that all K
    intervals hold together with 95 %.

    Args:
        subject: a network on a table with classes, with data.
        compute: how to run.

    Returns:
        :class:`Slice`, the worst first; empty for other data than tables and in regression. Parts of fewer
        than 20 rows are left out, and columns of more than 24 levels.

    Cost:
        One forward pass over the held-out rows.

    Limits:
        Parts that overlap are told one by one: a bad part may be bad through another.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> found = parts_scored(subject)
        >>> found[0].value <= found[-1].value
        True
    """
    spec = subject.spec
    if not isinstance(spec, TabularSpec) or not subject.classes:
        return ()
    seen = examined(subject, compute)
    right = seen.given == seen.held.answers
    groups: list[tuple[str, Tensor]] = []
    for column in spec.columns:
        if len(column.levels) > MOST:
            continue
        try:
            parts = slices(seen, column.name, ())
        except InputError:
            continue  # a column of another kind has no ranges
        groups += [(name, rows) for name, rows in parts if LEAST <= len(rows) < len(right)]
    level = together(len(groups))
    found = [
        Slice(name, hits / len(rows), *wilson(hits, len(rows), level), len(rows), len(groups))
        for name, rows in groups
        for hits in (int(right[rows].sum()),)
    ]
    return tuple(sorted(found, key=lambda part: part.value))


def examined(subject: Subject, compute: Compute | None) -> Examined:
    """The held-out rows with the network's answers, without any expectation."""
    return Examined(subject, (), rows=1, undecided="told", approved=None, compute=compute or Compute())
