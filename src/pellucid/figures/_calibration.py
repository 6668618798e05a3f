"""Calibration as figures: false positives of controls beside the nominal level, then power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import GAP, counted, percent
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.evidence import Calibration, CalibrationRow, Measure

SHORT = {
    "Does it matter to the model?": "matters",
    "Does it beat a map made without the model?": "beats model-free",
    "Does it hold under every kind of absence?": "every absence",
    "Does the model do the opposite?": "opposite",
    "Is it about this model?": "about training",
    "Is it about this class?": "about this class",
    "Is it stable?": "stable",
    "Does it add up?": "adds up",
}
WITH = "agreement with removed parts replaced by "
FILLS = {
    "the mean input": "mean",
    "the blurred picture": "blur",
    "parts of other inputs, drawn at random": "swap",
    "pieces of many other inputs, each drawn at random": "patch",
    "parts of the input most alike in what is kept": "nearest",
}
WIDTH, STEP, LIMIT = 430, 20, 0.065


def calibration(found: Calibration) -> list[Figure]:
    """What should not pass and how often it does, then what should.

    Args:
        found: from :func:`pellucid.evidence.calibration`.

    Returns:
        Two figures.

    Example:
        >>> calibration.__name__
        'calibration'
    """
    empty = [row for row in found.rows if row.kind != "method"]
    methods = [row for row in found.rows if row.kind == "method"]
    right = "" if math.isnan(found.accuracy) else f", accuracy {found.accuracy:.3f}"
    settings = (
        f"{found.network}{right}: {counted(found.n, 'input')}, {found.masks} masks, {found.draws} "
        f"placements, {found.twins} untrained copies, seed {found.seed}; {found.target} explained; removed "
        f"parts hold {found.fills[0]}."
    )
    return [_controls(found, empty, settings), _power(methods, settings)]


def _controls(found: Calibration, rows: Sequence[CalibrationRow], settings: str) -> Figure:
    worst = max(rows, key=lambda row: row.worst)
    said = "passes no question" if not worst.worst else f"passes one in {percent(worst.worst)}"
    alt = (
        f"{found.network}: of {counted(len(rows), 'kind')} of maps that are known to be empty, the worst, "
        f"{worst.name}, {said} of its maps, at a nominal {percent(found.level, 0)}; "
        f"{'none is' if found.kept else 'some are'} above {percent(LIMIT)}."
    )
    note = (
        f"{settings} Share of empty maps that pass, with Wilson's 95 % interval; it should not exceed "
        f"{percent(found.level, 0)}. n is inputs times networks or draws; maps of one network are not "
        "independent. Of stability the p is counted."
    )
    title = f"False positives: {found.network}"
    return Figure(title, alt, _chart(rows), None, _table(rows), note)


def _power(rows: Sequence[CalibrationRow], settings: str) -> Figure:
    shares = {row.name: next(iter(row.shares.values())).value for row in rows}
    best = max(shares, key=lambda name: shares[name])
    alt = f"{best} is told from chance most often, on {percent(shares[best])} of the inputs."
    note = f"{settings} Share of inputs on which each method passes each question of the card."
    return Figure("Power: how often methods pass", alt, None, None, _table(rows), note)


def _table(rows: Sequence[CalibrationRow]) -> Table:
    questions = list(dict.fromkeys(question for row in rows for question in row.shares))
    heads = ("maps", "n", *(_short(question) for question in questions))
    body = tuple(
        (row.name, row.n, *(_cell(row.shares.get(question)) for question in questions)) for row in rows
    )
    return Table(heads, body)


def _short(question: str) -> str:
    fill = question.removeprefix(WITH)
    return SHORT.get(question) or f"holds: {FILLS.get(fill, fill)}"


def _cell(one: Measure | None) -> str:
    if one is None or math.isnan(one.value):
        return "–"
    low, high = (f"{100 * end:.1f}" for end in (one.low, one.high))
    return f"{percent(one.value)}{GAP}[{low},{GAP}{high}]"


def _chart(rows: Sequence[CalibrationRow]) -> Spec:
    """The first question, whose test is the joint one."""
    values = [
        {"name": row.name, "share": first.value, "low": first.low, "high": first.high}
        for row in rows
        if (first := next(iter(row.shares.values())))
    ]
    order = [row.name for row in rows]
    y: Spec = {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 260}}
    x: Spec = {
        "type": "quantitative",
        "title": "share that passes the first question, with 95 % interval; nominal 5 %, limit 6.5 %",
        "axis": {"format": ".0%"},
    }
    whisker: Spec = {
        "mark": {"type": "rule", "strokeWidth": 2, "color": THEME.accent},
        "encoding": {"y": y, "x": {"field": "low", **x}, "x2": {"field": "high"}},
    }
    dot: Spec = {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": THEME.accent},
        "encoding": {"y": y, "x": {"field": "share", **x}},
    }
    lines: list[Spec] = [
        {
            "data": {"values": [{"at": at}]},
            "mark": {"type": "rule", "strokeDash": dash, "color": THEME.muted},
            "encoding": {"x": {"field": "at", "type": "quantitative"}},
        }
        for at, dash in ((0.05, [4, 3]), (LIMIT, [1, 2]))
    ]
    return {
        "data": {"values": values},
        "layer": [*lines, whisker, dot],
        "width": WIDTH,
        "height": {"step": STEP},
    }
