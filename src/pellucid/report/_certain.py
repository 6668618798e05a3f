"""What the probabilities are worth, as a piece of the dossier."""

from __future__ import annotations

from pellucid._visible import escaped as escape
from pellucid.figures import percent, reliability
from pellucid.report._html import missing, paragraph, rows
from pellucid.tasks import Certainty
from pellucid.tasks._certainty import Share


def certainty_html(found: Certainty | None, *, classes: bool) -> str:
    """Calibration, answers that are withheld and, for two answers, thresholds."""
    if not classes:
        return ""
    head = "<h3>Can its probabilities be taken at their word?</h3>"
    if found is None:
        return head + missing("Calibration")
    drawn, off = reliability(found.bins), found.error
    told = (
        f"On average a probability is {percent(off.value)} off [{percent(off.low)}, {percent(off.high)}] on "
        f"{found.n:,} held-out rows; perfect probabilities would show {percent(off.perfect)} on as many rows "
        "(expected calibration error, 95 % interval)."
    )
    return head + paragraph(told) + drawn.html(heading=False) + _abstention(found) + _thresholds(found)


def share(given: Share) -> str:
    """A share with its interval and rows."""
    if not given.n:
        return "no rows"
    return f"{percent(given.value)} [{percent(given.low)}, {percent(given.high)}] of {given.n:,}"


def _abstention(found: Certainty) -> str:
    body = [
        (f"the surest {percent(each.answered, 0)}", f"at least {percent(each.least)}", share(each.right))
        for each in found.abstention
    ]
    head = ("rows that are answered", "probability of the answer", "right [95 %]")
    return "<h3>If it only answers when it is sure</h3>" + rows(head, body)


def _thresholds(found: Certainty) -> str:
    if not found.thresholds:
        return ""
    body = [
        (
            percent(each.at, 0),
            percent(each.given.value),
            share(each.found),
            share(each.spared),
            share(each.right),
        )
        for each in found.thresholds
    ]
    name = found.answer
    head = (
        "from a probability of",
        "rows",
        f"of true {name} found",
        "of the others left alone",
        "right when said",
    )
    note = paragraph(
        f"{name} is the rarer answer. Which threshold is right depends on what each error costs, which no "
        "data say; 95 % intervals.",
        css="note",
    )
    return f"<h3>Thresholds for {escape(name)}</h3>" + rows(head, body) + note
