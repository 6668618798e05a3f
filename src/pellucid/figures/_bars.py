"""Columns and what each contributed to one answer."""

from __future__ import annotations

import numpy as np

from pellucid._core import Explanation
from pellucid.figures._colour import NEGATIVE, POSITIVE
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import text, word
from pellucid.figures._meant import meaning, meant
from pellucid.figures._numbers import counted, number, signed
from pellucid.figures._parts import Share, method, shares, target
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._words import words

STEP = 34


def bars(
    explanation: Explanation,
    *,
    row: int = 0,
    top: int = 8,
    limit: float | None = None,
    width: int = 300,
    head: str = "",
    asked: bool = False,
) -> Figure:
    """The columns that weigh most in one answer; where values add up, the rest as one line, so that they do.

    One number is a column's value, and the table says what it is and in which unit: brown speaks for the
    target, blue against it. A thin line through a bar's end is ± 2 standard errors, where values are sampled.

    Args:
        explanation: attribution of columns.
        row: which row.
        top: how many columns are shown one by one.
        limit: length of the axis on either side of zero, for panels that are compared; default as needed.
        width: of the panel in pixels.
        head: what stands over the panel; the method where left out.
        asked: whether the question stands beside it.

    Returns:
        Figure; its table has the columns shown, the remainder, the reference, the gap and the score.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> import torch
        >>> from pellucid.attribution import input_x_gradient
        >>> net = torch.nn.Linear(3, 1, bias=False)
        >>> figure = bars(input_x_gradient(net, torch.ones(1, 3), 0), top=2)
        >>> [entry["name"] for entry in figure.chart["data"]["values"]][-1]
        '1 other column'
    """
    parts = sorted(shares(explanation, row), key=lambda part: -abs(part.value))
    lines = [*parts[:top], *_together(explanation, parts[top:])]
    name = target(explanation, row)
    verdict = explanation.cards[row].verdict if row < len(explanation.cards) else ""
    above = [
        text(0, -40, head or method(explanation), size=12, bold=True, limit=width),
        *(word(0, -21, verdict) if verdict else []),
        *([text(width, -40, f"why {name}?", faint=True, align="right", limit=width / 3)] if asked else []),
    ]
    foot = text(
        0, STEP * len(lines) + 6, _sum(explanation, row, lines, parts[top:]), size=10, faint=True, limit=width
    )
    chart, drawn = _chart(lines, limit, width, hollow=verdict in ("not supported", "contradicted"))
    return Figure(
        f"Why {name}",
        f"{method(explanation).capitalize()}. {words(explanation, row=row)}"
        + (f" Evidence: {verdict}." if verdict else ""),
        {**chart, "layer": [*drawn, *above, foot]},
        None,
        _table(explanation, row, lines, parts[top:]),
        explanation.note_of(row),
    )


def control(
    explanation: Explanation, *, row: int = 0, top: int = 8, limit: float | None = None, width: int = 300
) -> Spec:
    """The random control: the same contributions given to other columns, as a panel."""
    parts = shares(explanation, row)
    seed = explanation.provenance.seed * 1_000_003 + row
    order = np.random.default_rng(seed).permutation(len(parts))
    moved = [
        Share(part.name, part.text, parts[other].value) for part, other in zip(parts, order, strict=True)
    ]
    moved.sort(key=lambda part: -abs(part.value))
    lines = [*moved[:top], *_together(explanation, moved[top:])]
    chart, drawn = _chart(lines, limit, width, hollow=False)
    head = text(0, -40, "control: values on random columns", size=12, bold=True)
    return {**chart, "layer": [*drawn, head]}


def longest(explanation: Explanation, row: int, top: int = 8) -> float:
    """How far the axis of a panel must reach on either side of zero."""
    parts = sorted(shares(explanation, row), key=lambda part: -abs(part.value))
    lines = [*parts[:top], *_together(explanation, parts[top:])]
    return max((abs(line.value) + 2 * (line.stderr or 0.0) for line in lines), default=0.0) or 1.0


def _together(explanation: Explanation, rest: list[Share]) -> list[Share]:
    """All that is not shown one by one, as one line; where values make nothing together, no line."""
    if not rest or not meant(explanation).adds:
        return []
    return [
        Share(
            f"{counted(len(rest), 'other column')}{' together' if len(rest) > 1 else ''}",
            "",
            sum(p.value for p in rest),
        )
    ]


def _weaker(rest: list[Share]) -> str:
    return f"{counted(len(rest), 'other column')}, {'each ' if len(rest) > 1 else ''}weaker"


def _sum(explanation: Explanation, row: int, lines: list[Share], rest: list[Share]) -> str:
    if not meant(explanation).adds:
        others = f"{_weaker(rest)}; " if rest else ""
        return f"{others}score {number(float(explanation.scores[row]))}"
    total = sum(line.value for line in lines)
    if explanation.reference is None:
        return f"parts {number(total)}, score {number(float(explanation.scores[row]))}"
    start, score = float(explanation.reference[row]), float(explanation.scores[row])
    gap = "" if explanation.gap is None else f" + gap {number(float(explanation.gap[row]))}"
    return f"reference {number(start)} + {number(total)}{gap} = {number(score)}"


def _chart(lines: list[Share], limit: float | None, width: int, *, hollow: bool) -> tuple[Spec, list[Spec]]:
    values = [_datum(i, line, width) for i, line in enumerate(lines)]
    low = min([0.0, *(float(v["low"]) for v in values)])
    high = max([0.0, *(float(v["high"]) for v in values)])
    domain = [-limit, limit] if limit is not None else [low, high] if high > low else [-1.0, 1.0]
    x: Spec = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": domain, "nice": False},
        "axis": None,
    }
    y: Spec = {
        "field": "row",
        "type": "ordinal",
        "axis": None,
        "scale": {"paddingInner": 0, "paddingOuter": 0},
    }
    colour: Spec = {"field": "colour", "type": "nominal", "scale": None}
    look: Spec = {"type": "bar", "height": 9, "yOffset": 9, "cornerRadiusEnd": 2, "filled": not hollow}
    bar: Spec = {"mark": look | ({"strokeDash": [3, 2], "strokeWidth": 1.2} if hollow else {})}
    bar["encoding"] = {"x": x, "y": y, "color": colour}
    ends: Spec = {
        "mark": {"type": "rule", "yOffset": 9, "strokeWidth": 1.4},
        "transform": [{"filter": "datum.low < datum.high && datum.stderr > 0"}],
    }
    ends["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    middle: Spec = {
        "type": "tick",
        "orient": "vertical",
        "size": 15,
        "thickness": 1,
        "yOffset": 9,
        "color": THEME.ink,
    }
    zero: Spec = {"mark": {**middle, "opacity": 0.45}, "encoding": {"x": {**x, "field": "zero"}, "y": y}}
    drawn = [bar, ends, zero, _label("label", 0, "left", width - 62), _label("shown", width, "right", 60)]
    return {"width": width, "height": STEP * len(lines), "data": {"values": values}}, drawn


def _datum(index: int, line: Share, width: int) -> dict[str, str | float | int]:
    spread = 2 * (line.stderr or 0.0)
    ends = (min(line.value, line.value - spread), max(line.value, line.value + spread))
    rest = not line.text and "other column" in line.name
    colour = THEME.muted if rest else POSITIVE if line.value > 0 else NEGATIVE
    return {
        "row": index,
        "name": line.name,
        "label": _fitting(line, int((width - 62) / 5.6)),
        "value": line.value,
        "shown": signed(line.value),
        "stderr": line.stderr or 0.0,
        "low": ends[0],
        "high": ends[1],
        "zero": 0,
        "colour": colour,
    }


def _fitting(line: Share, letters: int) -> str:
    """The label; where it is too long the name is cut, never the value."""
    over = len(line.label) - letters
    if over <= 0 or not line.text or len(line.name) <= over + 1:
        return line.label
    return f"{line.name[: -over - 1]}… = {line.text}"


def _label(field: str, x: float, align: str, limit: float) -> Spec:
    mark: Spec = {
        "type": "text",
        "align": align,
        "baseline": "bottom",
        "yOffset": 1,
        "limit": limit,
        "fontSize": 11.5,
    }
    y: Spec = {"field": "row", "type": "ordinal", "axis": None}
    return {"mark": mark, "encoding": {"x": {"value": x}, "y": y, "text": {"field": field}}}


def _table(explanation: Explanation, row: int, lines: list[Share], rest: list[Share]) -> Table:
    body: list[tuple[str | float | None, ...]] = [
        (line.name, line.text, line.value, line.stderr) for line in lines
    ]
    if rest and not meant(explanation).adds:
        body.append((_weaker(rest), "", None, None))
    if explanation.reference is not None:
        body.append(("score at the reference", "", float(explanation.reference[row]), None))
    if explanation.gap is not None:
        body.append(("not accounted for (gap)", "", float(explanation.gap[row]), None))
    score = float(explanation.scores[row])
    body.append(("score", "", score, None))
    note = f"{meaning([explanation])} The score is {number(score)}."
    return Table(("column", "value", meant(explanation).noun, "standard error"), tuple(body), note)
