"""What matters over a whole data set: parts by their size, and one column along its range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import NEGATIVE, OKABE_ITO, POSITIVE
from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.importance import Importance, PartialDependence

WIDTH, STEP, HEIGHT = 340, 20, 180
CURVES = 60  # single rows that are drawn


def importance(found: Importance, *, limit: int = 15) -> Figure:
    """Parts by how much they matter, each with its interval.

    Args:
        found: from :mod:`pellucid.importance`.
        limit: how many parts are drawn; the table has all.

    Returns:
        Figure.

    Example:
        >>> importance.__name__
        'importance'
    """
    ranked = found.ranked()
    shown = ranked[:limit]
    values = [
        {
            "part": name,
            "value": value,
            "low": low,
            "high": high,
            "colour": POSITIVE if value >= 0 else NEGATIVE,
        }
        for name, value, low, high in shown
    ]
    y: Spec = {"field": "part", "type": "ordinal", "sort": None, "title": None}
    x: Spec = {"field": "value", "type": "quantitative", "title": found.what, "axis": {"tickCount": 5}}
    bar: Spec = {"mark": {"type": "bar", "height": 9, "cornerRadiusEnd": 2}}
    bar["encoding"] = {"x": x, "y": y, "color": {"field": "colour", "type": "nominal", "scale": None}}
    ends: Spec = {"mark": {"type": "rule", "strokeWidth": 1.4, "color": THEME.ink}}
    ends["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    chart: Spec = {"width": WIDTH, "height": STEP * max(1, len(shown)), "data": {"values": values}}
    chart["layer"] = [bar, ends]
    apart = sum(low > 0 for _, _, low, _ in ranked)
    name, value, low, high = ranked[0]
    alt = (
        f"{name} matters most: {number(value)} ({number(low)} to {number(high)}). The interval of "
        f"{apart} of {counted(len(ranked), 'part')} lies above 0."
    )
    interval = f"{percent(found.level, 0)} interval"
    table = Table(("part", found.what, f"{interval}, low", f"{interval}, high"), tuple(ranked))
    note = f"{found.rows:,} rows; {interval} over rows." + (
        f" {len(shown)} of {counted(len(ranked), 'part')} drawn." if len(shown) < len(ranked) else ""
    )
    return Figure("What matters over the rows", alt, chart, None, table, note)


def dependence(found: PartialDependence) -> Figure:
    """The mean score along one column with its interval, and the curves of single rows behind it.

    Args:
        found: from :func:`pellucid.importance.partial_dependence`.

    Returns:
        Figure; a column of several slots has places instead of values along its axis.

    Example:
        >>> dependence.__name__
        'dependence'
    """
    along = [float(g) for g in found.grid[:, 0]] if found.grid.shape[1] == 1 else list(range(len(found.grid)))
    count = found.curves.shape[1]
    step = max(1, -(-count // CURVES))
    single = [
        {"x": place, "y": float(found.curves[g, row]), "row": row}
        for row in range(0, count, step)
        for g, place in enumerate(along)
    ]
    mean = [
        {"x": place, "y": float(found.mean[g]), "low": float(found.low[g]), "high": float(found.high[g])}
        for g, place in enumerate(along)
    ]
    x: Spec = {"field": "x", "type": "quantitative", "title": found.name, "scale": {"zero": False}}
    y: Spec = {"field": "y", "type": "quantitative", "title": found.what, "scale": {"zero": False}}
    faint: Spec = {"data": {"values": single}}
    faint["mark"] = {"type": "line", "color": THEME.muted, "opacity": 0.3, "strokeWidth": 0.8}
    faint["encoding"] = {"x": x, "y": y, "detail": {"field": "row"}}
    band: Spec = {"data": {"values": mean}, "mark": {"type": "area", "color": OKABE_ITO[0], "opacity": 0.25}}
    band["encoding"] = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    line: Spec = {"data": {"values": mean}, "mark": {"type": "line", "color": OKABE_ITO[0], "strokeWidth": 2}}
    line["encoding"] = {"x": x, "y": y}
    chart: Spec = {"width": WIDTH, "height": HEIGHT, "layer": [faint, band, line]}
    rises = float(((found.curves[-1] - found.curves[0]) > 0).double().mean())
    alt = (
        f"Along {found.name} the mean goes from {number(float(found.mean[0]))} to "
        f"{number(float(found.mean[-1]))}; the single curve ends higher than it began in {percent(rises, 0)} "
        f"of {counted(count, 'row')}."
    )
    interval = f"{percent(found.level, 0)} interval"
    body = tuple((point["x"], point["y"], point["low"], point["high"]) for point in mean)
    table = Table((found.name, "mean", f"{interval}, low", f"{interval}, high"), body)
    note = f"{counted(len(range(0, count, step)), 'single curve')} of {counted(count, 'row')} drawn."
    return Figure(f"The score along {found.name}", alt, chart, None, table, note)
