"""What each layer is like, beside the same layer before training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import ends_of, panels
from pellucid.figures._numbers import counted, number, percent, portion
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.layers import LayerRow, LayerSummary

STRETCH = 60  # layers of one figure
LETTERS = 30  # of a layer's name
CALLS = 2  # first and last calls of a layer that is called often, where not all are drawn


def layer_strip(summary: LayerSummary, *, most: int | None = None) -> Figure:
    """One line per layer, in the order of execution: effective rank, dead and saturated units, activations.

    A tick beside a bar is the same number on an untrained copy: what training did is the distance between
    the two.

    Args:
        summary: what :func:`pellucid.layers.summarise` measured.
        most: layers drawn; of more, the first and last calls of what is called often, evenly spaced.

    Returns:
        Figure with one panel per quantity; the table has all layers.

    Example:
        >>> layer_strip.__name__
        'layer_strip'
    """
    shown = outer_calls(summary.rows, most)
    left = len(summary.rows) - len(shown)
    cut = f"Drawn: {len(shown)} of {len(summary.rows):,} layers; the table has all. " if left else ""
    return _strip(summary, shown, "Inside, layer by layer", cut)


def layer_strips(summary: LayerSummary) -> tuple[Figure, ...]:
    """As :func:`layer_strip`; of a network with many layers several, which a page draws as they come near.

    Args:
        summary: what :func:`pellucid.layers.summarise` measured.

    Returns:
        Figures of at most 60 layers each, on the same scales.

    Example:
        >>> layer_strips.__name__
        'layer_strips'
    """
    total, ends = len(summary.rows), _ends(summary)
    if total <= STRETCH:
        return (layer_strip(summary),)
    stretches = [summary.rows[start : start + STRETCH] for start in range(0, total, STRETCH)]
    return tuple(
        _strip(
            replace(summary, rows=rows),
            rows,
            f"Layers {k * STRETCH + 1} to {k * STRETCH + len(rows)} of {total}",
            ends=ends,
        )
        for k, rows in enumerate(stretches)
    )


def _strip(
    summary: LayerSummary,
    shown: Sequence[LayerRow],
    title: str,
    cut: str = "",
    ends: list[float] | None = None,
) -> Figure:
    """Some layers drawn, all of the summary in the table."""
    rows = [_datum(row) for row in shown]
    sites = [row.site for row in shown]
    wanted = [
        _bars(rows, sites, "rank", "effective rank ÷ units", OKABE_ITO[0]),
        _bars(rows, sites, "dead", "dead units", OKABE_ITO[5]),
        _bars(rows, sites, "saturated", "saturated units", OKABE_ITO[1]),
        _spread(rows, sites, ends),
    ]
    measured = [any(row[what] is not None for row in rows) for what in ("rank", "dead", "saturated", "mean")]
    parts = [part for part, there in zip(wanted, measured, strict=True) if there]
    return Figure(
        title,
        layer_words(summary),
        panels(parts, columns=2) if parts else None,
        None,
        _table(summary),
        f"{cut}Bar: this network, on {counted(summary.n, 'row')}. "
        f"Tick: an untrained copy. {summary.note}".strip(),
    )


def outer_calls(rows: Sequence[LayerRow], most: int | None) -> list[LayerRow]:
    """At most so many layers in their order: of many calls the outer ones, of what is left evenly spaced."""
    if most is None or len(rows) <= most:
        return list(rows)
    calls: dict[str, list[LayerRow]] = {}
    for row in rows:
        calls.setdefault(row.site.partition("#")[0], []).append(row)
    outer = {id(row) for each in calls.values() for row in (*each[:CALLS], *each[-CALLS:])}
    kept = [row for row in rows if id(row) in outer]
    if len(kept) <= most:
        return kept
    return [kept[round(i * (len(kept) - 1) / (most - 1))] for i in range(most)]


def _share(part: float | None, whole: int) -> float | None:
    return None if part is None or not math.isfinite(part) or whole < 1 else part / whole


def _datum(row: LayerRow) -> Spec:
    return {
        "site": row.site,
        "rank": _share(row.rank, row.rank_units),
        "rank0": _share(row.untrained_rank, row.rank_units),
        "dead": _share(row.dead, 1),
        "dead0": _share(row.untrained_dead, 1),
        "saturated": _share(row.saturated, 1),
        "saturated0": _share(row.untrained_saturated, 1),
        "mean": _share(row.mean, 1),
        "low": row.mean - row.sd,
        "high": row.mean + row.sd,
    }


def _y(sites: list[str]) -> Spec:
    axis: Spec = {**ends_of(LETTERS), "labelLimit": 200, "grid": False, "minExtent": 60}
    return {"field": "site", "type": "nominal", "sort": sites, "title": None, "axis": axis}


def _bars(rows: list[Spec], sites: list[str], what: str, title: str, colour: str) -> Spec:
    scale: Spec = {"domain": [0, 1]}
    x: Spec = {"field": what, "type": "quantitative", "title": None, "scale": scale}
    x["axis"] = {"format": "%", "tickCount": 3}
    bar: Spec = {"mark": {"type": "bar", "height": 11, "cornerRadiusEnd": 2, "color": colour}}
    bar["encoding"] = {"x": x, "y": _y(sites)}
    twin: Spec = {"mark": {"type": "tick", "color": THEME.ink, "thickness": 2, "size": 19, "opacity": 0.85}}
    twin |= {"transform": [{"filter": f"isValid(datum.{what}0)"}]}
    twin["encoding"] = {"x": {**x, "field": f"{what}0"}, "y": _y(sites)}
    empty: Spec = {"mark": {"type": "text", "align": "left", "dx": 4, "opacity": 0.6, "text": "–"}}
    empty |= {
        "transform": [{"filter": f"!isValid(datum.{what})"}],
        "encoding": {"x": {"value": 0}, "y": _y(sites)},
    }
    return {
        "width": 210,
        "height": {"step": 26},
        "title": title,
        "data": {"values": rows},
        "layer": [bar, twin, empty],
    }


def _ends(summary: LayerSummary) -> list[float] | None:
    """From the lowest to the highest that activations go, and zero."""
    reached = [end for row in summary.rows for end in (row.mean - row.sd, row.mean + row.sd)]
    known = [end for end in reached if math.isfinite(end)]
    return [min(0.0, *known), max(0.0, *known)] if known else None


def _spread(rows: list[Spec], sites: list[str], ends: list[float] | None) -> Spec:
    x: Spec = {
        "field": "low",
        "type": "quantitative",
        "title": None,
        "axis": {"tickCount": 4},
        "scale": {"zero": True} if ends is None else {"domain": ends},
    }
    line: Spec = {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45}}
    line["encoding"] = {"x": x, "x2": {"field": "high"}, "y": _y(sites)}
    dot: Spec = {"mark": {"type": "point", "filled": True, "size": 55, "color": OKABE_ITO[0], "opacity": 1}}
    dot["encoding"] = {"x": {**x, "field": "mean"}, "y": _y(sites)}
    title = "activation, mean ± sd"
    return {
        "width": 210,
        "height": {"step": 26},
        "title": title,
        "data": {"values": rows},
        "layer": [line, dot],
    }


def layer_words(summary: LayerSummary) -> str:
    """The layers in one sentence: how many, where units are dead, where the rank is lowest.

    Example:
        >>> layer_words.__name__
        'layer_words'
    """
    if not summary.rows:
        return "No layer was reached."
    dead = max(summary.rows, key=lambda row: row.dead or 0.0)
    low = min(summary.rows, key=lambda row: _share(row.rank, row.rank_units) or math.inf)
    most = (
        f"{dead.site} has the most dead units ({percent(dead.dead)})"
        if dead.dead
        else "no layer has dead units"
    )
    return (
        f"{counted(len(summary.rows), 'layer')} over {counted(summary.n, 'row')}; {most}; the lowest "
        f"effective rank is {number(low.rank)} of {low.rank_units} in {low.site} "
        f"({number(low.untrained_rank)} untrained)."
    )


def _table(summary: LayerSummary) -> Table:
    columns = (
        "layer",
        "kind",
        "shape",
        "parameters",
        "sees",
        "mean",
        "sd",
        "dead",
        "saturated",
        "rank",
        "rank, untrained",
    )
    body = tuple(
        (
            row.site,
            row.kind,
            " × ".join(map(str, row.shape)),
            row.parameters,
            "–" if row.field is None else " × ".join(map(str, row.field)),
            row.mean,
            row.sd,
            percent(row.dead),
            percent(row.saturated),
            row.rank,
            row.untrained_rank,
        )
        for row in summary.rows
    )
    measured = any(row.field is not None for row in summary.rows)
    return Table(
        columns,
        body,
        "“sees”: receptive field on the input, in pixels, samples, or bins × frames." if measured else "",
    )


def layer_facts(row: LayerRow, notes: tuple[str, ...] = ()) -> Figure:
    """What one layer is, as a table.

    Args:
        row: from :func:`pellucid.layers.summary`.
        notes: sentences on what could not be computed.

    Returns:
        Figure without a chart.

    Example:
        >>> layer_facts.__name__
        'layer_facts'
    """
    body = (
        ("kind", row.kind),
        ("gives", " × ".join(map(str, row.shape))),
        ("units", f"{row.units:,}"),
        ("parameters", f"{row.parameters:,}"),
        ("share of the work", portion(row.share)),
    )
    for name, sides in (("sees of the input", row.field), ("from unit to unit moves by", row.stride)):
        body += () if sides is None else ((name, " × ".join(map(str, sides))),)
    alt = (
        f"{row.site} is a {row.kind} with {counted(row.units, 'unit')}, {percent(row.dead)} of them dead, "
        f"effective rank {number(row.rank)} ({number(row.untrained_rank)} untrained)."
    )
    return Figure(row.site, alt, None, None, Table(("", ""), body), " ".join(notes))
