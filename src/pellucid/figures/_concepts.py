"""Concepts at each layer, beside random concepts and the untrained copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, interval, number
from pellucid.figures._theme import THEME, Spec, look

if TYPE_CHECKING:
    from pellucid.layers import Concepts

_SHAPES = {"full": "circle", "half": "triangle-up", "hollow": "square", "dash": "stroke"}
_SIGNS = {"full": "●", "half": "▲", "hollow": "■", "dash": "–"}  # the same in words


def concepts(found: Concepts) -> Figure:
    """One panel per layer: effect of each concept in units of what random concepts scatter by.

    The grey band is where 95 % of random concepts lie; a tick is the same concept on an untrained copy.

    Args:
        found: from :func:`pellucid.layers.concepts`.

    Returns:
        Figure.

    Example:
        >>> concepts.__name__
        'concepts'
    """
    end = max(3.0, *(float(v) for v in found.z.abs().flatten()))
    charts = [_panel(found, s, 1.05 * end) for s in range(len(found.sites))]
    body = tuple(
        (
            name,
            site,
            Word(found.words[c][s]),
            float(found.score[c, s]),
            interval(float(found.score_low[c, s]), float(found.score_high[c, s])),
            float(found.effect[c, s]),
            interval(float(found.low[c, s]), float(found.high[c, s])),
            float(found.p_holm[c, s]),
            float(found.accuracy[c, s]),
            float(found.accuracy_null[c, s]),
            float(found.z[c, s]),
            float(found.untrained_z[c, s]),
        )
        for c, name in enumerate(found.concepts)
        for s, site in enumerate(found.sites)
    )
    columns = (
        "concept",
        "layer",
        "evidence",
        "TCAV score",
        "random concepts",
        "effect",
        "95 %",
        "p (Holm)",
        "told from random",
        "random told",
        "z",
        "untrained z",
    )
    named = dict.fromkeys(word for words in found.words for word in words)
    legend = ", ".join(f"{_SIGNS[look(word).shape]} {word}" for word in named)
    note = (
        f"{counted(found.n_inputs, 'input')} asked about {found.target}; {found.n_random} random inputs, "
        f"{counted(found.draws, 'random concept')}. Band: 95 % of random concepts. Tick: an untrained copy. "
        f"Evidence: {legend}. {found.note}"
    ).strip()
    title = f"Concepts and {found.target}"
    return Figure(title, _alt(found), panels(charts, columns=3), None, Table(columns, body), note)


def _panel(found: Concepts, s: int, end: float) -> Spec:
    points: list[dict[str, object]] = []
    for c, name in enumerate(found.concepts):
        shown, untrained = look(found.words[c][s]), float(found.untrained_z[c, s])
        points.append(
            {
                "concept": name,
                "z": float(found.z[c, s]),
                "untrained": untrained if untrained == untrained else None,
                "shape": _SHAPES[shown.shape],
                "colour": shown.colour,
            }
        )
    y: Spec = {"field": "concept", "type": "nominal", "sort": list(found.concepts), "title": None}
    y["axis"] = {"labelLimit": 130, "grid": False}
    x: Spec = {"type": "quantitative", "scale": {"domain": [-end, end], "nice": True}}
    x |= {"title": "effect ÷ sd of random concepts", "axis": {"tickCount": 5}}
    band: Spec = {"data": {"values": [{"a": -1.96, "b": 1.96}]}}
    band |= {"mark": {"type": "rect", "color": THEME.muted, "opacity": 0.2}}
    band["encoding"] = {"x": {**x, "field": "a"}, "x2": {"field": "b"}}
    tick: Spec = {"mark": {"type": "tick", "color": THEME.ink, "thickness": 2, "size": 18}}
    tick |= {"transform": [{"filter": "isValid(datum.untrained)"}]}
    tick["encoding"] = {"x": {**x, "field": "untrained"}, "y": y}
    dot: Spec = {"mark": {"type": "point", "filled": True, "size": 110, "opacity": 1}}
    dot["encoding"] = {
        "x": {**x, "field": "z"},
        "y": y,
        "color": {"field": "colour", "type": "nominal", "scale": None},
        "shape": {"field": "shape", "type": "nominal", "scale": None},
    }
    return {
        "width": 220,
        "height": {"step": 26},
        "title": found.sites[s],
        "data": {"values": points},
        "layer": [band, tick, dot],
    }


def _alt(found: Concepts) -> str:
    held = [
        f"{name} at {site} (z {number(float(found.z[c, s]), 2)})"
        for c, name in enumerate(found.concepts)
        for s, site in enumerate(found.sites)
        if found.words[c][s] == "supported"
    ]
    tested = len(found.concepts) * len(found.sites)
    said = f"{counted(len(found.concepts), 'concept')} at {counted(len(found.sites), 'layer')}: "
    if not held:
        return f"{said}none of {tested} tests supports that {found.target} depends on one."
    shown = ", ".join(held[:4]) + (f" and {len(held) - 4} more" if len(held) > 4 else "")
    return f"{said}{len(held)} of {tested} tests support that {found.target} depends on one: {shown}."
