"""What one unit gives for the inputs of each class, and how well it tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import class_said, counted, interval, number
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.layers import ClassAreas

BINS, STEP, MOST = 24, 30, 12


def unit_classes(
    values: Tensor,
    answers: Tensor,
    classes: Sequence[str],
    areas: ClassAreas,
    untrained: ClassAreas | None = None,
    *,
    name: str = "the unit",
) -> Figure:
    """A histogram of one unit per class, beside the area under the ROC curve with its control.

    Args:
        values: ``[N]``, of :class:`pellucid.layers.UnitValues`.
        answers: class numbers int64 ``[N]``.
        classes: names of the classes.
        areas: from :func:`pellucid.layers.areas_by_class`.
        untrained: the same for the same unit of an untrained copy.
        name: of the unit, for people.

    Returns:
        Figure, the class that is told best on top; classes beyond twelve are counted in the note.

    Raises:
        InputError: if the lengths differ.

    Example:
        >>> unit_classes.__name__
        'unit_classes'
    """
    if values.shape != answers.shape:
        raise InputError(f"{len(values)} values and {len(answers)} answers do not belong together.")
    order = areas.auc.argsort(descending=True, stable=True).tolist()
    names = [_named(int(areas.classes[i]), classes) for i in order]
    shown = order[:MOST]
    groups = [values[answers == int(areas.classes[i])].double() for i in shown]
    before = _beside(areas, untrained)
    chart = panels(
        [_histograms(groups, names[:MOST], values), _areas(areas, before, shown, names[:MOST])], columns=2
    )
    body = tuple(
        (
            names[place],
            int((answers == int(areas.classes[i])).sum()),
            float(values[answers == int(areas.classes[i])].double().median()),
            float(areas.auc[i]),
            interval(float(areas.low[i]), float(areas.high[i])),
            before[i],
        )
        for place, i in enumerate(order)
    )
    columns = ("class", "inputs", "median activation", "AUC", "95 %", "AUC, untrained")
    left = (
        f"{len(shown)} of {counted(len(order), 'class', 'classes')} drawn. "
        if len(shown) < len(order)
        else ""
    )
    note = (
        f"{left}Bars: share of each class's inputs, every line on its own scale; the tick is the median. "
        "AUC: chance that an input of the class moves it more than one of another, with its 95 % "
        "interval; 0.5 is chance. Ring: the same of an untrained copy."
    )
    title = f"Which classes {name} tells"
    return Figure(title, _alt(areas, order, names, before, name), chart, None, Table(columns, body), note)


def _named(k: int, classes: Sequence[str]) -> str:
    return classes[k] if k < len(classes) else f"class {k}"


def _beside(areas: ClassAreas, untrained: ClassAreas | None) -> list[float | None]:
    if untrained is None:
        return [None] * len(areas.classes)
    known = dict(zip(untrained.classes.tolist(), untrained.auc.tolist(), strict=True))
    return [known.get(k) for k in areas.classes.tolist()]


def _histograms(groups: list[Tensor], names: list[str], values: Tensor) -> Spec:
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1.0
    edges = torch.linspace(low, high, BINS + 1).tolist()
    bars: list[Spec] = []
    medians: list[Spec] = []
    for i, group in enumerate(groups):
        counts = torch.histc(group, BINS, low, high)
        most = float(counts.max()) or 1.0
        for b, count in enumerate(counts.tolist()):
            if count:
                at: Spec = {"from": edges[b], "to": edges[b + 1], "i": i, "best": i == 0}
                bars.append({**at, "height": float(count) / most})
        medians.append({"value": float(group.median()), "i": i})
    x: Spec = {"field": "from", "type": "quantitative", "title": "activation"}
    x |= {"scale": {"domain": [low, high], "nice": False}, "axis": {"tickCount": 4, "grid": False}}
    base = f"{STEP} * (datum.i + 1)"
    rect: Spec = {"type": "rect", "y2": {"expr": base}, "strokeWidth": 0}
    rect["y"] = {"expr": f"{base} - {STEP - 6} * datum.height"}
    colour: Spec = {"condition": {"test": "datum.best", "value": OKABE_ITO[0]}, "value": THEME.muted}
    layers: list[Spec] = [
        {
            "data": {"values": bars},
            "mark": rect,
            "encoding": {"x": x, "x2": {"field": "to"}, "color": colour},
        },
        _lines(names),
        {
            "data": {"values": medians},
            "mark": {
                "type": "rule",
                "strokeWidth": 2,
                "y": {"expr": f"{base} - 10"},
                "y2": {"expr": base},
                "color": THEME.ink,
            },
            "encoding": {"x": {**x, "field": "value"}},
        },
        _labels(names),
    ]
    return {"width": 230, "height": STEP * len(names), "title": "activations by class", "layer": layers}


def _lines(names: list[str]) -> Spec:
    mark: Spec = {"type": "rule", "opacity": 0.25, "x": 0, "x2": {"expr": "width"}}
    mark["y"] = {"expr": f"{STEP} * (datum.i + 1)"}
    return {"data": {"values": [{"i": i} for i in range(len(names))]}, "mark": mark, "encoding": {}}


def _labels(names: list[str]) -> Spec:
    mark: Spec = {"type": "text", "align": "right", "baseline": "middle", "x": -8, "limit": 110}
    mark["y"] = {"expr": f"{STEP} * (datum.i + 0.68)"}
    points = [{"i": i, "name": name} for i, name in enumerate(names)]
    return {
        "data": {"values": points},
        "mark": mark,
        "encoding": {"text": {"field": "name", "type": "nominal"}},
    }


def _areas(areas: ClassAreas, before: list[float | None], shown: list[int], names: list[str]) -> Spec:
    points = [
        {
            "i": i,
            "auc": float(areas.auc[k]),
            "low": float(areas.low[k]),
            "high": float(areas.high[k]),
            "untrained": before[k],
        }
        for i, k in enumerate(shown)
    ]
    x: Spec = {"field": "auc", "type": "quantitative", "title": "AUC", "scale": {"domain": [0, 1]}}
    x["axis"] = {"values": [0, 0.5, 1]}
    y = {"expr": f"{STEP} * (datum.i + 0.68)"}
    half: Spec = {"mark": {"type": "rule", "strokeDash": [2, 3], "opacity": 0.6}}
    half |= {"data": {"values": [{"auc": 0.5}]}, "encoding": {"x": x}}
    reach: Spec = {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5, "y": y}}
    reach["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    dot: Spec = {"type": "point", "filled": True, "size": 55, "color": OKABE_ITO[0], "opacity": 1, "y": y}
    ring: Spec = {"type": "point", "filled": False, "size": 60, "color": THEME.ink, "opacity": 0.9, "y": y}
    layers = [half, reach, {"mark": dot, "encoding": {"x": x}}]
    layers.append(
        {
            "mark": ring,
            "transform": [{"filter": "isValid(datum.untrained)"}],
            "encoding": {"x": {**x, "field": "untrained"}},
        }
    )
    return {
        "width": 200,
        "height": STEP * len(names),
        "title": "how well it tells them",
        "data": {"values": points},
        "layer": [*layers, _labels(names)],
    }


def _alt(areas: ClassAreas, order: list[int], names: list[str], before: list[float | None], name: str) -> str:
    best = order[0]
    ends = interval(float(areas.low[best]), float(areas.high[best]))
    top = class_said(names[0])
    what = f"{top} best" if bool(areas.above_chance[best]) else f"no class for certain, {top} best"
    said = f"{name[:1].upper()}{name[1:]} tells {what}: AUC {number(float(areas.auc[best]))} {ends}"
    beside = before[best]
    known = [value for value in before if value is not None]
    if beside is None or not known:
        return f"{said}."
    return (
        f"{said}; the same of an untrained copy has {number(beside)} for it, and {number(max(known))} "
        "for the class that it tells best."
    )
