"""How training went, for the whole network and layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO, scale
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, finite, number, percent
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.training import LayerHealth, TrainingRecord

WIDTH, HEIGHT = 280, 150


def training_curves(record: TrainingRecord) -> Figure:
    """Loss and score over the epochs, on the rows trained on and on the rows held out.

    Args:
        record: what :func:`pellucid.training.train` left.

    Returns:
        Figure with two panels; a rule marks the epoch that was kept.

    Example:
        >>> training_curves.__name__
        'training_curves'
    """
    points = [
        {"epoch": epoch.index + 1, "rows": rows, "loss": finite(loss), "score": finite(score)}
        for epoch in record.epochs
        for rows, loss, score in (
            ("trained on", epoch.train_loss, epoch.train_score),
            ("held out", epoch.validation_loss, epoch.validation_score),
        )
    ]
    parts = [
        _curves(points, what, title, record.best_epoch + 1)
        for what, title in (("loss", "loss"), ("score", record.metric))
    ]
    body = tuple(
        (e.index + 1, e.train_loss, e.validation_loss, e.train_score, e.validation_score, e.seconds)
        for e in record.epochs
    )
    columns = (
        "epoch",
        "loss, trained on",
        "loss, held out",
        f"{record.metric}, trained on",
        f"{record.metric}, held out",
        "seconds",
    )
    return Figure("Training", _alt(record), panels(parts), None, Table(columns, body))


def training_health(record: TrainingRecord) -> Figure:
    """Layer by layer and epoch by epoch: dead units, saturated units, gradient size and update size.

    Updates of about a thousandth of the weights per step are healthy; dead shares that grow, or gradients
    that shrink from layer to layer, are not.

    Args:
        record: what :func:`pellucid.training.train` left.

    Returns:
        Figure with one panel per quantity; the table has the last epoch.

    Example:
        >>> training_health.__name__
        'training_health'
    """
    points = [
        {
            "epoch": epoch.index + 1,
            "layer": layer.site,
            "dead": finite(layer.dead),
            "saturated": finite(layer.saturated),
            "gradient": _positive(layer.gradient_norm),
            "update": _positive(layer.update_ratio),
        }
        for epoch in record.epochs
        for layer in epoch.layers
    ]
    sites = list(dict.fromkeys(str(point["layer"]) for point in points))
    wanted = [
        _layers(points, sites, "dead", "share of dead units", log=False),
        _layers(points, sites, "saturated", "share of saturated units", log=False),
        _layers(points, sites, "gradient", "gradient norm", log=True),
        _layers(points, sites, "update", "update ÷ weight per step", log=True),
    ]
    parts = [part for part in wanted if part["data"] != {"values": []}]
    last = record.epochs[-1].layers if record.epochs else ()
    body = tuple((h.site, h.mean, h.sd, h.dead, h.saturated, h.gradient_norm, h.update_ratio) for h in last)
    columns = ("layer", "mean", "sd", "dead", "saturated", "gradient norm", "update ÷ weight")
    chart = panels(parts, columns=2) if parts else None
    return Figure("Layers while training", _worst(last), chart, None, Table(columns, body, "Last epoch."))


def _worst(layers: tuple[LayerHealth, ...]) -> str:
    dead = [(layer.dead, layer.site) for layer in layers if layer.dead is not None]
    if not dead:
        return "No layer was watched that can have dead units."
    share, site = max(dead)
    return (
        f"After the last epoch {percent(share)} of {site} is dead, the most of {counted(len(dead), 'layer')}."
    )


def _alt(record: TrainingRecord) -> str:
    if not record.epochs:
        return "No epoch was run."
    best = next((e for e in record.epochs if e.index == record.best_epoch), record.epochs[-1])
    stop = f" Stopped: {record.epochs[-1].stopped}." if record.epochs[-1].stopped else ""
    told = percent if record.metric == "accuracy" else number
    return (
        f"{counted(len(record.epochs), 'epoch')} in {number(record.seconds)} s. Best epoch {best.index + 1}: "
        f"{record.metric} {told(best.validation_score)} held out, {told(best.train_score)} on the rows "
        f"trained on.{stop}"
    )


def _positive(value: float | None) -> float | None:
    plain = finite(value)
    return plain if plain is not None and plain > 0 else None


def _x() -> Spec:
    return {
        "field": "epoch",
        "type": "quantitative",
        "title": "epoch",
        "axis": {"grid": False, "tickMinStep": 1, "tickCount": 6},
    }


def _curves(
    points: Sequence[Mapping[str, int | str | float | None]], what: str, title: str, best: int
) -> Spec:
    kinds = ["trained on", "held out"]
    colour: Spec = {"field": "rows", "type": "nominal", "title": None, "sort": kinds}
    colour["scale"] = {"domain": kinds, "range": [THEME.muted, OKABE_ITO[0]]}
    dash: Spec = {"field": "rows", "type": "nominal", "title": None, "sort": kinds}
    dash["scale"] = {"domain": kinds, "range": [[4, 3], [1, 0]]}
    y: Spec = {
        "field": what,
        "type": "quantitative",
        "title": None,
        "scale": {"zero": False},
        "axis": {"tickCount": 4},
    }
    lines: Spec = {"mark": {"type": "line", "strokeWidth": 2, "point": len(points) <= 4}}
    lines["encoding"] = {"x": _x(), "y": y, "color": colour, "strokeDash": dash}
    kept: Spec = {
        "data": {"values": [{"epoch": best}]},
        "mark": {"type": "rule", "opacity": 0.45, "strokeDash": [2, 3]},
    }
    kept["encoding"] = {"x": {"field": "epoch", "type": "quantitative"}}
    head: Spec = {
        "text": title,
        "subtitle": f"dotted line: epoch {best} was kept",
        "subtitleColor": THEME.ink,
        "subtitleFontSize": 11,
    }
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "title": head,
        "data": {"values": points},
        "layer": [lines, kept],
    }


def _by_depth(n: int) -> list[str]:
    """Colours of layers: apart where they are few, else in the order of the layers."""
    return [*OKABE_ITO[:n]] if n <= len(OKABE_ITO) else scale("batlow", n + 1)[:n]


def _decades(values: list[float]) -> tuple[Spec, Spec]:
    """A logarithmic axis over whole powers of ten."""
    low = math.floor(math.log10(min(values, default=1.0)))
    high = max(low + 1, math.ceil(math.log10(max(values, default=1.0))))
    ends = [10.0**power for power in range(low, high + 1)]
    return {"type": "log", "domain": [ends[0], ends[-1]], "nice": False}, {"values": ends, "format": "~g"}


def _layers(
    points: Sequence[Mapping[str, int | str | float | None]],
    sites: list[str],
    what: str,
    title: str,
    *,
    log: bool,
) -> Spec:
    colour: Spec = {"field": "layer", "type": "nominal", "title": None, "sort": sites}
    colour["scale"] = {"domain": sites, "range": _by_depth(len(sites))}
    colour["legend"] = {"columns": 3, "labelLimit": 90}
    y: Spec = {"field": what, "type": "quantitative", "title": None, "axis": {"tickCount": 4}}
    y["scale"] = {"domain": [0, 1]}
    if log:
        y["scale"], y["axis"] = _decades([value for p in points if isinstance(value := p[what], float)])
    lines: Spec = {"type": "line", "strokeWidth": 1.8, "point": len({p["epoch"] for p in points}) <= 2}
    return {
        "width": WIDTH,
        "height": HEIGHT - 30,
        "title": title,
        "data": {"values": [point for point in points if point[what] is not None]},
        "mark": lines,
        "encoding": {"x": _x(), "y": y, "color": colour},
    }
