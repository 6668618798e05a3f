"""What a dictionary keeps of a layer, beside one of the network with shuffled weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._numbers import counted, finite, number, percent
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.layers import Dictionary

_NAMES = {
    "recovered": "answer recovered",
    "error": "error ÷ that of the mean",
    "dead": "dead elements",
    "active": "elements in use",
}


def dictionary(found: Dictionary) -> Figure:
    """Answer recovered, error, dead share and share of elements in use; a tick is the shuffled control.

    Args:
        found: from :func:`pellucid.layers.sparse_autoencoder` or ``matrix_factorisation``.

    Returns:
        Figure.

    Example:
        >>> dictionary.__name__
        'dictionary'
    """
    size = len(found.decoder)
    points: list[dict[str, object]] = []
    for name, words in _NAMES.items():
        part = size if name == "active" else 1
        beside = None if found.shuffled is None else getattr(found.shuffled, name) / part
        points.append(
            {"what": words, "own": finite(getattr(found.quality, name) / part), "shuffled": finite(beside)}
        )
    y: Spec = {"field": "what", "type": "nominal", "sort": list(_NAMES.values()), "title": None}
    y["axis"] = {"labelLimit": 160, "grid": False}
    x: Spec = {"type": "quantitative", "title": None, "scale": {"domain": [0, 1], "clamp": True}}
    x["axis"] = {"format": "%", "tickCount": 5}
    bar: Spec = {"mark": {"type": "bar", "height": 11, "cornerRadiusEnd": 2, "color": OKABE_ITO[0]}}
    bar["encoding"] = {"x": {**x, "field": "own"}, "y": y}
    tick: Spec = {"mark": {"type": "tick", "color": THEME.ink, "thickness": 2, "size": 19}}
    tick |= {"transform": [{"filter": "isValid(datum.shuffled)"}]}
    tick["encoding"] = {"x": {**x, "field": "shuffled"}, "y": y}
    chart: Spec = {"width": 300, "height": {"step": 26}, "data": {"values": points}, "layer": [bar, tick]}
    body = tuple(
        (
            words,
            float(getattr(found.quality, name)),
            None if found.shuffled is None else float(getattr(found.shuffled, name)),
        )
        for name, words in _NAMES.items()
    )
    note = (
        f"{found.kind}, {counted(size, 'element')}, learned from {counted(found.n, 'input')}, measured on "
        f"{found.quality.n} others. Tick: shuffled weights. {found.note}"
    ).strip()
    columns = ("", "this network", "shuffled weights")
    return Figure(f"A dictionary of {found.site}", _alt(found), chart, None, Table(columns, body), note)


def _alt(found: Dictionary) -> str:
    own, beside = found.quality, found.shuffled
    said = (
        f"{number(own.active, 2)} of {len(found.decoder)} elements at a time rebuild {found.site} with "
        f"{percent(own.error)} of the error of the mean and keep {percent(own.recovered)} of the answer"
    )
    if beside is None:
        return said + "; no control was run."
    margin = number(100 * (own.recovered - beside.recovered), 2)
    return (
        f"{said}; with shuffled weights {percent(beside.error)} and {percent(beside.recovered)}: "
        f"a margin of {margin} points."
    )
