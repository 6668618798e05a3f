"""Principal reasons with their points and how stable they are."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pellucid.figures._colour import POSITIVE
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import line, panel, text
from pellucid.figures._numbers import counted, number, percent, share_interval, signed
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.rules import ReasonCodes

WIDTH, LETTERS, SMALL, LINE = 344, 54, 66, 14


def reason_codes(found: ReasonCodes) -> Figure:
    """The principal reasons as bars of their points: hollow where refits do not share one, in a dashed frame
    where its column is protected.

    Args:
        found: one of what :func:`pellucid.reason_codes` gives.

    Returns:
        Figure.

    Example:
        >>> reason_codes.__name__
        'reason_codes'
    """
    title = f"Principal reasons for {found.answer}"
    chart = _chart(found) if found.reasons else None
    return Figure(title, reason_words(found), chart, None, _table(found), found.note)


def reason_words(found: ReasonCodes) -> str:
    """The reasons in a sentence, with how many networks trained anew share them."""
    if not found.reasons:
        approved = f"the average of {found.n_approved:,} {found.beside}"
        return f"No factor counts towards {found.answer} beside {approved}."
    named = ", ".join(f"{i}. {each.text}" for i, each in enumerate(found.reasons, 1))
    kept = sum(each.points for each in found.reasons)
    against = (
        f" Together {signed(kept)} log-odds towards {found.answer} against the average of "
        f"{found.n_approved:,} {found.beside} ({found.method})."
    )
    if not found.refits:
        return f"{named}.{against} Their stability was not measured."
    return (
        f"{named}.{against} Of {counted(found.refits, 'network')} trained anew {found.first_same} name "
        f"the same first reason, {found.all_same} the same set; {percent(found.overlap)} are shared."
    )


def _chart(found: ReasonCodes) -> Spec:
    most = max(each.points for each in found.reasons)
    marks: list[Spec] = []
    top = 0.0
    for place, each in enumerate(found.reasons, 1):
        for i, words in enumerate(textwrap.wrap(f"{place}. {each.text}", LETTERS)):
            marks.append(text(0 if i == 0 else 14, top, words, bold=True, limit=WIDTH))
            top += LINE
        long = max(3.0, 170 * each.points / most)
        bar: Spec = {"type": "rect", "stroke": POSITIVE, "strokeWidth": 1.5, "cornerRadius": 2}
        bar |= {"color": POSITIVE, "fillOpacity": 0.0 if each.stable is False else 1.0}
        if each.protected:
            bar |= {"stroke": THEME.ink, "strokeDash": [4, 3]}
        at: Spec = {
            "x": {"value": 0},
            "x2": {"value": long},
            "y": {"value": top + 3},
            "y2": {"value": top + 12},
        }
        marks.append({"data": {"values": [{"points": each.points}]}, "mark": bar, "encoding": at})
        held = "" if each.named is None else f" · named by {each.named} of {found.refits} refits"
        held += " · protected" if each.protected else ""
        marks.append(text(long + 8, top + 1, f"{signed(each.points)}{held}", size=10, faint=True))
        top += 18
        for words in textwrap.wrap(f"{each.value}; there on average {each.typical}", SMALL):
            marks.append(text(0, top, words, size=10, faint=True, limit=WIDTH))
            top += LINE
        top += 6
    marks.append(line(0, top, WIDTH, top, opacity=0.12))
    rest = (
        f"all other factors {signed(found.others)} · average of {found.beside} {signed(found.typical_score)}"
    )
    rest += f" · this row {signed(found.score)}"
    marks.append(text(0, top + 6, rest, size=10, faint=True, limit=WIDTH))
    return panel(WIDTH, top + 22, marks)


def _table(found: ReasonCodes) -> Table:
    body = tuple(
        (
            i,
            each.column,
            each.text,
            each.value,
            each.typical,
            number(each.points),
            "–"
            if each.named is None
            else f"{each.named} of {found.refits} {share_interval(each.named_low, each.named_high)}",
            "yes" if each.protected else "",
        )
        for i, each in enumerate(found.reasons, 1)
    )
    sums = (
        ("", "all other factors", "", "", "", signed(found.others), "", ""),
        ("", "left over", "", "", "", signed(found.gap), "", ""),
        ("", f"average of {found.beside}", "", "", "", signed(found.typical_score), "", ""),
        ("", f"log-odds of {found.answer}", "", "", "", signed(found.score), "", ""),
    )
    columns = (
        "",
        "factor",
        "reason",
        "this row",
        "average of the others",
        "points",
        "refits that name it",
        "protected",
    )
    rows = (*body, *sums)
    if not any(each.protected for each in found.reasons):
        columns, rows = columns[:-1], tuple(row[:-1] for row in rows)
    return Table(columns, rows)
