"""A layer's space as a plane of points, beside the maps that it has to be better than."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.figures._colour import Numbers, Pixels, class_colour
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, panels
from pellucid.figures._numbers import counted, interval, number, percent
from pellucid.figures._pixels import array, fit, is_picture, png
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tiles import tiles_of
from pellucid.inputs import TextSpec

if TYPE_CHECKING:
    from pellucid.layers import PlaneMap, SpaceMap

WIDE, NARROW = 360, 160
TILE, APART, THUMBNAILS = 22, 36, 24
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
EIGHT = 8
LETTERS = 80


def space_map(found: SpaceMap, dataset: Dataset | None = None) -> Figure:
    """Inputs where a layer puts them, in the colours of their classes; controls beside.

    Args:
        found: from :func:`pellucid.layers.space_map`.
        dataset: the data that it names rows of, for class names and for some inputs drawn at their places.

    Returns:
        Figure; its table has trustworthiness and neighbours of every map.

    Raises:
        InputError: if the map names rows that the data do not have.

    Example:
        >>> space_map.__name__
        'space_map'
    """
    if dataset is not None and int(found.rows.max()) >= len(dataset):
        raise InputError(f"The map is of {found.total} inputs, the data have {len(dataset)}: not the same.")
    names = _names(found, dataset)
    first = found.maps[0]
    main = _points(found, first, names, dataset, WIDE)
    charts = [main, *(_points(found, each, names, None, NARROW) for each in found.maps[1:])]
    columns = ("map", "trustworthiness", "continuity", "same class near", "95 %", "before mapping")
    body = tuple(
        (
            each.name,
            each.trustworthiness,
            each.continuity,
            _gap(each.same_class),
            interval(each.low, each.high) if each.low == each.low else "",
            _gap(each.same_class_before),
        )
        for each in found.maps
    )
    shown = "" if len(found.rows) == found.total else f"{len(found.rows)} of {found.total:,} inputs shown. "
    chance = f"Same class by chance: {percent(found.chance)}. " if found.chance == found.chance else ""
    note = (
        f"{shown}{chance}What lies near on the map was near in the layer as far as the trustworthiness says. "
        f"How far apart clusters lie, how large they are and which way is up means nothing. {found.note}"
    )
    return Figure(
        f"The space of {found.site}",
        _alt(found),
        {**panels(charts, columns=len(charts)), "spacing": 18},
        None,
        Table(columns, body),
        note.strip(),
    )


def _gap(value: float) -> float | None:
    return value if value == value else None


def _names(found: SpaceMap, dataset: Dataset | None) -> list[str]:
    """The class of each row in words."""
    if not len(found.answers):
        return []
    classes: list[str] = [] if dataset is None else list(dataset.classes)
    return [classes[k] if k < len(classes) else f"class {k}" for k in found.answers.tolist()]


def _points(
    found: SpaceMap, shown: PlaneMap, names: Sequence[str], dataset: Dataset | None, size: int
) -> Spec:
    places = _placed(array(shown.places), size)
    large = size == WIDE
    texts = _texts(found, dataset)
    data = [
        {"x": x, "y": y, "row": row, **({"class": names[i]} if names else {}), **texts(i)}
        for i, ((x, y), row) in enumerate(zip(places.tolist(), found.rows.tolist(), strict=True))
    ]
    at: Spec = {
        axis: {"field": axis, "type": "quantitative", "axis": None, "scale": {"domain": ends, "nice": False}}
        for axis, ends in (("x", [0, size]), ("y", [size, 0]))
    }
    mark: Spec = {"type": "point", "filled": True, "size": 30 if large else 12, "opacity": 0.75}
    at["tooltip"] = [{"field": name} for name in ("class", "row", "text") if name in data[0]]
    if names:
        at |= _told(found, names, legend=large)
    else:
        mark["color"] = THEME.accent
    layers: list[Spec] = [{"data": {"values": data}, "mark": mark, "encoding": at}]
    layers += _thumbnails(found, places, dataset) if large else []
    title: Spec = {"text": shown.name, "fontSize": 13 if large else 12, "subtitle": _said(shown)}
    title |= {"subtitleColor": THEME.ink, "subtitleFontSize": 11, "subtitlePadding": 5}
    return {"width": size, "height": size, "title": title, "layer": layers}


def _said(shown: PlaneMap) -> list[str]:
    lines = [f"trustworthiness {number(shown.trustworthiness)}", f"continuity {number(shown.continuity)}"]
    if shown.same_class == shown.same_class:
        lines.insert(0, f"near: {percent(shown.same_class)} of its class")
    return lines


def _told(found: SpaceMap, names: Sequence[str], *, legend: bool) -> Spec:
    """Colour and, from the ninth class on, shape by class."""
    order = dict(sorted(zip(found.answers.tolist(), names, strict=True)))
    words = list(order.values())
    shades: Spec = {"domain": words, "range": [class_colour(k) for k in range(len(words))]}
    forms: Spec = {"domain": words, "range": [SHAPES[k // EIGHT % len(SHAPES)] for k in range(len(words))]}
    key: Spec | None = {"orient": "bottom", "columns": 5, "symbolOpacity": 1, "labelLimit": 84}
    key = key if legend else None
    told: Spec = {"field": "class", "type": "nominal", "title": None, "legend": key}
    return {"color": {**told, "scale": shades}, "shape": {**told, "scale": forms}}


def _placed(points: Numbers, size: int) -> Numbers:
    """Places in pixels, one measure for both axes, with room at the edges."""
    low, high = points.min(0), points.max(0)
    longest = float((high - low).max()) or 1.0
    room = TILE / 2 + 4
    return (points - (low + high) / 2) / longest * (size - 2 * room) + size / 2


def _texts(found: SpaceMap, dataset: Dataset | None) -> Callable[[int], dict[str, str]]:
    spec = None if dataset is None else dataset.spec
    if not isinstance(spec, TextSpec) or dataset is None:
        return lambda _: {}

    def told(i: int) -> dict[str, str]:
        words = spec.text(dataset.inputs[int(found.rows[i])])
        return {"text": words if len(words) <= LETTERS else words[: LETTERS - 1] + "…"}

    return told


def _thumbnails(found: SpaceMap, places: Numbers, dataset: Dataset | None) -> list[Spec]:
    """Some inputs drawn at their places, far from one another."""
    if dataset is None or not is_picture(dataset.inputs[:1], dataset.spec):
        return []
    layers: list[Spec] = []
    drawn = tiles_of(dataset)
    for i in _spread(places):
        k = int(np.unique(array(found.answers), return_inverse=True)[1][i]) if len(found.answers) else None
        tile = _framed(drawn(dataset.inputs[int(found.rows[i])]), k)
        height, width = tile.shape[0] / 2, tile.shape[1] / 2
        x, y = (float(v) for v in places[i])
        layers.append(image(png(tile), x - width / 2, y - height / 2, width, height))
    return layers


def _spread(places: Numbers) -> list[int]:
    """Points as far from one another as can be, none nearer than two tiles."""
    away = np.linalg.norm(places - np.median(places, 0), axis=1)
    chosen = [int(away.argmin())]
    nearest = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < THUMBNAILS and float(nearest.max()) > APART:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return chosen


def _framed(picture: Numbers, k: int | None) -> Pixels:
    """A small picture with an edge in the colour of its class."""
    small = fit(picture, 2 * TILE)
    edge = THEME.muted if k is None else class_colour(k)
    colour = np.array([int(edge[j : j + 2], 16) for j in (1, 3, 5)], dtype=np.uint8)
    framed = np.empty((small.shape[0] + 6, small.shape[1] + 6, 3), dtype=np.uint8)
    framed[:] = colour
    framed[3:-3, 3:-3] = small
    return framed


def _alt(found: SpaceMap) -> str:
    first = found.maps[0]
    said = f"{counted(len(found.rows), 'input')} by {found.site} on a plane"
    trust = f"trustworthiness {number(first.trustworthiness, 3)}, continuity {number(first.continuity, 3)}"
    if first.same_class != first.same_class:
        return f"{said}: {trust}."
    said += (
        f": of the 12 nearest on the map {percent(first.same_class)} are of the same class "
        f"({percent(first.same_class_before)} in the layer itself, {percent(found.chance)} by chance)"
    )
    others = "; ".join(f"{each.name} {percent(each.same_class)}" for each in found.maps[1:])
    said = f"{said}; {others}; {trust}."
    untrained = next((each for each in found.maps if "untrained" in each.name), None)
    if untrained is not None and first.low <= untrained.high:
        said += " Not better than an untrained network."
    return said
