"""What the probabilities are worth, as a piece of the dossier."""

from __future__ import annotations

from pellucid._visible import escaped as escape
from pellucid.figures import number, number_calibration, percent, reliability
from pellucid.report._html import missing, paragraph, rows
from pellucid.tasks import Certainty, NumberCalibration
from pellucid.tasks._certainty import Share

RARE = 0.025


def certainty_html(found: Certainty | None) -> str:
    """Calibration, answers that are withheld and, for two answers, thresholds."""
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


def numbers_html(found: NumberCalibration | None, *, unit: str) -> str:
    """In regression: bias, spread, and how often the truth lies within the promised distance."""
    head = "<h3>Can its numbers be taken at their word?</h3>"
    if found is None:
        return head + missing("Calibration")
    drawn, (_, said) = number_calibration(found, unit=unit), number_words(found, unit)
    slope = found.slope
    spread = (
        f"Where an estimate is higher by 1, the truth is higher by {number(slope.value)} "
        f"[{number(slope.low)}, {number(slope.high)}]; 1 would be right, less means that high estimates are "
        "too high and low ones too low."
    )
    shown = head + paragraph(said) + paragraph(spread) + paragraph(drawn.alt) + drawn.html(heading=False)
    return shown + _reach(found, unit)


def _reach(found: NumberCalibration, unit: str) -> str:
    head = "<h3>How far off may it be?</h3>"
    if found.reach is None:
        why = "There are too few validation rows beside test rows to say how far off an estimate may be."
        return head + paragraph(why, css="none")
    distance = f"{number(found.reach)} {unit}".strip()
    told = (
        f"{percent(found.promised, 0)} of {found.validation:,} validation rows lay within {distance} of the "
        "estimate. If that is promised for every row, this is how often it holds on held-out rows."
    )
    body = [(escape(each.which), share(each.share)) for each in found.within]
    note = "One distance for all rows: where a third keeps it less often, estimates there are less sure."
    return (
        head
        + paragraph(told)
        + rows(("rows", f"within {distance} [95 %]"), body)
        + paragraph(note, css="note")
    )


def number_words(found: NumberCalibration, unit: str) -> tuple[str, str]:
    """A word of evidence about a network's numbers, and a sentence."""
    bias, slope = found.bias, found.slope
    size = f"{number(abs(bias.value))} {unit}".rstrip()
    ends = f"[{number(bias.low)}, {number(bias.high)}]"
    if found.chance is not None and found.chance <= RARE:
        kept = share(found.within[0].share)
        text = f"The truth lies within {number(found.reach)} {unit}".rstrip()
        return (
            "failed",
            f"{text} of an estimate less often than promised: {kept} rows, p {number(found.chance, 2)}.",
        )
    if bias.low > 0 or bias.high < 0:
        side = "high" if bias.low > 0 else "low"
        return "mixed", f"Its numbers are too {side} on average: by {size}, bias {ends}, {found.n:,} rows."
    if slope.high < 1 or slope.low > 1:
        side = "too far apart" if slope.high < 1 else "too close together"
        told = f"slope {number(slope.value)} [{number(slope.low)}, {number(slope.high)}], 1 would be right"
        return "mixed", f"Its numbers are {side}: {told}."
    return "passed", (
        f"Its numbers are not shown to be off: bias {number(bias.value)} {ends}, slope "
        f"{number(slope.value)} [{number(slope.low)}, {number(slope.high)}] on {found.n:,} rows."
    )


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
