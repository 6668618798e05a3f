"""Shape functions of an additive model, with bands and where the training rows lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._depth import heat
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.readable import PairShape, Shape, Shapes

_MOST, _PAIRS = 12, 4
_Z = 1.96


def shape_functions(found: Shapes) -> Figure:
    """What each column adds to the answer, in its unit, the largest first.

    One scale for all panels, so heights compare. The band is what ``found.band`` says; the strip below is
    the share of training rows. Columns beyond the twelve largest stand in the table.

    Args:
        found: from :func:`pellucid.readable.shapes_of`.

    Example:
        >>> shape_functions.__name__
        'shape_functions'
    """
    shown = found.shapes[:_MOST]
    ends = [
        v + way * _Z * e for s in shown for v, e in zip(s.values, s.error, strict=True) for way in (-1, 1)
    ]
    ends += [s.missing for s in shown if s.missing is not None]
    domain = [min(ends, default=0.0), max(ends, default=1.0)]
    drawn = [_levels(s, domain) if s.levels else _line(s, domain) for s in shown]
    drawn += [_pair(pair) for pair in found.pairs[:_PAIRS]]
    body = tuple(
        (s.name, s.unit or ("" if not s.levels else "category"), s.size, _least(s), _greatest(s), _held(s))
        for s in found.shapes
    ) + tuple((" × ".join(p.names), "", p.size, "", "", "") for p in found.pairs)
    columns = ("column", "unit", "sd of what it adds", "lowest", "highest", "held to")
    left = len(found.shapes) - len(shown)
    more = f" {counted(left, 'column')} more in the table." if left else ""
    changed = " Changed by hand: " + "; ".join(found.edits) + "." if found.edits else ""
    note = (
        f"{found.answer} = {found.constant:+.3f} + what each column adds. Band: {found.band}. "
        f"Strip: share of training rows.{more}{changed}"
    )
    chart = panels(drawn, columns=3)
    return Figure("What each column adds", _alt(found), chart, None, Table(columns, body), note)


def _title(s: Shape) -> str:
    return f"{s.name} ({s.unit})" if s.unit else s.name


def _line(s: Shape, domain: list[float]) -> Spec:
    points = [
        {"at": at, "value": v, "low": v - _Z * e, "high": v + _Z * e}
        for at, v, e in zip(s.at, s.values, s.error, strict=True)
    ]
    x: Spec = {"field": "at", "type": "quantitative", "title": None, "scale": {"zero": False, "nice": False}}
    x["axis"] = {"tickCount": 5, "grid": False}
    y: Spec = {"type": "quantitative", "title": None, "scale": {"domain": domain}}
    band: Spec = {"mark": {"type": "area", "opacity": 0.2, "color": OKABE_ITO[0]}}
    band["encoding"] = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    line: Spec = {"mark": {"type": "line", "color": OKABE_ITO[0], "strokeWidth": 2}}
    line["encoding"] = {"x": x, "y": {**y, "field": "value"}}
    layers = [_zero(), band, line]
    if s.missing:
        at_missing: Spec = {"data": {"values": [{"value": s.missing, "what": f"missing {s.missing:+.2f}"}]}}
        dot = {
            "type": "point",
            "shape": "diamond",
            "filled": True,
            "size": 60,
            "color": OKABE_ITO[1],
            "opacity": 1,
        }
        at_missing["mark"] = dot
        at_missing["encoding"] = {"x": {"value": 214}, "y": {**y, "field": "value"}}
        words: Spec = {
            **at_missing,
            "mark": {"type": "text", "align": "right", "dx": -8, "baseline": "middle"},
        }
        words["encoding"] = {**at_missing["encoding"], "text": {"field": "what"}}
        layers += [at_missing, words]
    top: Spec = {"width": 220, "height": 130, "data": {"values": points}, "layer": layers, "title": _title(s)}
    return {"vconcat": [top, _strip(s, x)], "spacing": 2}


def _strip(s: Shape, x: Spec) -> Spec:
    """Where the training rows lie: one tick a knot, darker where more rows are."""
    values = [{"at": at, "share": share} for at, share in zip(s.at, s.density, strict=True)]
    quiet: Spec = {**x, "axis": None}
    mark: Spec = {"type": "tick", "thickness": 3, "height": 9, "color": OKABE_ITO[0]}
    shade: Spec = {"field": "share", "type": "quantitative", "legend": None}
    shade["scale"] = {"domainMin": 0, "range": [0.12, 1]}
    encoding: Spec = {"x": quiet, "opacity": shade}
    return {"width": 220, "height": 10, "data": {"values": values}, "mark": mark, "encoding": encoding}


def _levels(s: Shape, domain: list[float]) -> Spec:
    used = [i for i, share in enumerate(s.density) if share > 0] or list(range(len(s.levels)))
    names = [s.levels[i] for i in used]
    points = [
        {
            "level": s.levels[i],
            "value": s.values[i],
            "low": s.values[i] - _Z * s.error[i],
            "high": s.values[i] + _Z * s.error[i],
            "share": percent(s.density[i]),
        }
        for i in used
    ]
    y: Spec = {"field": "level", "type": "nominal", "sort": names, "title": None}
    y["axis"] = {"labelLimit": 110, "grid": False}
    x: Spec = {"type": "quantitative", "title": None, "scale": {"domain": domain}, "axis": {"tickCount": 5}}
    bar: Spec = {"mark": {"type": "bar", "color": OKABE_ITO[0], "opacity": 0.55}}
    bar["encoding"] = {"y": y, "x": {**x, "field": "value"}}
    rule: Spec = {"mark": {"type": "rule", "strokeWidth": 2}}
    rule["encoding"] = {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}}
    share: Spec = {"mark": {"type": "text", "align": "right", "opacity": 0.7}}
    share["encoding"] = {"y": y, "x": {"value": 218}, "text": {"field": "share"}}
    return {
        "width": 220,
        "height": {"step": 20},
        "data": {"values": points},
        "layer": [bar, rule, share],
        "title": _title(s),
    }


def _pair(pair: PairShape) -> Spec:
    rows, columns = ([_state(v) for v in states] for states in pair.states)
    end = max([1e-6, *(abs(v) for line in pair.values for v in line)])
    title = f"{pair.names[0]} (down) × {pair.names[1]}"
    values = [list(line) for line in pair.values]
    return heat(rows, columns, values, title, domain=(-end, end), signed=True, cell=18)


def _state(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def _zero() -> Spec:
    encoding: Spec = {"y": {"field": "zero", "type": "quantitative"}}
    return {"data": {"values": [{"zero": 0}]}, "mark": {"type": "rule", "opacity": 0.3}, "encoding": encoding}


def _least(s: Shape) -> str:
    return _place(s, min(range(len(s.values)), key=lambda i: s.values[i]))


def _greatest(s: Shape) -> str:
    return _place(s, max(range(len(s.values)), key=lambda i: s.values[i]))


def _place(s: Shape, i: int) -> str:
    where = s.levels[i] if s.levels else number(s.at[i])
    return f"{s.values[i]:+.2f} at {where}"


def _held(s: Shape) -> str:
    return {1: "only rises", -1: "only falls"}.get(s.direction, "")


def _alt(found: Shapes) -> str:
    top = ", ".join(f"{s.name} ({_least(s)}, {_greatest(s)})" for s in found.shapes[:3])
    pairs = f" and {counted(len(found.pairs), 'pair')}" if found.pairs else ""
    return f"{found.answer} from {counted(len(found.shapes), 'column')}{pairs}; most is added by {top}."
