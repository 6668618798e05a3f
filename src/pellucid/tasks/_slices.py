"""How good a network is on parts of the rows of a table: column by column."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Compute, Subject, wilson
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._expectation import together
from pellucid.tasks._check._sliced import MOST, slices

LEAST = 20  # rows of a part
DRAWS = 2000  # of the bootstrap
ERROR = "root mean squared error"


@dataclass(frozen=True, slots=True)
class Slice:
    """How good the network is on some of the rows.

    Args:
        name: which rows, in words.
        value, low, high: the score with its 95 % interval.
        n: how many rows.
        among: how many parts were compared; the intervals hold together for all of them.
        metric: what ``value`` is: ``"accuracy"``, or ``"root mean squared error"`` in the answer's unit, of
            which less is better.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    among: int = 1
    metric: str = "accuracy"

    @property
    def badness(self) -> float:
        """Larger for worse parts of one metric."""
        return self.value if self.metric == ERROR else -self.value


def parts_scored(subject: Subject, *, compute: Compute | None = None) -> tuple[Slice, ...]:
    """How good the network is on parts of the held-out rows: levels of each column, quarters of a number.

    Formula: the share of right answers with Wilson's interval; in regression the root mean squared error with
    the bootstrap's over rows (R² would compare each part with its own mean, which is near the answers where
    these are alike). Both at level ``1 - 0.05 / K`` for K parts, so that all K intervals hold together with
    95 %.

    Args:
        subject: a network on a table, with data.
        compute: how to run.

    Returns:
        :class:`Slice`, the worst first; empty for other data than tables. Parts of fewer than 20 rows are
        left out, and columns of more than 24 levels.

    Cost:
        One forward pass over the held-out rows.

    Limits:
        Parts that overlap are told one by one: a bad part may be bad through another. Where answers are
        large, errors mostly are too: a part may be worse only because its answers are larger.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> found = parts_scored(subject)
        >>> found[0].value <= found[-1].value
        True
    """
    spec = subject.spec
    if not isinstance(spec, TabularSpec):
        return ()
    seen = examined(subject, compute)
    groups: list[tuple[str, Tensor]] = []
    for column in spec.columns:
        if len(column.levels) > MOST:
            continue
        try:
            parts = slices(seen, column.name, ())
        except InputError:
            continue  # a column of another kind has no ranges
        groups += [(name, rows) for name, rows in parts if LEAST <= len(rows) < len(seen.held)]
    scored = _hits(seen, groups) if subject.classes else _errors(seen, groups)
    return tuple(sorted(scored, key=lambda part: -part.badness))


def _hits(seen: Examined, groups: list[tuple[str, Tensor]]) -> list[Slice]:
    """The share of right answers in each part."""
    right, level = seen.given == seen.held.answers, together(len(groups))
    return [
        Slice(name, hits / len(rows), *wilson(hits, len(rows), level), len(rows), len(groups))
        for name, rows in groups
        for hits in (int(right[rows].sum()),)
    ]


def _errors(seen: Examined, groups: list[tuple[str, Tensor]]) -> list[Slice]:
    """The root mean squared error in each part."""
    squares = (seen.given - seen.held.answers.double()).square()
    tail = (1 - together(len(groups))) / 2
    ends = torch.tensor([tail, 1 - tail], dtype=torch.float64)
    found: list[Slice] = []
    for name, rows in groups:
        chance = torch.Generator().manual_seed(seen.compute.seed)
        drawn = rows[torch.randint(len(rows), (DRAWS, len(rows)), generator=chance)]
        low, high = squares[drawn].mean(1).sqrt().quantile(ends).tolist()
        value = float(squares[rows].mean().sqrt())
        found.append(Slice(name, value, low, high, len(rows), len(groups), ERROR))
    return found


def examined(subject: Subject, compute: Compute | None) -> Examined:
    """The held-out rows with the network's answers, without any expectation."""
    return Examined(subject, (), rows=1, undecided="told", approved=None, compute=compute or Compute())
