"""What breaks without each unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._depth import heat
from pellucid.figures._features import unit_noun
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, number, percent, share_interval
from pellucid.figures._theme import Spec

if TYPE_CHECKING:
    from pellucid.layers import UnitEffects

_MOST = 24
_CLASSES = 24
LEAD = "score of the right answer less the next one's"


def effects(found: UnitEffects, classes: tuple[str, ...] = ()) -> Figure:
    """Accuracy lost without each unit, largest first, and on which classes.

    Args:
        found: from :func:`pellucid.layers.unit_effects`.
        classes: names of the classes.

    Returns:
        Figure; units beyond the 24 with the largest effect are counted in the note.

    Example:
        >>> effects.__name__
        'effects'
    """
    still = not bool((found.by_class.nan_to_num(0.0) != 0).any())
    # where no answer changed, the lead of the right one tells more
    by = found.margin if still else found.drop
    order = by.argsort(descending=True, stable=True)[:_MOST].tolist()
    names = [f"{unit_noun(found.site)} {int(found.units[u])}" for u in order]
    labels = [_named(int(c), classes) for c in found.classes.tolist()]
    hit = _hardest_hit(found, order)
    by_class = [found.by_class[u, hit].tolist() for u in order]
    end = max([0.01, *(abs(v) for line in by_class for v in line if math.isfinite(v))])
    title = "accuracy lost by class"
    matrix = heat(
        names,
        [labels[c] for c in hit],
        by_class,
        title,
        domain=(-end, end),
        signed=True,
        cell=18,
        shares=True,
    )
    body = tuple(
        (
            int(found.units[u]),
            percent(float(found.drop[u])),
            share_interval(float(found.low[u]), float(found.high[u])),
            float(found.margin[u]),
            _most_hit(found, u, labels),
        )
        for u in order
    )
    note = (
        f"{len(order)} of {counted(len(found.units), 'unit')} shown; each held at its mean over "
        f"{counted(found.n, 'input')}, of which {percent(found.accuracy)} are answered rightly."
    )
    if len(hit) < len(labels) and not still:
        note += f" {len(hit)} of {len(labels)} classes drawn, those that change most."
    columns = ("unit", "accuracy lost", "95 %", "lead lost", "most on")
    chart = _drops(found, order, names, lead=True)
    if not still:
        chart = panels([_drops(found, order, names), matrix], columns=2)
    note += (
        " No answer changed without any of them, so the lead of the right answer is drawn." if still else ""
    )
    return Figure(f"Without units of {found.site}", _alt(found), chart, None, Table(columns, body), note)


def _hardest_hit(found: UnitEffects, units: list[int]) -> list[int]:
    """The classes that change most without any of the units, in their order."""
    most = found.by_class[units].nan_to_num(0.0).abs().amax(0)
    return sorted(most.argsort(descending=True, stable=True)[:_CLASSES].tolist())


def _named(number: int, classes: tuple[str, ...]) -> str:
    return classes[number] if number < len(classes) else f"class {number}"


def _most_hit(found: UnitEffects, u: int, labels: list[str]) -> str:
    losses = sorted(zip(found.by_class[u].tolist(), labels, strict=True), reverse=True)
    return ", ".join(f"{label} ({percent(loss)})" for loss, label in losses[:3] if loss > 0) or "none"


def _drops(found: UnitEffects, order: list[int], names: list[str], *, lead: bool = False) -> Spec:
    own = (found.margin, found.margin_low, found.margin_high) if lead else (found.drop, found.low, found.high)
    points = [
        {
            "unit": name,
            **{end: float(part[u]) for end, part in zip(("drop", "low", "high"), own, strict=True)},
        }
        for name, u in zip(names, order, strict=True)
    ]
    y: Spec = {"field": "unit", "type": "nominal", "sort": names, "title": None, "axis": {"grid": False}}
    x: Spec = {"field": "drop", "type": "quantitative", "title": LEAD if lead else None}
    x["axis"] = {"tickCount": 5} if lead else {"format": "%"}
    line: Spec = {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5}}
    line["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    dot: Spec = {"mark": {"type": "point", "filled": True, "size": 50, "color": OKABE_ITO[0], "opacity": 1}}
    dot["encoding"] = {"x": x, "y": y}
    return {
        "width": 200,
        "height": {"step": 18},
        "title": "lead of the right answer lost" if lead else "accuracy lost",
        "data": {"values": points},
        "layer": [line, dot],
    }


def _alt(found: UnitEffects) -> str:
    clear = int((found.low > 0).sum())
    top = int(found.drop.argmax())
    chance = len(found.units) / 40
    if not bool((found.drop != 0).any()):
        lead = int(found.margin.argmax())
        return (
            f"Without any of {counted(len(found.units), 'unit')} of {found.site} the accuracy stays; the "
            f"lead of the right answer falls most without unit {int(found.units[lead])}, by "
            f"{number(float(found.margin[lead]))} units of score."
        )
    return (
        f"{clear} of {counted(len(found.units), 'unit')} of {found.site} {'costs' if clear == 1 else 'cost'} "
        f"accuracy when taken away alone "
        f"(about {chance:.0f} would by chance); unit {int(found.units[top])} costs most, "
        f"{percent(float(found.drop[top]))}."
    )
