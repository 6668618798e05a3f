"""Shortcuts, and rows that lie on both sides of the split, as pieces of the dossier."""

from __future__ import annotations

import math

from pellucid.evidence import Measure, Shortcuts
from pellucid.figures import counted, figures_of, percent
from pellucid.report._html import missing, paragraph, rows, unfold, word
from pellucid.report._shortcuts_page import LIMITS

WORDS = {"found": "failed", "suspected": "mixed", "no alarm": "passed", "not tested": "not run"}
SHOWN = 10


def shortcuts_html(found: Shortcuts | None) -> str:
    """What decides alone although it should not; the alarms stand open."""
    head = "<h3>Shortcuts</h3>"
    if found is None:
        return head + missing("A search for shortcuts")
    first, *others = figures_of(found)
    alarm = found.word in ("found", "suspected")
    body = first.html(heading=False) + "".join(
        unfold(each.title, paragraph(each.alt) + each.html(heading=False)) for each in others
    )
    drawn = body if alarm else unfold("All parts that were tried", body)
    notes = "".join(paragraph(note, css="note") for note in found.notes)
    return head + paragraph(first.alt) + drawn + notes + paragraph(LIMITS, css="soft")


def copies_html(found: Shortcuts | None) -> str:
    """Held-out rows that training held too."""
    head = "<h3>Rows on both sides of the split</h3>"
    if found is None:
        return head + missing("A search for copies")
    copies = found.copies
    if copies is None:
        return head + paragraph("No training rows to compare with.", css="none")
    told = (
        f"Of {copies.held:,} held-out rows {copies.exact:,} equal one of {copies.learned:,} training rows "
        f"and {copies.near:,} nearly do. {copies.note}"
    )
    line = f"<p>{word(WORDS[copies.word])}</p>"
    if not copies.exact + copies.near:
        return head + line + paragraph(told)
    sides = [
        ("copies", _share(copies.on_copies)),
        ("the others", _share(copies.on_rest)),
    ]
    table = rows(("held-out rows", "right answers [95 %]"), sides)
    listed = [(f"{a:,}", f"{b:,}") for a, b in copies.rows[:SHOWN].tolist()]
    total = copies.exact + copies.near
    which = rows(
        ("held-out row", "training row"), listed, caption=f"{len(listed)} of {counted(total, 'row')} shown"
    )
    return head + line + paragraph(told) + table + unfold("Which rows", which)


def _share(one: Measure) -> str:
    if math.isnan(one.value):
        return "–"
    return f"{percent(one.value)} [{percent(one.low)}, {percent(one.high)}]"
