"""Do the maps of a method hold over a data set? What exchanging each column does, against what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Word, percent, wilson
from pellucid.evidence._exchange import Exchanged, Foretold
from pellucid.evidence._localisation import Measure
from pellucid.evidence._statistics import resamples

TURNS = 0.05  # of the answers that a column turns, surely, before it counts as important
PART = 0.05  # of all that exchanges of single columns do
TOLD = 0.3  # below which, surely, maps hide a column: of a product of three they tell a third
DRAWS = 499
MOST = 20  # times as many rows, beyond which no number is named


@dataclass(frozen=True, slots=True, eq=False)
class HeldColumn:
    """One column over all rows.

    Args:
        name: of the column.
        turned: share of answers that change when the column is that of a similar real row, with interval;
            ``None`` for numbers.
        part: share of the squared change of the score over all columns, every row counting the same.
        told: how much of what the exchange does the maps foretell: 1 is all, 0 nothing; its interval is
            adjusted for the number of columns. NaN where the column does nothing.
        shown: share of the squared change that the maps foretell over all columns.
        faint: whether the maps surely show it with less than a quarter of its part; of squares of pictures,
            where even honest maps of a network that is no sum tell a tenth.
    """

    name: str
    turned: Measure | None
    part: float
    told: Measure
    shown: float
    faint: bool = True

    @property
    def matters(self) -> bool:
        """Whether exchanging it surely changes more than one answer in twenty."""
        return self.part >= PART and (self.turned is None or self.turned.low > TURNS)

    @property
    def hidden(self) -> bool:
        """Whether it matters, and the maps surely tell less than .3 of it."""
        return self.matters and self.told.high < TOLD and self.faint


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """The maps of a method against the network's behaviour on rows that are nearly real.

    Args:
        word: ``failed`` where a column that matters is surely told by less than .3: the method is
            contradicted over the data set; ``passed`` where every column that matters is surely told by .3
            or more; else ``mixed``; ``not run`` where no column matters.
        reason: one sentence.
        columns: that of the largest part first; squares of a picture where masks were asked.
        n: rows; ``times`` exchanges of each column in every row, or masks.
        whole: what the maps tell of the reactions to masks, of what maps fitted to them tell; ``None`` where
            columns were exchanged instead.
        rows: rows of the network that it cost beside the cards of what was explained.
    """

    word: Word
    reason: str
    columns: tuple[HeldColumn, ...]
    n: int
    times: int
    whole: Measure | None = None
    rows: int = 0


def held(asked: Exchanged, found: Foretold, names: Sequence[str], seed: int) -> Held:
    """Each column's effect over all rows, and how much of it the maps foretell. No pass of the network.

    ``told = sum(w · what the maps say · what happens) / sum(w · what happens²)`` over the exchanges of a
    column, where ``w`` is one over the squares of all that happens to that row: else a few rows far from all
    others, where a network is steep, speak for everyone.
    """
    width, n = asked.width, len(asked.seen)
    times = asked.seen.bank.count // width

    def by_column(values: Tensor) -> Tensor:
        """``[N, M]`` to ``[U, N, times]``."""
        return values.view(n, times, width).permute(2, 0, 1).double()

    seen, told = by_column(asked.seen.drops), by_column(found.told)
    size = seen.square().sum((0, 2))
    weight = ratio(torch.ones_like(size), size).nan_to_num()
    both, whole = (told * seen).sum(2) * weight, seen.square().sum(2) * weight
    # rows are drawn again, all exchanges of a row together
    shares = resamples(n, DRAWS, seed).double().to(both)
    spread = ratio(both @ shares.T, whole @ shares.T).std(1)
    value = ratio(both.sum(1), whole.sum(1))
    far = float(torch.special.ndtri(torch.tensor(1 - 0.025 / width, dtype=torch.float64))) * spread
    part, shown = (_part(each) for each in (whole.sum(1), (told.square().sum(2) * weight).sum(1)))
    turned = None if asked.turned is None else by_column(asked.turned.T.to(torch.float32)).mean(2).sum(1)
    columns = [
        HeldColumn(
            names[u],
            None if turned is None else Measure(float(turned[u]) / n, *wilson(round(float(turned[u])), n)),
            float(part[u]),
            Measure(float(value[u]), float(value[u] - far[u]), float(value[u] + far[u])),
            float(shown[u]),
        )
        for u in range(width)
    ]
    ordered = tuple(sorted(columns, key=lambda one: -one.part))
    return Held(*_said(ordered, n), ordered, n, times)


def _said(columns: Sequence[HeldColumn], n: int) -> tuple[Word, str]:
    able = [one for one in columns if one.matters]
    if not able:
        return "not run", (
            "No single column, exchanged with a similar real row, surely changes "
            f"{percent(TURNS, 0)} of the answers and makes {percent(PART, 0)} of the effect."
        )
    hidden = [one for one in able if one.hidden]
    worst = max(hidden, key=lambda one: one.part) if hidden else min(able, key=lambda one: one.told.low)
    named = max(columns, key=lambda one: one.shown)
    does = (
        f"changes {percent(worst.turned.value, 0)} of the answers"
        if worst.turned is not None
        else f"makes {percent(worst.part, 0)} of what exchanges do"
    )
    low, share, high = (percent(one, 0) for one in (worst.told.low, worst.told.value, worst.told.high))
    told = f"the maps foretell {share} of it [{low}, {high}]"
    if worst.told.value > 1:
        told = f"the maps foretell all of it, and more: they give it {share} of what it does [{low}, {high}]"
    said = f"Exchanging {worst.name} for that of a similar real row {does}, but {told}"
    if hidden:
        return "failed", f"{said}; they point to {named.name}."
    said = said.replace(", but ", ", and ")
    said = f"{said}, the least of the columns that matter."
    if all(one.told.low >= TOLD for one in able):
        return "passed", said
    return "mixed", f"{said} {_needed(worst.told, n)}"


def _needed(told: Measure, n: int) -> str:
    """About how many rows would tell whether a column is hidden, since intervals shrink with their root.

    Example:
        >>> _needed(Measure(0.2, 0.08, 0.32), 100).partition(": ")[2]
        'it would take about 150 rows instead of 100.'
    """
    reach, apart = max(told.high - told.value, told.value - told.low), abs(told.value - TOLD)
    close = f"That is too near {percent(TOLD, 0)} to be sure"
    rows = n * (reach / apart) ** 2 if apart > 0 else math.inf
    if rows > MOST * n:
        return f"{close}, and would be with {MOST} times as many rows."
    step = 10 ** math.floor(math.log10(rows)) // 2 or 1
    return f"{close}: it would take about {math.ceil(rows / step) * step} rows instead of {n}."


def ratio(over: Tensor, under: Tensor) -> Tensor:
    """NaN where there is nothing to divide by."""
    return torch.where(under > 0, over / under.clamp(min=torch.finfo(under.dtype).tiny), math.nan)


def _part(size: Tensor) -> Tensor:
    return size / size.sum().clamp(min=torch.finfo(size.dtype).tiny)
