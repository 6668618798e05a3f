"""What the audit says of one method: each test over all inputs, each fill, and the verdicts counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import Card, Check, Word, brief, wilson
from pellucid.evidence._about import Copies
from pellucid.evidence._case import Pool
from pellucid.evidence._held import Held
from pellucid.evidence._localisation import Measure
from pellucid.evidence._matters import LEVEL, examined
from pellucid.evidence._metrics._metric import Metric
from pellucid.evidence._responses import Responses
from pellucid.evidence._statistics import differ, discoveries
from pellucid.evidence._survey import MethodEvidence

Kind = Literal["method", "model-free", "control"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, asked of every input.

    Args:
        question, test: as in a :class:`Check`.
        word: ``passed`` where more than half of all inputs pass, beyond the interval; ``failed`` where fewer
            do; else ``mixed``; ``not run`` where it ran on none.
        share: of the inputs on which it ran that pass, with Wilson's interval.
        median: of the number measured.
        n: inputs on which it ran.
        excluded: why it did not run on others, and how many.
    """

    question: str
    test: str
    word: Word
    share: Measure
    median: float
    n: int
    excluded: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """Agreement under one kind of absence.

    Args:
        name: ``usual`` for the main fill, else as :func:`responses` calls it.
        fill: what stood in the place of removed parts, in words.
        agreement: ``[N]``, NaN where it was not tested; ``median`` over the rest.
        p: ``[N]``, the largest over the nulls; ``None`` without a test.
        share: of inputs with p <= .05, with Wilson's interval; ``None`` without a test.
        same: share of inputs whose agreement has the sign that it has under the main fill.
    """

    name: str
    fill: str
    agreement: Tensor
    median: float
    p: Tensor | None
    share: Measure | None
    same: float

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class AuditRow:
    """One line of the audit: a method, a map made without the model, or a control.

    Args:
        name: of the method or control.
        kind: which of them.
        evidence: agreement and support under the main fill.
        fills: agreement under each fill, the main one first.
        everywhere: share of inputs that are supported under every fill (largest p, same rate), with interval;
            ``None`` where there is no test.
        tests: the questions of the card.
        verdicts: how many inputs got which verdict, under the main fill.
        metrics: metrics of the literature by name.
        word: for controls, whether they came out as they must; else that of the first question.
        note: what a control should show, or what the method says of itself.
        held: whether the maps hold over all inputs together: for tables by exchanging columns between real
            rows, elsewhere by the masks; ``None`` where that was not asked.
    """

    name: str
    kind: Kind
    evidence: MethodEvidence
    fills: tuple[Fill, ...]
    everywhere: Measure | None
    tests: tuple[Asked, ...]
    verdicts: Mapping[str, int]
    metrics: Mapping[str, Metric]
    word: Word
    note: str = ""
    held: Held | None = None

    @property
    def held_reason(self) -> str:
        """What is said of the maps over all inputs, in one sentence; empty where that was not asked."""
        return "" if self.held is None else self.held.reason


def over_all(cards: Sequence[Card]) -> tuple[Asked, ...]:
    """Each question over all cards, those of the card's order."""
    return tuple(_asked(column) for column in zip(*(card.checks for card in cards), strict=True))


def _asked(column: Sequence[Check]) -> Asked:
    ran = [check for check in column if check.value is not None]
    passed = sum(check.word == "passed" for check in ran)
    low, high = wilson(passed, len(ran))
    share = Measure(passed / len(ran) if ran else math.nan, low, high)
    values = torch.tensor([check.value for check in ran if check.value is not None])
    word: Word = "not run" if not ran else "passed" if low > 0.5 else "failed" if high < 0.5 else "mixed"
    excluded = Counter(check.note.rstrip(".") for check in column if check.value is None)
    median = float(values.median()) if len(values) else math.nan
    return Asked(column[0].question, column[0].test, word, share, median, len(ran), dict(excluded))


def filled(name: str, fill: str, value: Tensor, main: Tensor, p: Tensor | None) -> Fill:
    """Agreement ``[N]`` under a fill beside that under the main one; NaN where it was not tested."""
    known = ~value.isnan() & ~main.isnan()
    count = int(known.sum())
    same = float((value[known].sign() == main[known].sign()).double().mean()) if count else math.nan
    median = float(value[known].median()) if count else math.nan
    share = None
    if p is not None:
        hits = int((p[known] <= LEVEL).sum())
        share = Measure(hits / max(1, count), *wilson(hits, count))
    return Fill(name, fill, value, median, p, share, same)


def under(
    seen: Mapping[str, Responses], maps: Tensor, x: Tensor, copies: Copies, *, draws: int, seed: int
) -> tuple[list[Fill], Tensor]:
    """Agreement of maps ``[N, *shape]`` under each fill, and each input's largest p over all of them."""
    units = next(iter(seen.values())).bank.reduce(maps)
    others = Pool(units, differ(x, x), 0)
    twins = copies.maps if copies.enough else None
    found = [examined(one, units, others, twins, draws=draws, seed=seed) for one in seen.values()]
    values = [each.value.masked_fill(each.seen.still, math.nan) for each in found]
    fills = [
        filled(name, each.seen.fill, value, values[0], each.p)
        for name, value, each in zip(seen, values, found, strict=True)
    ]
    return fills, torch.stack([each.p for each in found]).amax(0)


def supported(p: Tensor, alive: Tensor, q: float) -> Measure:
    """Share of tested inputs whose p is a discovery at the rate ``q``, with Wilson's interval."""
    count, n = int(discoveries(p[alive], q).sum()), int(alive.sum())
    return Measure(count / max(1, n), *wilson(count, n))
