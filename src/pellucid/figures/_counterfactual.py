"""What would have to be different: for each answer the columns that change, from where to where."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.errors import InputError
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import line, panel, text
from pellucid.figures._numbers import counted, number, percent, portion, share_interval
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.rules import Alternative, Change, Counterfactual, Counterfactuals

WIDTH, NAME, TRACK, LETTERS, LINE, STEP = 344, 124, 210, 38, 14, 40


def counterfactual(found: Counterfactuals, *, row: int = 0) -> Figure:
    """Changed rows with another answer: each changed column as a dumbbell from what it is to what it needs.

    A track runs from the lowest to the highest real row (by rank); the ring is the row as it is, the dot what
    it would have to be. Categories, which have no order, are told in words.

    Args:
        found: from :func:`pellucid.counterfactual`.
        row: which of the rows.

    Returns:
        Figure.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> counterfactual.__name__
        'counterfactual'
    """
    case = _case(found, row)
    shown = case.found or ((case.attempt,) if case.attempt is not None else ())
    heads = [_head(case, each, i, found) for i, each in enumerate(shown)]
    chart = _blocks(shown, heads) if shown else None
    return Figure(_title(case), counterfactual_words(found, row=row), chart, None, _table(shown), found.note)


def semifactual(found: Counterfactuals, *, row: int = 0) -> Figure | None:
    """How far single columns could move while the answer stays; ``None`` where nothing was found.

    Args:
        found: from :func:`pellucid.counterfactual`.
        row: which of the rows.

    Returns:
        Figure, or ``None``.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> semifactual.__name__
        'semifactual'
    """
    case = _case(found, row)
    if not case.bears:
        return None
    first = case.bears[0]
    alt = (
        f"{counted(len(case.bears), 'column')} could each move towards another answer and it would stay "
        f"{case.answer}. The furthest: {first.changes[0]}."
    )
    heads = [f"{each.answer}{_sure(found, each)} · {_ordinary(each)}" for each in case.bears]
    chart = _blocks(case.bears, heads, one_a_block=True)
    return Figure(f"Even so, still {case.answer}", alt, chart, None, _table(case.bears))


def counterfactual_words(found: Counterfactuals, *, row: int = 0) -> str:
    """One case in sentences: what is, what would have to be, and how far to believe it."""
    case = _case(found, row)
    now = f"The network answers {case.answer}{_share(found, case.value)}."
    if not case.found:
        if case.attempt is None:
            return (
                f"{now} Within the constraints nothing of this row can change, so {case.wanted} is out of "
                "reach."
            )
        return (
            f"{now} No change within the constraints was found that gives {case.wanted}. The nearest attempt "
            f"({case.attempt}) gives {case.attempt.answer}{_share(found, case.attempt.value)}."
        )
    first = case.found[0]
    more = len(case.found) - 1
    return (
        f"{now} It would be {first.answer}{_share(found, first.value)} with "
        f"{counted(len(first.changes), 'change')}: {first}. {_ordinary(first)}. "
        f"{_held(case, first)}" + (f" {counted(more, 'other way', 'other ways')} below." if more else "")
    ).strip()


def _case(found: Counterfactuals, row: int) -> Counterfactual:
    if not 0 <= row < len(found):
        raise InputError(f"Rows are numbered 0 to {len(found) - 1}, got {row}.")
    return found[row]


def _title(case: Counterfactual) -> str:
    return f"What would make it {case.wanted}" if case.found else f"{case.wanted} was not reached"


def _share(found: Counterfactuals, value: float) -> str:
    return f" ({portion(value)} sure)" if found.classes else ""


def _sure(found: Counterfactuals, each: Alternative) -> str:
    return f" ({portion(each.value)})" if found.classes else ""


def _ordinary(each: Alternative) -> str:
    return f"{percent(each.plausibility, 0)} of real rows are at least as unusual"


def _held(case: Counterfactual, each: Alternative) -> str:
    if each.holds is None:
        return ""
    ends = share_interval(each.holds_low, each.holds_high)
    fails = "Do not rely on it: only " if 2 * each.holds < case.refits else ""
    return (
        f"{fails}{each.holds} of {case.refits} networks trained anew agree {ends}; {case.steady} of "
        f"{case.refits} give the unchanged row its present answer."
    )


def _head(case: Counterfactual, each: Alternative, place: int, found: Counterfactuals) -> str:
    held = "" if each.holds is None else f" · holds in {each.holds} of {case.refits} refits"
    start = f"{place + 1}  " if case.found else "nearest attempt: "
    return f"{start}{each.answer}{_sure(found, each)} · {_ordinary_short(each)}{held}"


def _ordinary_short(each: Alternative) -> str:
    return f"plausibility {percent(each.plausibility, 0)}"


def _blocks(shown: Sequence[Alternative], heads: Sequence[str], *, one_a_block: bool = False) -> Spec:
    marks: list[Spec] = []
    top = 0.0
    for each, head in zip(shown, heads, strict=True):
        if not one_a_block:
            marks.append(text(0, top, head, bold=True, size=12, limit=WIDTH))
            top += 22
        for change in each.changes:
            drawn, top = _change(change, top)
            marks += drawn
        if not one_a_block:
            marks.append(line(0, top + 2, WIDTH, top + 2, opacity=0.12))
            top += 14
    return panel(WIDTH, max(20.0, top), marks)


def _change(change: Change, top: float) -> tuple[list[Spec], float]:
    """One column: its name, and the way from what it is to what it would be."""
    names = textwrap.wrap(change.column.replace("_", " "), 20)[:3]
    marks = [text(0, top + LINE * i, name, limit=NAME - 8) for i, name in enumerate(names)]
    if change.rank_before is None or change.rank_after is None:
        told = textwrap.wrap(change.said_before, LETTERS) + [
            f"→ {words}" if i == 0 else f"   {words}"
            for i, words in enumerate(textwrap.wrap(change.said_after, LETTERS - 3))
        ]
        for i, words in enumerate(told):
            after = i >= len(textwrap.wrap(change.said_before, LETTERS))
            marks.append(text(NAME, top + LINE * i, words, bold=after, faint=not after))
        return marks, top + max(STEP - 4, LINE * max(len(told), len(names)) + 8)
    first, second = (NAME + TRACK * share for share in (change.rank_before, change.rank_after))
    level = top + 22
    marks += [
        line(NAME, level, NAME + TRACK, level, opacity=0.18, width=2),
        line(first, level, second, level, opacity=1, colour=THEME.accent, width=3),
        *_dot(first, level, hollow=True),
        *_dot(second, level, hollow=False),
    ]
    marks.append(text(NAME, top, f"{change.said_before} → {change.said_after}", bold=True, limit=TRACK + 8))
    return marks, top + max(STEP, LINE * len(names) + 8)


def _dot(x: float, y: float, *, hollow: bool) -> list[Spec]:
    mark: Spec = {"type": "point", "shape": "circle", "size": 60, "stroke": THEME.accent, "strokeWidth": 2}
    mark |= {"fill": THEME.paper if hollow else THEME.accent, "opacity": 1}
    at: Spec = {"x": {"value": x}, "y": {"value": y}}
    return [{"data": {"values": [{}]}, "mark": mark, "encoding": at}]


def _table(shown: Sequence[Alternative]) -> Table:
    body = tuple(
        (
            i + 1,
            change.column,
            change.said_before,
            change.said_after,
            each.answer,
            number(each.value),
            number(each.distance),
            percent(each.plausibility),
            "–" if each.holds is None else f"{each.holds} {share_interval(each.holds_low, each.holds_high)}",
        )
        for i, each in enumerate(shown)
        for change in each.changes
    )
    columns = ("way", "column", "now", "would be", "answer", "sure, or number", "distance", "plausibility",
               "refits that agree")  # fmt: skip
    return Table(columns, body)
