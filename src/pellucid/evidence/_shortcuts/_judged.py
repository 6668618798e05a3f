"""From what the network answered to a word: intervals, p-values adjusted for all parts, cases."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import holm
from pellucid.evidence._shortcuts._contest import LEAST, LEVEL, Outcome, Rows, lead, measure
from pellucid.evidence._shortcuts._value import ORDER, Alarm, Suspicion, SwapCases

SHOWN = 3
ALARMS = ("found", "suspected")


_Pair = tuple[Suspicion, Outcome]


def judged(
    rows: Rows, outcomes: Sequence[Outcome], names: tuple[str, ...], numbers: Tensor, *, tested: bool
) -> list[Suspicion]:
    """A suspicion of each outcome, alarms first; ``numbers`` are those of the rows in the data set.

    ``tested`` is off where the network has learned nothing, so that no part counts as tested.
    """
    said = _words(rows, outcomes, names)
    if not tested:
        none = [dataclasses.replace(one, word="not tested") for one in said]
        return sorted(none, key=lambda s: -s.follows.low)
    ranked = sorted(zip(said, outcomes, strict=True), key=lambda pair: _rank(pair[0]))
    shown: list[_Pair] = []
    before: list[_Pair] = []
    for each, one in ranked:
        if each.word not in ALARMS:
            shown.append((each, one))
            continue
        through = _through(rows, each, one, before, names)
        before += [] if through else [(each, one)]
        cases = _cases(rows, one, each, names, numbers)
        shown.append((dataclasses.replace(each, through=through, cases=cases), one))
    shown, before = _whole_first(rows, shown, before, names)
    told = [_covered(rows, each, one, before, names) for each, one in shown]
    return sorted(told, key=lambda s: (ORDER.index(s.word), s.through != "", -s.follows.low))


def _whole_first(
    rows: Rows, shown: list[_Pair], leading: list[_Pair], names: tuple[str, ...]
) -> tuple[list[_Pair], list[_Pair]]:
    """Of two alarms, neither of which is one outside the other, the wider leads where it decides surely more.

    The corners of a frame win many rows, the frame all of them: the frame is what is followed.
    """
    for small in list(leading):
        inner = small[0]
        wider = [
            pair
            for pair in shown
            if pair[0].through == inner.name
            and pair[0].only == inner.only
            and (pair[0].area or 0) > (inner.area or 1)
            and pair[0].follows.low > inner.follows.high
            and _through(rows, *small, [pair], names)
        ]
        if not wider or _covered(rows, *small, leading, names).through:
            continue
        whole = min(wider, key=lambda pair: pair[0].area or 1)
        first = (dataclasses.replace(whole[0], through=""), whole[1])
        leading = [first if pair is small else pair for pair in leading]
        shown = [
            first if pair is whole else _now_through(rows, pair, inner.name, first, names) for pair in shown
        ]
    return shown, leading


def _now_through(rows: Rows, pair: _Pair, was: str, first: _Pair, names: tuple[str, ...]) -> _Pair:
    """An alarm that is ``was`` or stood behind it, behind the one that leads now where it is none outside."""
    said, one = pair
    if was not in (said.name, said.through):
        return pair
    return dataclasses.replace(said, through=_through(rows, said, one, [first], names) or said.through), one


def _covered(
    rows: Rows,
    said: Suspicion,
    one: Outcome,
    leading: Sequence[_Pair],
    names: tuple[str, ...],
) -> Suspicion:
    """An alarm that is none outside a wider one, which stays one outside this: both need not lead."""
    if said.word not in ALARMS or said.through or said.area is None:
        return said
    wider = [pair for pair in leading if (pair[0].area or 0) > said.area and pair[0].only == said.only]
    return dataclasses.replace(said, through=_through(rows, said, one, wider, names))


def _words(rows: Rows, outcomes: Sequence[Outcome], names: tuple[str, ...]) -> list[Suspicion]:
    """Each part over all donors and, with three answers or more, for the donors of each answer.

    All p-values are adjusted together. A class is named only where it raises more alarm than all donors do.
    """
    asked: list[tuple[int, int | None]] = []
    for k, one in enumerate(outcomes):
        labels = rows.given[one.pairs.donor].unique().tolist()
        asked += [(k, None), *((k, label) for label in labels if len(labels) > 2)]
    chosen = [_chosen(rows, outcomes[k], label) for k, label in asked]
    raw = [
        lead(outcomes[k].follows[mine], outcomes[k].control[mine])
        for (k, _), mine in zip(asked, chosen, strict=True)
    ]
    adjusted = holm(torch.tensor(raw, dtype=torch.float64)).tolist() if raw else []
    found: list[list[Suspicion]] = [[] for _ in outcomes]
    for (k, label), mine, p in zip(asked, chosen, adjusted, strict=True):
        only = "" if label is None else names[label]
        found[k].append(_suspicion(rows, outcomes[k], mine, p, only))
    return [min(each, key=lambda s: (ORDER.index(s.word), s.only != "", -s.follows.low)) for each in found]


def _rank(said: Suspicion) -> tuple[int, float]:
    """Parts that have a name before those that maps point to, small ones before large ones."""
    kinds = {"place": 1, "spot": 2}
    return kinds.get(said.kind, 0), 1.0 if said.area is None else said.area


def _through(
    rows: Rows,
    said: Suspicion,
    one: Outcome,
    before: Sequence[_Pair],
    names: tuple[str, ...],
) -> str:
    """The part before it in rank without which this one is no longer an alarm; empty where there is none."""
    mine = _named(rows, one, said.only, names)
    rest, donor = one.pairs.rest[mine], one.pairs.donor[mine]
    whole = one.suspect.marked
    for other, theirs in before:
        inner = theirs.suspect.marked
        blend, same = one.suspect.blend, (one.suspect.blend is None) == (theirs.suspect.blend is None)
        if whole is None or inner is None or said.kind == "word" or not same:
            continue
        left = whole(rest, donor) & ~inner(rest, donor)
        swapped = (
            torch.where(left, rows.x[donor], rows.x[rest]) if blend is None else blend(left, rest, donor)
        )
        if measure(rows.answers(swapped) == rows.given[donor]).low < said.bars[0]:
            return other.name
    return ""


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
        area=_area(one),
    )


def _area(one: Outcome) -> float | None:
    if one.suspect.marked is None or not len(one.pairs):
        return None
    return float(one.suspect.marked(one.pairs.rest, one.pairs.donor).double().mean())


def _word(low: float, p: float, n: int, bars: tuple[float, float]) -> Alarm:
    if n < LEAST:
        return "not tested"
    if p > LEVEL or low < bars[0]:
        return "no alarm"
    return "found" if low >= bars[1] else "suspected"


def _cases(rows: Rows, one: Outcome, said: Suspicion, names: tuple[str, ...], numbers: Tensor) -> SwapCases:
    """Mixed rows that follow the part and not its control, of different answers where there are some."""
    mine = one.follows & _named(rows, one, said.only, names)
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
    """Pairs whose donor has the answer that is named; all where none is."""
    return _chosen(rows, one, names.index(only) if only else None)


def _answers(names: tuple[str, ...], labels: Tensor) -> list[str]:
    return [names[label] for label in labels.tolist()]
