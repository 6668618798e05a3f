"""Curves over the depth of a network, each beside its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.figures._colour import OKABE_ITO, scale
from pellucid.figures._marks import ends_of
from pellucid.figures._numbers import finite
from pellucid.figures._theme import THEME, Spec

WIDTH, HEIGHT = 300, 170
LETTERS = 15  # of a layer's name
_DASHES = ([1, 0], [6, 4], [2, 3], [8, 3, 2, 3])
_COLOURS = (OKABE_ITO[0], THEME.muted, OKABE_ITO[1], OKABE_ITO[3])


def depth_lines(
    sites: Sequence[str],
    series: Mapping[str, Sequence[float]],
    title: str,
    *,
    bands: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    level: float | None = None,
    domain: tuple[float, float] | None = None,
) -> Spec:
    """One panel: layers from left to right in the order of the pass, a line per series, told by dashes too.

    The first series is the network itself, the others are its controls.
    """
    names = list(series)
    points = [
        {"layer": site, "series": name, "value": finite(value), **_ends(bands, name, i)}
        for name, values in series.items()
        for i, (site, value) in enumerate(zip(sites, values, strict=True))
    ]
    x: Spec = {"field": "layer", "type": "nominal", "sort": list(sites), "title": None}
    width = max(WIDTH, min(560, 15 * len(sites)))
    x["axis"] = {"labelAngle": -45, "labelLimit": 110, "grid": False, **ends_of(LETTERS)}
    # turned names stand side by side where each has the height of its letters
    x["axis"] |= {"labelOverlap": False if width >= 14 * len(sites) else "greedy"}
    y: Spec = {"field": "value", "type": "quantitative", "title": None}
    y["scale"] = {"domain": list(domain)} if domain else {"zero": False, "nice": True}
    style = _styles(names)
    shades: Spec = {"domain": names, "range": [_COLOURS[k] for k in style]}
    dashes: Spec = {"domain": names, "range": [list(_DASHES[k]) for k in style]}
    colour: Spec = {"field": "series", "type": "nominal", "scale": shades, "title": None}
    # bands behind the lines are pale, their names are not
    colour["legend"] = {"orient": "bottom", "symbolType": "stroke", "columns": 2, "symbolOpacity": 1}
    colour["legend"] |= {"symbolSize": 400, "symbolStrokeWidth": 2}
    dash: Spec = {**colour, "scale": dashes}
    line: Spec = {"mark": {"type": "line", "strokeWidth": 2, "point": {"size": 34, "filled": True}}}
    line["encoding"] = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    layers = [line]
    if bands:
        band: Spec = {"mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.25}}
        ends: Spec = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
        band |= {"transform": [{"filter": "isValid(datum.low)"}]}
        band["encoding"] = {"x": x, "color": colour, **ends}
        layers.insert(0, band)
    if level is not None:
        flat: Spec = {"data": {"values": [{"value": level}]}, "encoding": {"y": y}}
        layers.insert(0, {**flat, "mark": {"type": "rule", "opacity": 0.5, "strokeDash": [1, 3]}})
    return {
        "width": width,
        "height": HEIGHT,
        "title": title,
        "data": {"values": points},
        "layer": layers,
    }


def _styles(names: Sequence[str]) -> list[int]:
    """Numbers of colour and dash: by place, an untrained network always as a control."""
    plain = [name for name in names if "untrained" not in name]
    free = iter((0, 1, 2, 3) if len(plain) == len(names) else (0, 2, 3))
    return [1 if "untrained" in name else next(free) for name in names]


def heat(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    title: str,
    *,
    domain: tuple[float, float],
    signed: bool = False,
    legend: str = "",
    cell: int = 22,
    shares: bool = False,
    sides: tuple[str, str] | None = None,
) -> Spec:
    """A matrix of colours; signed values on the diverging scale with zero in the middle.

    ``shares`` says that values are parts of one, ``sides`` names what stands in the rows and in the columns.
    """
    of_rows, of_columns = sides or (None, None)
    cells = [
        {"row": row, "column": column, "value": finite(value)}
        for row, line in zip(rows, values, strict=True)
        for column, value in zip(columns, line, strict=True)
    ]
    colour: Spec = {"field": "value", "type": "quantitative", "title": legend or None}
    shades = scale("vik", 17) if signed else scale("cividis")
    colour["scale"] = {"domain": list(domain), "range": shades, "interpolate": "rgb", "clamp": True}
    colour["legend"] = {"orient": "bottom", "gradientLength": 150}
    if shares:
        colour["legend"] |= {"format": "%"}
    # a value that is not known keeps its place, and no colour that could be read as one
    known: Spec = {"condition": {"test": "isValid(datum.value)", "value": 1}, "value": 0}
    x: Spec = {"field": "column", "type": "nominal", "sort": list(columns), "title": of_columns}
    angle = 0 if max(map(len, columns), default=0) < 3 else -45
    x["axis"] = {"labelAngle": angle, "labelLimit": 90, "grid": False, "labelOverlap": cell < 14}
    y: Spec = {"field": "row", "type": "nominal", "sort": list(rows), "title": of_rows}
    y["axis"] = {"labelLimit": 170, "grid": False}
    return {
        "width": {"step": cell},
        "height": {"step": cell},
        "title": title,
        "data": {"values": cells},
        "mark": {"type": "rect", "invalid": None},
        "encoding": {"x": x, "y": y, "color": colour, "opacity": known},
    }


def _ends(
    bands: Mapping[str, Sequence[tuple[float, float]]] | None, name: str, i: int
) -> dict[str, float | None]:
    if not bands or name not in bands:
        return {}
    low, high = bands[name][i]
    return {"low": finite(low), "high": finite(high)}
