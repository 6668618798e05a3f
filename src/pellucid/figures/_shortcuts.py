"""Shortcuts as figures: who wins the tug of war, cases with the part marked, clusters of maps, copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._figure import Cell, Figure, Table, Word
from pellucid.figures._numbers import GAP, counted, number, percent
from pellucid.figures._shortcut_cases import swap_cases
from pellucid.figures._shortcut_clusters import map_clusters
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.evidence import Copies, Measure, Shortcuts, Suspicion

DRAWN, CASES = 12, 6  # suspicions in the chart, alarms with cases
WIDTH, STEP = 330, 26


def shortcuts(found: Shortcuts) -> list[Figure]:
    """The search, most telling first: every part, cases of each alarm, copied rows, clusters of maps.

    Args:
        found: from :func:`pellucid.shortcuts`.

    Returns:
        One figure for each.

    Example:
        >>> shortcuts.__name__
        'shortcuts'
    """
    cases = [swap_cases(one, found) for one in found.leading[:CASES]]
    copies = [] if found.copies is None else [_copies(found.copies)]
    return [_parts(found), *cases, *copies, *map_clusters(found)]


def _parts(found: Shortcuts) -> Figure:
    body: tuple[tuple[Cell | Word, ...], ...] = tuple(
        (
            Word(one.word),
            _named(one),
            shown(one.follows),
            shown(one.control),
            one.control_name,
            shown(one.without),
            shown(one.without_control),
            shown(one.alone),
            one.n,
            number(one.p, 2),
            f"only through {one.through}" if one.through else one.source,
        )
        for one in found.suspicions
    )
    columns = (
        "word",
        "part",
        "mixed rows follow it",
        "follow the control",
        "control",
        "right without it",
        "right without the control",
        "answers kept by it alone",
        "n",
        "p",
        "why it was looked at",
    )
    note = (
        f"{found.declared[:1].upper()}{found.declared[1:]}; {shown(found.accuracy)} {found.unit} (commonest "
        f"class {percent(found.chance, 0)}). A mixed row keeps everything of one row but a part, which a row "
        "with another answer gives; a part that the network follows against all the rest decides alone. The "
        "tick is where suspicion begins. An alarm says that the part decides, not that it should not; no "
        "alarm does not say that there is no shortcut. p adjusted for all parts (Holm); "
        f"{counted(found.spent, 'network row')}, seed {found.seed}."
        + "".join(f" {one}" for one in found.notes)
    )
    chart = _chart(found.suspicions[:DRAWN]) if found.suspicions else None
    return Figure("What decides alone?", _said(found), chart, None, Table(columns, body), note)


def _said(found: Shortcuts) -> str:
    """What was found, in one or two sentences."""
    tried = counted(len(found.suspicions), "part")
    if not found.suspicions:
        return "Nothing could be put to the test."
    if not found.leading:
        top = found.suspicions[0]
        return (
            f"No alarm among {tried} that were tried. Followed most: {_named(top)}, by "
            f"{percent(top.follows.value, 0)} of the mixed rows."
        )
    said = "; ".join(
        f"{one.word}: {_named(one)} (followed by {percent(one.follows.value, 0)} of the mixed rows, control "
        f"{percent(one.control.value, 0)})"
        for one in found.leading
    )
    more = len(found.alarms) - len(found.leading)
    through = f" {counted(more, 'more part')} only through these." if more else ""
    counts = f"{counted(len(found.leading), 'alarm')} among {tried} that were tried."
    return f"{counts} {said[:1].upper()}{said[1:]}.{through}"


def _named(one: Suspicion) -> str:
    return f"{one.name}, for {one.only}" if one.only else one.name


def _chart(suspicions: tuple[Suspicion, ...]) -> Spec:
    values: list[dict[str, object]] = []
    labels = [f"{one.word}: {_named(one)}" for one in suspicions]
    for label, one in zip(labels, suspicions, strict=True):
        for what, each in (("the part", one.follows), ("its control", one.control)):
            values.append(
                {"name": label, "what": what, "share": each.value, "low": each.low, "high": each.high}
            )
        values.append({"name": label, "what": "suspicion begins", "bar": one.bars[0]})
    y: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": labels,
        "title": None,
        "axis": {"labelLimit": 310, "grid": True},
    }
    x: Spec = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "title": "mixed rows answered as the row that gave the part",
        "axis": {"format": "%", "tickCount": 5},
    }
    kinds = ["the part", "its control"]
    colour: Spec = {
        "field": "what",
        "type": "nominal",
        "title": None,
        "scale": {"domain": kinds, "range": [THEME.warm, THEME.muted]},
    }
    shape: Spec = {**colour, "scale": {"domain": kinds, "range": ["circle", "square"]}}
    apart: Spec = {"field": "what", "type": "nominal", "scale": {"domain": kinds}}
    points: Spec = {"filter": "datum.share != null"}
    bars: Spec = {"filter": "datum.bar != null"}
    layers: list[Spec] = [
        {
            "transform": [bars],
            "mark": {"type": "tick", "thickness": 2, "size": STEP - 6, "opacity": 0.55, "color": THEME.ink},
            "encoding": {"y": y, "x": {"field": "bar", **x}},
        },
        {
            "transform": [points],
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "y": y,
                "yOffset": apart,
                "x": {"field": "low", **x},
                "x2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "transform": [points],
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
            "encoding": {
                "y": y,
                "yOffset": apart,
                "x": {"field": "share", **x},
                "color": colour,
                "shape": shape,
            },
        },
    ]
    return {
        "data": {"values": values},
        "layer": layers,
        "width": WIDTH,
        "height": {"step": STEP, "for": "position"},
    }


def _copies(one: Copies) -> Figure:
    both = one.exact + one.near
    alt = (
        f"{counted(one.exact, 'held-out row')} of {one.held:,} "
        f"{'equals a training row' if one.exact == 1 else 'equal a training row'}, {one.near:,} nearly. "
    )
    alt += (
        f"Right on these: {percent(one.on_copies.value, 0)}, on the others {percent(one.on_rest.value, 0)}."
        if both
        else "None was seen in training."
    )
    pairs = ", ".join(f"{a} = {b}" for a, b in one.rows.tolist()[:10])
    body: tuple[tuple[Cell | Word, ...], ...] = (
        ("held-out rows looked at", one.held),
        ("training rows they were compared with", one.learned),
        ("equal to a training row", one.exact),
        ("nearly equal", one.near),
        ("right answers on these", shown(one.on_copies) if both else "–"),
        ("right answers on the others", shown(one.on_rest)),
        ("chance of that lead (Fisher's exact test)", number(one.p, 2)),
        ("copies whose answer in the data is the same", percent(one.agree, 0)),
        ("pairs (held-out row = training row)", pairs or "–"),
        ("word", Word(one.word)),
    )
    note = f"{one.note} A score on rows that were seen while learning says nothing about new ones."
    return Figure("Were held-out rows seen in training?", alt, None, None, Table(("", ""), body), note)


def shown(one: Measure) -> str:
    """A share with its interval, without a break inside."""
    return f"{percent(one.value, 0)}{GAP}[{100 * one.low:.0f},{GAP}{100 * one.high:.0f}]"
