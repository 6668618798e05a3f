"""Which units detect a labelled concept, beside random mixtures of units and an untrained copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, number
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.layers import Dissection

SHOWN = 6  # concepts that are drawn; a phone shows them one below the other
FIRST = 20  # units of each: behind them all lines run along zero


def dissection(found: Dissection) -> Figure:
    """Each concept's units sorted by agreement, beside random mixtures, shuffled masks, an untrained copy.

    Args:
        found: from :func:`pellucid.layers.network_dissection`.

    Returns:
        Figure of the concepts with the best units; its table has each unit's best concept and each other
        concept's best unit.

    Example:
        >>> dissection.__name__
        'dissection'
    """
    ranked = found.iou.amax(0).argsort(descending=True, stable=True).tolist()
    charts = [_panel(found, c) for c in ranked[:SHOWN]]
    best = found.iou.argmax(1).tolist()
    pairs = [*enumerate(best), *((int(found.iou[:, c].argmax()), c) for c in ranked if c not in best)]
    pairs.sort(key=lambda pair: -float(found.iou[pair]))
    body = tuple(
        (
            int(found.units[u]),
            found.concepts[c],
            float(found.iou[u, c]),
            float(found.shuffled[u, c]),
            "yes" if found.iou[u, c] > max(found.least, float(found.shuffled[u, c])) else "no",
        )
        for u, c in pairs
    )
    columns = ("unit", "concept", "IoU", "with masks of other inputs", "detector")
    few = ""
    if len(ranked) > SHOWN:
        few = f" Drawn are the {SHOWN} of {len(ranked)} concepts with the best units; the table has all."
    if len(found.units) > FIRST:
        few += f" Of each line the first {FIRST} of {len(found.units)} units are drawn."
    note = (
        f"{counted(found.n, 'input')}; thresholds hold {100 * found.quantile:g} % of all positions; "
        f"detectors reach {found.least:g} (dotted).{few} {found.note}"
    ).strip()
    title = f"What units of {found.site} detect"
    return Figure(title, _alt(found), panels(charts, columns=3), None, Table(columns, body), note)


def _panel(found: Dissection, c: int) -> Spec:
    kinds = {
        "units": found.iou,
        "random mixtures": found.rotated,
        "masks of other inputs": found.shuffled,
        "untrained copy": found.untrained,
    }
    kinds = {name: part[:, c] for name, part in kinds.items() if not bool(part.isnan().all())}
    points = [
        {"kind": name, "place": place + 1, "iou": value}
        for name, part in kinds.items()
        for place, value in enumerate(part.sort(descending=True).values[:FIRST].tolist())
    ]
    shades = (OKABE_ITO[0], OKABE_ITO[1], OKABE_ITO[3], THEME.muted)
    dashes = ([1, 0], [6, 4], [2, 3], [8, 3, 2, 3])
    colour: Spec = {"field": "kind", "type": "nominal", "title": None}
    colour["legend"] = {"orient": "bottom", "columns": 2, "symbolType": "stroke"}
    colour["scale"] = {"domain": list(kinds), "range": list(shades[: len(kinds)])}
    dash: Spec = {**colour, "scale": {"domain": list(kinds), "range": list(dashes[: len(kinds)])}}
    x: Spec = {
        "field": "place",
        "type": "quantitative",
        "title": "units, best first",
        "axis": {"tickMinStep": 1, "grid": False},
        "scale": {"domain": [1, max(2, min(FIRST, len(found.units)))], "nice": False},
    }
    y: Spec = {"field": "iou", "type": "quantitative", "title": "IoU", "scale": {"zero": True}}
    line: Spec = {"mark": {"type": "line", "strokeWidth": 2, "point": {"size": 20, "filled": True}}}
    line["encoding"] = {"x": x, "y": y, "color": colour, "strokeDash": dash}
    level: Spec = {"data": {"values": [{"iou": found.least}]}, "encoding": {"y": y}}
    level["mark"] = {"type": "rule", "strokeDash": [1, 3], "opacity": 0.6}
    title = found.concepts[c]
    return {"width": 240, "height": 150, "title": title, "data": {"values": points}, "layer": [level, line]}


def _alt(found: Dissection) -> str:
    counts = found.detectors
    total = len(found.units)
    u, c = divmod(int(found.iou.argmax()), len(found.concepts))
    said = (
        f"{counts['units']} of {counted(total, 'unit')} of {found.site} detect one of "
        f"{counted(len(found.concepts), 'concept')}, {counts['rotated']} of as many random mixtures"
    )
    said += f", {counts['untrained']} in an untrained copy" if "untrained" in counts else ""
    best = f"unit {int(found.units[u])} and {found.concepts[c]}, IoU {number(float(found.iou[u, c]), 2)}"
    return f"{said}; the best pair is {best}."
