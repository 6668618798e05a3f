"""What breaks without one unit: class by class, and beside other units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._effects import LEAD
from pellucid.figures._features import unit_noun
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import class_said, counted, percent, share_interval
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.layers import UnitEffects

MOST = 12
BESIDE = 16  # other units that are drawn


def unit_effect(found: UnitEffects, classes: tuple[str, ...] = (), *, name: str = "the unit") -> Figure:
    """Accuracy lost by class without the first unit, and its effect among that of the others.

    Args:
        found: from :func:`pellucid.layers.unit_effects`; its first unit is told about, the others are its
            control.
        classes: names of the classes.
        name: of the unit, for people.

    Returns:
        Figure.

    Example:
        >>> unit_effect.__name__
        'unit_effect'
    """
    losses = [(float(v), int(c)) for v, c in zip(found.by_class[0], found.classes, strict=True)]
    losses = sorted((pair for pair in losses if math.isfinite(pair[0])), key=lambda pair: -abs(pair[0]))
    labels = [(_named(c, classes), value) for value, c in losses]
    parts = [_by_class(labels[:MOST])] if any(value for _, value in labels) else []
    if len(found.units) > 1:
        parts.append(_among(found))
    body = (
        (
            "all classes",
            percent(float(found.drop[0])),
            share_interval(float(found.low[0]), float(found.high[0])),
        ),
        *((class_said(label), percent(value), "") for label, value in labels),
    )
    hit = sorted((pair for pair in labels if pair[1] > 0), key=lambda pair: -pair[1])[:3]
    top = ", ".join(f"{class_said(label)} ({percent(value)})" for label, value in hit)
    drop = float(found.drop[0])
    moved = f"{'falls' if drop > 0 else 'rises'} by {percent(abs(drop))}" if drop else "stays"
    alt = (
        f"Without {name} accuracy {moved} "
        f"(95 % interval of the loss {percent(float(found.low[0]))} to {percent(float(found.high[0]))})"
        f"{f', lost most on {top}' if top else '; no class loses'}."
    )
    note = (
        f"Held at its mean over {counted(found.n, 'input')}, of which {percent(found.accuracy)} are answered "
        f"rightly. Lead: {LEAD}. "
    )
    if any(value for _, value in labels):
        drawn = f"{min(MOST, len(labels))} of {counted(len(labels), 'class', 'classes')} drawn"
        note += f"{drawn}, without intervals: of few inputs, one answer more or less is much."
    title = f"Without {name}"
    table = Table(("on", "accuracy lost", "95 %"), body)
    chart = panels(parts, columns=2) if parts else None
    return Figure(title, alt, chart, None, table, note.strip())


def _named(k: int, classes: tuple[str, ...]) -> str:
    return classes[k] if k < len(classes) else f"class {k}"


def _by_class(labels: list[tuple[str, float]]) -> Spec:
    points = [{"class": label, "lost": value} for label, value in labels]
    end = max(0.01, *(abs(value) for _, value in labels)) if labels else 0.01
    names = [label for label, _ in sorted(labels, key=lambda pair: -pair[1])]
    y: Spec = {"field": "class", "type": "nominal", "sort": names, "title": None}
    y["axis"] = {"grid": False, "labelLimit": 110}
    x: Spec = {
        "field": "lost",
        "type": "quantitative",
        "title": None,
        "axis": {"format": "%", "tickCount": 4},
    }
    x["scale"] = {"domain": [-end, end]}
    colour: Spec = {"condition": {"test": "datum.lost > 0", "value": THEME.warm}, "value": OKABE_ITO[0]}
    mark: Spec = {"type": "bar", "height": 11, "cornerRadiusEnd": 2}
    return {
        "width": 220,
        "height": {"step": 22},
        "title": "accuracy lost by class",
        "data": {"values": points},
        "mark": mark,
        "encoding": {"x": x, "y": y, "color": colour},
    }


def _among(found: UnitEffects) -> Spec:
    """The fall of the lead for this unit and for the others."""
    ranked = found.margin.argsort(descending=True, stable=True).tolist()
    noun = unit_noun(found.site)
    order = [i for place, i in enumerate(ranked) if place < BESIDE or i == 0]
    points = [
        {
            "unit": f"{noun} {int(found.units[i])}",
            "fall": float(found.margin[i]),
            "low": float(found.margin_low[i]),
            "high": float(found.margin_high[i]),
            "own": i == 0,
        }
        for i in order
    ]
    y: Spec = {"field": "unit", "type": "nominal", "sort": [p["unit"] for p in points], "title": None}
    y["axis"] = {"grid": False}
    x: Spec = {"field": "fall", "type": "quantitative", "title": LEAD, "axis": {"tickCount": 4}}
    colour: Spec = {"condition": {"test": "datum.own", "value": OKABE_ITO[0]}, "value": THEME.muted}
    reach: Spec = {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5}}
    reach["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": colour}
    dot: Spec = {"mark": {"type": "point", "filled": True, "size": 55, "opacity": 1}}
    dot["encoding"] = {"x": x, "y": y, "color": colour}
    return {
        "width": 220,
        "height": {"step": 18},
        "title": f"lead lost, place {ranked.index(0) + 1} of {len(ranked)} {noun}s tried",
        "data": {"values": points},
        "layer": [reach, dot],
    }
