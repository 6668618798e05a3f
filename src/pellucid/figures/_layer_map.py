"""A network drawn as the list of its layers, with what each holds and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pellucid._core import LayerMap, MappedLayer
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, portion
from pellucid.figures._theme import THEME, Spec

LINES = 40
STEP = 19
_NAME, _KIND, _SHAPE, _HELD, _COST = 0, 178, 300, 400, 530
_BAR = 96


@dataclass(frozen=True, slots=True)
class _Line:
    """One layer, or several that are folded into one line."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    cost: int | None
    count: int = 1


def layer_map(found: LayerMap, *, title: str = "Layers", limit: int = LINES) -> Figure:
    """Every layer in the order of the pass: kind, shape, parameters, share of the work.

    Where there are more than ``limit``, neighbours of one part of the network (``features.3``) are folded
    into one line; the table has every layer.

    Args:
        found: from :meth:`pellucid.Subject.layer_map`.
        title: heading.
        limit: most lines drawn.

    Returns:
        Figure.

    Example:
        >>> import torch
        >>> from pellucid._core import layer_map as mapped
        >>> layer_map(mapped(torch.nn.Linear(3, 4), torch.zeros(1, 3))).alt
        '1 layer, 16 parameters, 12 multiplications for one input; . takes 100\\xa0% of the work.'
    """
    lines = _folded(found.layers, limit)
    note = found.note
    if len(lines) < len(found.layers):
        drawn = f"{counted(len(found.layers), 'layer')} folded into {len(lines)} lines; the table has each."
        note = f"{drawn} {note}".strip()
    chart = _chart(lines, found) if lines else None
    return Figure(title, _alt(found), chart, None, _table(found), note)


def _folded(layers: Sequence[MappedLayer], limit: int) -> list[_Line]:
    """As deep as fits: the longest names whose groups are at most ``limit``; at last equal runs of lines."""
    plain = [_Line(x.site, _kind(x), x.shape, x.parameters, x.cost) for x in layers]
    if len(plain) <= limit:
        return plain
    depths = max(line.name.count(".") for line in plain)
    for depth in range(depths, 0, -1):
        parts = [".".join(line.name.split(".")[:depth]) for line in plain]
        groups = groupby(zip(parts, plain, strict=True), lambda pair: pair[0])
        made = [_together(part, [line for _, line in pairs]) for part, pairs in groups]
        if len(made) <= limit:
            return made
    each = -(-len(plain) // limit)
    runs = [plain[i : i + each] for i in range(0, len(plain), each)]
    return [_together(f"{run[0].name} to {run[-1].name}", run) for run in runs]


def _together(name: str, lines: list[_Line]) -> _Line:
    if len(lines) == 1:
        return lines[0]
    kinds = list(dict.fromkeys(line.kind for line in lines))
    cost = None if lines[0].cost is None else sum(line.cost or 0 for line in lines)
    held = sum(line.parameters for line in lines)
    more = f" +{len(kinds) - 2}" if len(kinds) > 2 else ""
    return _Line(name, ", ".join(kinds[:2]) + more, lines[-1].shape, held, cost, len(lines))


def _kind(layer: MappedLayer) -> str:
    return f"{layer.kind}, again" if layer.shared else layer.kind


def _chart(lines: list[_Line], found: LayerMap) -> Spec:
    most = max([1, *(line.parameters for line in lines)])
    dearest = max([1, *(line.cost or 0 for line in lines)])
    points = [
        {
            "i": i,
            "name": line.name if line.count == 1 else f"{line.name} · {line.count} layers",
            "kind": line.kind,
            "shape": "" if line.shape is None else " × ".join(map(str, line.shape)),
            "held": _HELD + _BAR * line.parameters / most,
            "held_text": f"{line.parameters:,}" if line.parameters else "",
            "cost": _COST + _BAR * (line.cost or 0) / dearest,
            "cost_text": portion(line.cost / found.cost) if line.cost and found.cost else "",
        }
        for i, line in enumerate(lines)
    ]
    layers = [_bars("held", _HELD, THEME.muted, 0.5), *_texts(found)]
    if found.cost:
        layers.insert(0, _bars("cost", _COST, OKABE_ITO[0], 0.55))
    return {
        "width": _COST + _BAR if found.cost else _HELD + _BAR,
        "height": STEP * (len(lines) + 1),
        "data": {"values": points},
        "layer": layers,
    }


def _y(shift: float = 0.5) -> Spec:
    # pixels, so that a line is as high in a network of three layers as in one of forty
    return {"expr": f"{STEP} * (datum.i + 1) + {STEP * shift}"}


def _bars(field: str, left: float, colour: str, opacity: float) -> Spec:
    mark: Spec = {"type": "rect", "color": colour, "opacity": opacity, "cornerRadius": 2}
    mark |= {"x": left, "x2": {"expr": f"datum.{field}"}, "y": _y(0.08), "y2": _y(0.92)}
    return {"mark": mark}


def _texts(found: LayerMap) -> list[Spec]:
    columns: list[tuple[str, float, str, bool]] = [
        ("name", _NAME, "layer", False),
        ("kind", _KIND, "kind", True),
        ("held_text", _HELD + 4, "parameters", False),
    ]
    if found.cost:
        columns += [("shape", _SHAPE, "gives", True), ("cost_text", _COST + 4, "share of the work", False)]
    widths = {"name": _KIND - 8, "kind": _SHAPE - _KIND - 6, "shape": _HELD - _SHAPE - 6}
    made: list[Spec] = []
    for field, x, head, faint in columns:
        place: Spec = {"type": "text", "align": "left", "baseline": "middle", "x": x, "y": _y()}
        place |= {"limit": widths.get(field, 200), "opacity": 0.72 if faint else 1.0}
        made.append({"mark": place, "encoding": {"text": {"field": field, "type": "nominal"}}})
        heading: Spec = {"type": "text", "align": "left", "baseline": "middle", "x": x, "y": STEP * 0.4}
        heading |= {"text": head, "opacity": 0.72}
        made.append({"data": {"values": [{}]}, "mark": heading})
    return made


def _alt(found: LayerMap) -> str:
    said = f"{counted(len(found.layers), 'layer')}, {counted(found.parameters, 'parameter')}"
    if not found.cost or not found.layers:
        return said + "."
    dearest = max(found.layers, key=lambda layer: layer.cost or 0)
    return (
        f"{said}, {counted(found.cost, 'multiplication')} for one input; {dearest.site} takes "
        f"{portion((dearest.cost or 0) / found.cost, 0)} of the work."
    )


def _table(found: LayerMap) -> Table:
    body = tuple(
        (
            layer.site,
            _kind(layer),
            "" if layer.shape is None else " × ".join(map(str, layer.shape)),
            layer.parameters,
            layer.cost,
            portion(layer.cost / found.cost) if found.cost and layer.cost is not None else "",
        )
        for layer in found.layers
    )
    columns = ("layer", "kind", "gives", "parameters", "multiplications", "share of the work")
    if found.cost is None:
        return Table(columns[:2] + columns[3:4], tuple((row[0], row[1], row[3]) for row in body))
    return Table(columns, body)
