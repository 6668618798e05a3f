"""An anchor: the conditions, and how often the answer stays where they hold."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import line, panel, text
from pellucid.figures._numbers import percent, share_interval
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.rules import Anchor

WIDTH, LETTERS, LINE = 344, 46, 16


def anchor(found: Anchor) -> Figure:
    """The conditions, and three shares on one line: asked for, with the conditions, without any.

    Args:
        found: from :func:`pellucid.anchor`.

    Returns:
        Figure.

    Example:
        >>> anchor.__name__
        'anchor'
    """
    title = f"What holds the answer {found.answer}" if found.reached else "No anchor was found"
    return Figure(title, anchor_words(found), _chart(found), None, _table(found), found.note)


def anchor_words(found: Anchor) -> str:
    """The anchor in sentences, with its bound and what it refers to."""
    said = _conditions(found)
    start = (
        f"{said}, the network answers {found.answer}"
        if found.conditions
        else f"Whatever the rest is, the network answers {found.answer}"
    )
    bound = (
        f" in at least {percent(found.precision_low)} of cases (95 % bound from {found.n:,} fresh draws; "
        f"{percent(found.precision)} of them; without any condition {percent(found.without)})."
    )
    if not found.reached:
        start = f"Best attempt, short of the {percent(found.threshold)} that were asked for: {start}"
    held = ""
    if found.held:
        held = (
            f" {found.covered} of {found.held} held-out rows meet it, and {found.agreeing} of these get that "
            "answer."
        )
    return f"{start}{bound}{held} Drawn were: {found.refers_to}."


def _conditions(found: Anchor) -> str:
    from pellucid.rules import Rule

    rule = Rule(found.conditions, found.answer, 0, 0.0)
    said = str(rule).removeprefix("IF ").removesuffix(f" THEN {found.answer}").replace("<=", "≤")
    return "If " + said.replace(" AND ", " and ")


def _chart(found: Anchor) -> Spec:
    marks: list[Spec] = []
    top = 0.0
    for part in [_conditions(found), *([] if found.conditions else ["(no condition)"])][-1:]:
        for words in textwrap.wrap(part, LETTERS):
            marks.append(text(0, top, words, size=13, bold=True))
            top += LINE
    marks.append(text(0, top + 2, f"→ {found.answer}", size=13))
    level = top + 44
    marks.append(line(0, level, WIDTH, level, opacity=0.2, width=2))
    low, now = WIDTH * found.precision_low, WIDTH * found.precision
    marks.append(line(low, level, now, level, opacity=1, colour=THEME.accent, width=5))
    for share, words, colour in (
        (found.without, "without conditions", THEME.muted),
        (found.precision_low, "at least", THEME.accent),
    ):
        at = WIDTH * share
        align = "right" if share > 0.5 else "left"
        marks.append(line(at, level - 8, at, level + 8, opacity=1, colour=colour, width=2))
        place = level - 22 if colour == THEME.accent else level + 12
        marks.append(text(at, place, f"{words} {percent(share)}", size=10, align=align))
    asked = WIDTH * found.threshold
    marks.append(line(asked, level - 5, asked, level + 5, opacity=0.6, width=1))
    axis = "share of draws with the same answer, 0 to 100 %; short line: asked for"
    marks.append(text(WIDTH, level + 26, axis, size=10, faint=True, align="right"))
    return panel(WIDTH, level + 40, marks)


def _table(found: Anchor) -> Table:
    held = f"{found.agreeing} of {found.covered}" if found.held else "–"
    body = (
        ("conditions", _conditions(found)),
        ("answer", found.answer),
        ("precision, at least (95 %)", percent(found.precision_low)),
        ("precision", f"{percent(found.precision)} of {found.n:,} draws"),
        ("asked for", percent(found.threshold)),
        ("without conditions", percent(found.without)),
        ("coverage", f"{percent(found.coverage)} {share_interval(found.coverage_low, found.coverage_high)}"),
        ("held-out rows under it with that answer", held),
        ("drawn", found.refers_to),
    )
    return Table(("", ""), body)
