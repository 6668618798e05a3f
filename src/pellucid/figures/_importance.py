"""What matters over many rows: parts with their intervals, curves along one column, pairs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import InputError
from pellucid.figures._colour import POSITIVE, Numbers, hexadecimal, paint_signed
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import text
from pellucid.figures._numbers import beside, counted, interval, number, percent, signed
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.importance import Importance, Interactions, PartialDependence

STEP, CURVES, PAIRS = 22, 60, 12
LETTERS, LINE = 26, 12  # of a line of a name, and its height in pixels
DIGIT = 5.8  # width of a digit of size 10, in pixels
DARK = "#1b2127"  # unlike the theme's ink it stays dark on the pale cells of a dark page


def importance(found: Importance, *, top: int = 15, width: int = 200) -> Figure:
    """The parts that matter most over many rows, each with its interval; bars that reach 0 are hollow.

    Args:
        found: of :func:`pellucid.importance.permutation_importance` or ``mean_attribution``.
        top: most parts drawn; the table has all.
        width: of the bars in pixels.

    Returns:
        Figure.

    Example:
        >>> import torch
        >>> from pellucid.importance import Importance
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> importance(Importance(("age",), one, 0.5 * one, 2 * one, 0.95, "fall of accuracy", 30)).alt
        'Of 1 part over 30 rows, age matters most: 1 [0.500, 2] fall of accuracy.'
    """
    ranked = found.ranked()
    shown = ranked[:top]
    values: list[dict[str, object]] = []
    for i, (name, value, low, high) in enumerate(shown):
        sure = low > 0 or high < 0
        entry = {"row": i, "name": name, "value": value, "low": low, "high": high, "sure": sure}
        values.append({**entry, "zero": 0, "shown": number(value), "said": in_lines(name)})
    lines = max((str(entry["said"]).count("\n") for entry in values), default=0)
    y: Spec = {"field": "row", "type": "ordinal", "axis": None}
    x: Spec = {"type": "quantitative", "axis": {"title": found.what, "tickCount": 4, "grid": True}}
    x["scale"] = {"nice": False, "padding": 4}
    drawn = [
        *(_bar(x, y, sure=sure) for sure in (True, False)),
        _ends(x, y),
        _beside("said", -10, "right"),
        _beside("shown", width + 10, "left"),
    ]
    chart: Spec = {
        "width": width,
        "height": (STEP + LINE * lines) * len(shown),
        "data": {"values": values},
        "layer": drawn,
    }
    rest = "" if len(shown) == len(ranked) else f"{len(shown)} of {counted(len(ranked), 'part')} drawn. "
    about = (
        f"{rest}Lines are {percent(found.level)} intervals over {counted(found.rows, 'row')}, in numbers in "
        "the table; hollow bars reach 0."
    )
    body = tuple((name, value, low, high) for name, value, low, high in ranked)
    columns = ("part", found.what, "low", "high")
    return Figure("What the network uses", _alt(found), chart, None, Table(columns, body), about)


def _bar(x: Spec, y: Spec, *, sure: bool) -> Spec:
    mark: Spec = {"type": "bar", "height": 11, "filled": sure, "color": POSITIVE}
    mark |= {} if sure else {"strokeDash": [3, 2], "strokeWidth": 1.2}
    at: Spec = {"x": {**x, "field": "value"}, "x2": {"field": "zero"}, "y": y}
    return {"transform": [{"filter": f"datum.sure == {str(sure).lower()}"}], "mark": mark, "encoding": at}


def _ends(x: Spec, y: Spec) -> Spec:
    at: Spec = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    return {"mark": {"type": "rule", "strokeWidth": 1.6}, "encoding": at}


def _alt(found: Importance) -> str:
    name, value, low, high = found.ranked()[0]
    return (
        f"Of {counted(len(found.names), 'part')} over {counted(found.rows, 'row')}, {name} matters most: "
        f"{number(value)} {interval(low, high)} {found.what}."
    )


def in_lines(name: str) -> str:
    """A name whole, in lines of about 150 pixels."""
    return "\n".join(textwrap.wrap(name, LETTERS)) or name


def _beside(field: str, x: float, align: str) -> Spec:
    mark: Spec = {"type": "text", "align": align, "baseline": "middle", "lineBreak": "\n", "lineHeight": LINE}
    # several lines stand around their bar
    mark["dy"] = {"expr": f"-{LINE / 2} * (length(split(datum.{field}, '\\n')) - 1)"}
    y: Spec = {"field": "row", "type": "ordinal", "axis": None}
    return {"mark": mark, "encoding": {"x": {"value": x}, "y": y, "text": {"field": field}}}


def partial_dependence(found: PartialDependence, *, width: int = 280, height: int = 200) -> Figure:
    """How the score goes with one column: the mean with its interval, and single rows as thin lines.

    Args:
        found: of :func:`pellucid.importance.partial_dependence`.
        width, height: of the panel in pixels.

    Returns:
        Figure; where thin lines cross, the mean hides what happens.

    Example:
        >>> partial_dependence.__name__
        'partial_dependence'
    """
    places = _places(found)
    words = isinstance(places[0], str)
    title = f"{found.name} in {found.unit}" if found.unit else found.name
    x: Spec = {"field": "x", "type": "ordinal" if words else "quantitative", "title": title, "sort": None}
    x |= {"axis": {"grid": False, "labelAngle": -30 if words else 0, "labelLimit": 110}}
    x |= {} if words else {"scale": {"nice": False, "zero": False}}
    y: Spec = {"field": "y", "type": "quantitative", "title": found.what}
    y |= {"scale": {"zero": False}, "axis": {"tickCount": 5}}
    count = found.curves.shape[1]
    rows = np.unique(np.linspace(0, count - 1, min(CURVES, count)).round().astype(int)).tolist()
    layers = [_thin(found, places, rows, x, y), *_mean(found, places, x, y)]
    chart: Spec = {"width": width, "height": height, "layer": layers}
    low, high = int(found.mean.argmin()), int(found.mean.argmax())
    alt = (
        f"Mean {found.what} with {found.name} set to each of {len(places)} values: lowest "
        f"{number(float(found.mean[low]))} at {_said(places[low])}, highest "
        f"{number(float(found.mean[high]))} at {_said(places[high])}."
    )
    drawn = f"{len(rows)} of {counted(count, 'row')} as thin lines"
    note = f"The band is the {percent(found.level, 0)} interval of the mean; {drawn}."
    body = tuple(
        (place, float(m), float(lo), float(hi))
        for place, m, lo, hi in zip(places, found.mean, found.low, found.high, strict=True)
    )
    table = Table((title, f"mean {found.what}", "low", "high"), body)
    return Figure(f"How the score goes with {found.name}", alt, chart, None, table, note)


def _places(found: PartialDependence) -> list[str] | list[float]:
    """The grid as a person reads it; as the network takes it where nobody says."""
    if any(isinstance(place, str) for place in found.shown):
        return [str(place) for place in found.shown]
    if found.shown:
        return [float(place) for place in found.shown]
    if found.grid.shape[1] == 1:
        return [float(place) for place in found.grid[:, 0]]
    return [", ".join(number(float(part)) for part in row) for row in found.grid]


def _said(place: str | float) -> str:
    return place if isinstance(place, str) else number(place)


def _thin(
    found: PartialDependence, places: list[str] | list[float], rows: list[int], x: Spec, y: Spec
) -> Spec:
    values = [
        {"x": place, "y": float(found.curves[g, row]), "row": row}
        for row in rows
        for g, place in enumerate(places)
    ]
    mark: Spec = {"type": "line", "strokeWidth": 0.7, "opacity": 0.35, "color": THEME.muted}
    return {
        "data": {"values": values},
        "mark": mark,
        "encoding": {"x": x, "y": y, "detail": {"field": "row"}},
    }


def _mean(found: PartialDependence, places: list[str] | list[float], x: Spec, y: Spec) -> list[Spec]:
    values = [
        {"x": place, "y": float(m), "low": float(low), "high": float(high)}
        for place, m, low, high in zip(places, found.mean, found.low, found.high, strict=True)
    ]
    area: Spec = {"type": "area", "opacity": 0.3, "color": THEME.accent}
    line: Spec = {"type": "line", "strokeWidth": 2.2, "color": THEME.accent}
    line["point"] = {"size": 18, "color": THEME.accent}
    around: Spec = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    return [
        {"data": {"values": values}, "mark": area, "encoding": around},
        {"data": {"values": values}, "mark": line, "encoding": {"x": x, "y": y}},
    ]


def interactions(found: Interactions, *, row: int = 0, top: int = PAIRS, cell: int = 34) -> Figure:
    """What parts do alone (on the diagonal) and together (off it) in one row: brown raises, blue lowers.

    Args:
        found: of :func:`pellucid.importance.shapley_interactions`.
        row: which row.
        top: most parts drawn, those that do most; the table has all pairs.
        cell: width of a cell in pixels; more where its number needs it.

    Returns:
        Figure; numbers within two standard errors of 0 are faint.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> interactions.__name__
        'interactions'
    """
    if not 0 <= row < len(found.values):
        raise InputError(f"row must be 0 to {len(found.values) - 1}, got {row}.")
    values, errors = found.values[row].numpy(), found.stderr[row].numpy()
    order = np.argsort(-np.abs(values).sum(1), kind="stable")[:top]
    names = [found.names[k] for k in order]
    cells = _cells(values[np.ix_(order, order)], errors[np.ix_(order, order)])
    cell = max(cell, *(round(DIGIT * len(str(each["shown"])) + 6) for each in cells))
    side = cell * len(names)
    middles = [(cell * (i + 0.5), str(i + 1), name) for i, name in enumerate(names)]
    labels = [text(-28, at - 6, name, align="right", limit=180) for at, _, name in middles]
    labels += [text(-8, at - 6, k, faint=True, align="right") for at, k, _ in middles]
    labels += [text(at, side + 6, k, faint=True, align="center") for at, k, _ in middles]
    chart: Spec = {"width": side, "height": side, "data": {"values": cells}, "layer": [*_squares(), *labels]}
    pairs = _pairs(found, row)
    left = (
        ""
        if len(order) == len(found.names)
        else f"{len(order)} of {counted(len(found.names), 'part')} drawn. "
    )
    note = (
        f"{left}Diagonal: alone; off it: together beyond that, the columns numbered as the lines. "
        f"Faint numbers lie within two standard errors of 0. {found.note}"
    )
    columns = ("part", "with", "value", "standard error")
    return Figure("What parts do together", _strongest(pairs), chart, None, Table(columns, pairs), note)


def _cells(values: Numbers, errors: Numbers) -> list[dict[str, object]]:
    end = float(np.abs(values).max()) or 1.0
    cells: list[dict[str, object]] = []
    written = np.array(beside(values.flatten().tolist())).reshape(values.shape)
    for (i, j), value in np.ndenumerate(values):
        colour = hexadecimal(paint_signed(np.array([value]), end)[0])
        ink = THEME.paper if abs(value) > 0.55 * end else DARK
        sure = 1.0 if abs(value) > 2 * errors[i, j] else 0.45
        told = {"x": j, "y": i, "colour": colour, "ink": ink}
        cells.append({**told, "shown": str(written[i, j]), "sure": sure})
    return cells


def _squares() -> list[Spec]:
    ordinal: Spec = {"type": "ordinal", "axis": None, "scale": {"paddingInner": 0.06}}
    at: Spec = {"x": {**ordinal, "field": "x"}, "y": {**ordinal, "field": "y"}}
    colour: Spec = {"field": "colour", "type": "nominal", "scale": None}
    words: Spec = {"text": {"field": "shown"}, "color": {"field": "ink", "type": "nominal", "scale": None}}
    words["opacity"] = {"field": "sure", "type": "quantitative", "scale": None}
    return [
        {"mark": "rect", "encoding": {**at, "color": colour}},
        {"mark": {"type": "text", "fontSize": 10}, "encoding": {**at, **words}},
    ]


def _pairs(found: Interactions, row: int) -> tuple[tuple[str, str, float, float], ...]:
    values, errors, names = found.values[row], found.stderr[row], found.names
    told = [
        (names[a], names[b] if a != b else "alone", float(values[a, b]), float(errors[a, b]))
        for a in range(len(names))
        for b in range(a, len(names))
    ]
    return tuple(sorted(told, key=lambda each: -abs(each[2])))


def _strongest(pairs: tuple[tuple[str, str, float, float], ...]) -> str:
    said = [f"{a} and {b} together {signed(value)}" for a, b, value, _ in pairs if b != "alone"][:1]
    alone = [f"{a} alone {signed(value)}" for a, b, value, _ in pairs if b == "alone"][:1]
    return f"Strongest: {'; '.join([*alone, *said])}."
