"""The pieces charts are put together from, placed by the pixel or by a scale."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from pellucid.figures._figure import Table, Word
from pellucid.figures._theme import THEME, Spec, look

ONE: Spec = {"values": [{}]}


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = THEME.label,
    bold: bool = False,
    align: str = "left",
    faint: bool = False,
    limit: float | None = None,
) -> Spec:
    """Words whose top stands at a pixel."""
    mark: Spec = {"type": "text", "align": align, "baseline": "top", "fontSize": size, "text": words}
    mark |= {"fontWeight": 600 if bold else "normal", "opacity": 0.72 if faint else 1.0}
    if limit is not None:
        mark["limit"] = limit
    return {"data": ONE, "mark": mark, "encoding": {"x": {"value": x}, "y": {"value": y}}}


def image(png: bytes, x: float, y: float, width: float, height: float) -> Spec:
    """A picture whose upper left corner stands at a pixel."""
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    mark: Spec = {"type": "image", "url": url, "width": width, "height": height, "aspect": False}
    mark |= {"align": "left", "baseline": "top"}
    return {"data": ONE, "mark": mark, "encoding": {"x": {"value": x}, "y": {"value": y}}}


def line(
    x: float,
    y: float,
    x2: float,
    y2: float,
    *,
    opacity: float = 0.2,
    colour: str = THEME.ink,
    width: float = 1.0,
) -> Spec:
    """A straight line between two pixels."""
    mark: Spec = {"type": "rule", "color": colour, "opacity": opacity, "strokeWidth": width}
    at: Spec = {"x": {"value": x}, "y": {"value": y}, "x2": {"value": x2}, "y2": {"value": y2}}
    return {"data": ONE, "mark": mark, "encoding": at}


def word(x: float, y: float, name: str, *, limit: float | None = None) -> list[Spec]:
    """A word of evidence with its shape: full, half, hollow or dash."""
    return [*sign(x, y, name), text(x + 15, y, name, limit=limit)]


def sign(x: float, y: float, name: str) -> list[Spec]:
    """The shape of a word of evidence."""
    shown = look(name)
    at: Spec = {"x": {"value": x + 5}, "y": {"value": y + 5.5}}
    ring: Spec = {
        "type": "point",
        "shape": "circle",
        "size": 70,
        "stroke": shown.colour,
        "strokeWidth": 1.6,
        "filled": False,
    }
    ring["fill"] = shown.colour if shown.shape == "full" else "transparent"
    if shown.shape == "dash":
        ring = {"type": "point", "shape": "stroke", "size": 80, "stroke": shown.colour, "strokeWidth": 2}
    marks: list[Spec] = [{"data": ONE, "mark": {**ring, "opacity": 1}, "encoding": at}]
    if shown.shape == "half":
        half: Spec = {
            "type": "arc",
            "innerRadius": 0,
            "outerRadius": 4.7,
            "theta": 3.14159,
            "theta2": 6.28318,
            "color": shown.colour,
        }
        marks.append({"data": ONE, "mark": half, "encoding": at})
    return marks


def panel(width: float, height: float, layers: Sequence[Spec]) -> Spec:
    """A panel of pixel-placed pieces."""
    return {"width": width, "height": height, "layer": list(layers)}


def panels(parts: Sequence[Spec], *, columns: int = 4) -> Spec:
    """A row of panels that wraps; scales are never shared by accident."""
    if len(parts) == 1:
        return dict(parts[0])
    apart = dict.fromkeys(("x", "y", "color", "shape", "strokeDash"), "independent")
    resolve: Spec = {"scale": apart}
    return {"concat": list(parts), "columns": columns, "spacing": 24, "resolve": resolve}


def against_even(
    values: Sequence[Mapping[str, float]], x: Spec, y: Spec, ends: tuple[float, float], size: int
) -> Spec:
    """Points ``x, y``, whiskers from ``low`` to ``high``, and the dashed line on which both are equal."""
    even: Spec = {
        "data": {"values": [{"x": end, "y": end} for end in ends]},
        "mark": {"type": "line", "strokeDash": [4, 3], "color": THEME.muted, "strokeWidth": 1.2},
        "encoding": {"x": x, "y": y},
    }
    whiskers: Spec = {
        "data": {"values": values},
        "mark": {"type": "rule", "strokeWidth": 1.4},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
    dots: Spec = {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 46, "color": THEME.accent, "opacity": 1},
        "encoding": {"x": x, "y": y},
    }
    return {"width": size, "height": size, "layer": [even, whiskers, dots]}


def ends_of(letters: int) -> Spec:
    """How an axis writes names too long for it: layers of one network begin alike, what tells is the end."""
    end = f"'…' + slice(datum.label, {1 - letters})"
    return {"labelExpr": f"length(datum.label) > {letters} ? {end} : datum.label"}


def table_chart(table: Table) -> Spec:
    """A table as a drawing, for where only a picture can go."""
    lines = [list(table.columns), *table.texts()]
    widths = [min(640.0, 18 + 6.4 * max(len(row[i]) for row in lines)) for i in range(len(table.columns))]
    starts = [sum(widths[:i]) for i in range(len(widths))]
    marks: list[Spec] = [
        text(start, 0, head, bold=True, limit=width - 8)
        for start, width, head in zip(starts, widths, table.columns, strict=True)
    ]
    for i, row in enumerate(table.rows):
        top = 22 + 20 * i
        marks.append(line(0, top - 5, sum(widths), top - 5))
        for start, width, cell, shown in zip(starts, widths, row, lines[i + 1], strict=True):
            is_word = isinstance(cell, Word)
            marks += word(start, top, cell.text) if is_word else [text(start, top, shown, limit=width - 8)]
    return panel(sum(widths), 22 + 20 * len(table.rows), marks)
