"""From what the network answered to a word: intervals, p-values adjusted for all parts, cases."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import holm
from pellucid.evidence._shortcuts._contest import LEAST, Outcome, Rows, lead, measure
from pellucid.evidence._shortcuts._value import ORDER, Alarm, Suspicion, SwapCases

LEVEL = 0.05
SHOWN = 3


def judged(
    rows: Rows, outcomes: Sequence[Outcome], names: tuple[str, ...], numbers: Tensor
) -> list[Suspicion]:
    """A suspicion of each outcome, alarms first; ``numbers`` are those of the rows in the data set.

    Each part is judged over all donors and, with three answers or more, for the donors of each answer. All
    p-values are adjusted together.
    """
    asked: list[tuple[Outcome, int | None]] = []
    for one in outcomes:
        asked.append((one, None))
        labels = rows.given[one.pairs.donor].unique().tolist()
        asked += [(one, label) for label in labels] if len(labels) > 2 else []
    chosen = [_chosen(rows, one, label) for one, label in asked]
    raw = [lead(one.follows[mine], one.control[mine]) for (one, _), mine in zip(asked, chosen, strict=True)]
    adjusted = holm(torch.tensor(raw, dtype=torch.float64)).tolist() if raw else []
    found: dict[int, list[Suspicion]] = {}
    for (one, label), mine, p in zip(asked, chosen, adjusted, strict=True):
        found.setdefault(id(one), []).append(
            _suspicion(rows, one, mine, p, "" if label is None else names[label])
        )
    # a class is named only where it raises more alarm than all donors together do
    worst = [
        min(each, key=lambda s: (ORDER.index(s.word), s.only != "", -s.follows.low))
        for each in found.values()
    ]
    shown = [
        dataclasses.replace(each, cases=_cases(rows, one, each, names, numbers))
        if each.word in ("found", "suspected")
        else each
        for each, one in zip(worst, outcomes, strict=True)
    ]
    return sorted(shown, key=lambda s: (ORDER.index(s.word), -s.follows.low))


def _chosen(rows: Rows, one: Outcome, label: int | None) -> Tensor:
    if label is None:
        return torch.ones(len(one.follows), dtype=torch.bool)
    return rows.given[one.pairs.donor] == label


def _suspicion(rows: Rows, one: Outcome, mine: Tensor, p: float, only: str) -> Suspicion:
    part = one.suspect
    follows, n = measure(one.follows[mine]), int(mine.sum())
    return Suspicion(
        part.kind,
        part.name,
        part.source,
        _word(follows.low, p, n, part.bars),
        follows,
        measure(one.control[mine]),
        part.control_name,
        part.bars,
        n,
        p,
        measure(one.without),
        measure(one.without_control),
        measure(one.alone),
        only,
    )


def _word(low: float, p: float, n: int, bars: tuple[float, float]) -> Alarm:
    if n < LEAST:
        return "not tested"
    if p > LEVEL or low < bars[0]:
        return "no alarm"
    return "found" if low >= bars[1] else "suspected"


def _cases(rows: Rows, one: Outcome, said: Suspicion, names: tuple[str, ...], numbers: Tensor) -> SwapCases:
    """Mixed rows that follow the part and not its control, of different answers where there are some."""
    mine = one.follows & (
        torch.ones_like(one.follows) if not said.only else _named(rows, one, said.only, names)
    )
    order = (mine.int() * 2 + (mine & ~one.control).int()).argsort(descending=True, stable=True)
    order = order[mine[order]]
    given = rows.given[one.pairs.donor[order]].tolist()
    # the first of each answer, then the others
    turn = sorted(range(len(given)), key=lambda k: (given[:k].count(given[k]), k))
    some = order[torch.tensor(turn[:SHOWN], dtype=torch.int64)]
    rest, donor = one.pairs.rest[some], one.pairs.donor[some]
    mixed, marked = one.shown(rest, donor)
    said_of = zip(
        *(_answers(names, each) for each in (rows.given[rest], rows.given[donor], rows.answers(mixed))),
        strict=True,
    )
    return SwapCases(
        rows.x[rest].cpu(),
        rows.x[donor].cpu(),
        mixed.cpu(),
        torch.stack([numbers[rest], numbers[donor]], 1),
        tuple((a, b, c) for a, b, c in said_of),
        None if marked is None else marked.cpu(),
    )


def _named(rows: Rows, one: Outcome, only: str, names: tuple[str, ...]) -> Tensor:
    return rows.given[one.pairs.donor] == names.index(only)


def _answers(names: tuple[str, ...], labels: Tensor) -> list[str]:
    return [names[label] for label in labels.tolist()]
