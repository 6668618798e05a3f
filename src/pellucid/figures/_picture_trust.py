"""How far to trust made pictures: what they tell, which way they go, whether they hold elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.errors import InputError
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._depth import depth_lines
from pellucid.figures._features import labels_of, unit_noun
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panels
from pellucid.figures._numbers import counted, finite, interval, number
from pellucid.figures._theme import THEME, Spec
from pellucid.inputs import AudioSpec, TabularSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures, PictureTrust

MOST = 24
_COLOURS = (OKABE_ITO[0], OKABE_ITO[3], OKABE_ITO[1], THEME.muted)
_SHAPES = ("circle", "diamond", "triangle-up", "square")


def picture_trust(pictures: FeaturePictures) -> Figure:
    """Two-choice test of each picture, the way pictures go through the layers, a second network's view.

    Args:
        pictures: from :func:`pellucid.features.activation_maximization`.

    Returns:
        Figure.

    Raises:
        InputError: where nothing was measured, as for pictures of an older version.

    Example:
        >>> picture_trust.__name__
        'picture_trust'
    """
    trust = pictures.trust
    if trust is None:
        raise InputError("These pictures carry no measures of trust; make them anew.")
    shown, noun, unit = min(MOST, len(trust.told)), noun_of(pictures.spec), unit_noun(pictures.site)
    charts, gaps = [_choices(pictures, trust, shown)], ""
    if len(trust.sites) > 1:
        series = {f"these {noun}s": trust.path.nanmedian(0).values.tolist()}
        if bool(trust.untrained_path.isfinite().any()):
            series["untrained networks"] = trust.untrained_path.nanmedian(0).values.tolist()
        reached = [value for line in series.values() for value in line if math.isfinite(value)]
        places = [_place(site, pictures.site) for site in trust.sites]
        ends = (min([0.0, *reached]), max([1.2, *reached]))
        charts.append(depth_lines(places, series, "share of the way of real inputs", level=1.0, domain=ends))
        gaps = _gaps(places, series)
    if bool(trust.transfer.isfinite().any()):
        charts.append(_elsewhere(pictures, trust, shown))
    note = (
        f"{shown} of {counted(len(trust.told), noun)} drawn, all in the table. Two choices: chance that "
        f"of two real inputs, one that excites the {unit} strongly and one that does not, the first is more "
        f"like the {noun}; 0.5 (dotted) is chance, bars are 95 % intervals. The way: likeness to strong real "
        "inputs in each layer, as a share of their likeness to each other; "
        + (f"curve: median over {noun}s, " if len(trust.sites) > 1 else "")
        + f"table: the least of each, and where.{gaps}"
    )
    tested = int(trust.told.isfinite().sum())
    if tested < len(trust.told):
        note += f" {len(trust.told) - tested} could not be tested: too few real inputs excite their {unit}."
    if not bool(trust.transfer.isfinite().any()):
        note += f" No second network, trained by itself, was shown the {noun}s."
    chart, table = panels(charts, columns=2), _table(pictures)
    return Figure(
        f"How far to trust these {noun}s",
        _alt(trust, noun, unit),
        chart,
        None,
        table,
        note,
    )


def _gaps(places: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """Why curves have no point in some layers, in one sentence."""
    empty = [
        place
        for place, *values in zip(places, *series.values(), strict=True)
        if not all(map(math.isfinite, values))
    ]
    if not empty:
        return ""
    return (
        " A curve has no point where strong real inputs are hardly more alike than any others, so that they "
        f"have no way of their own: {', '.join(empty)}."
    )


def _place(site: str, of: str) -> str:
    """A layer's name for people; those before a dictionary lie within the network that it is put into."""
    if site == ".":
        return "the answer"
    return site.removeprefix("network.") if unit_noun(of) == "element" else site


def noun_of(spec: InputSpec | None) -> str:
    """What a made input is called."""
    if isinstance(spec, TextSpec):
        return "text"
    if isinstance(spec, AudioSpec):
        return "sound"
    return "row" if isinstance(spec, TabularSpec) else "picture"


def _series(noun: str, unit: str) -> tuple[str, str, str, str]:
    return f"the {noun}", "strongest real inputs", f"{noun}s of other {unit}s", "untrained networks"


def _choices(pictures: FeaturePictures, trust: PictureTrust, shown: int) -> Spec:
    names, series = labels_of(pictures, shown), _series(noun_of(pictures.spec), unit_noun(pictures.site))
    parts = (trust.told, trust.told_by_real, trust.told_by_others, trust.untrained_told)
    points = [
        {"unit": name, "by": by, "value": finite(part[i])}
        for by, part in zip(series, parts, strict=True)
        for i, name in enumerate(names)
    ]
    ends = [
        {"unit": name, "low": finite(trust.told_low[i]), "high": finite(trust.told_high[i])}
        for i, name in enumerate(names)
    ]
    return _dots(points, names, series, "two choices", level=0.5, ends=ends)


def _elsewhere(pictures: FeaturePictures, trust: PictureTrust, shown: int) -> Spec:
    names, series = labels_of(pictures, shown), _series(noun_of(pictures.spec), unit_noun(pictures.site))
    kinds = (series[0], series[1], series[3])
    parts = (trust.transfer, trust.transfer_by_real, trust.untrained_transfer)
    points = [
        {"unit": name, "by": by, "value": finite(part[i])}
        for by, part in zip(kinds, parts, strict=True)
        for i, name in enumerate(names)
    ]
    return _dots(points, names, series, "shown to a second network: share of real inputs outdone", level=0.5)


def _dots(
    points: list[dict[str, str | float | None]],
    names: list[str],
    series: tuple[str, ...],
    title: str,
    *,
    level: float,
    ends: list[dict[str, str | float | None]] | None = None,
) -> Spec:
    """Units down, a mark for each kind, told by shape too."""
    y: Spec = {"field": "unit", "type": "nominal", "sort": names, "title": None}
    x: Spec = {"field": "value", "type": "quantitative", "title": None, "scale": {"domain": [0, 1]}}
    x["axis"] = {"values": [0, 0.5, 1]}
    shade: Spec = {"field": "by", "type": "nominal", "title": None}
    known = {point["by"] for point in points if point["value"] is not None}
    # what was not measured has no place in the legend
    drawn = [i for i, one in enumerate(series) if one in known]
    kinds = [series[i] for i in drawn]
    colour: Spec = {**shade, "scale": {"domain": kinds, "range": [_COLOURS[i] for i in drawn]}}
    colour["legend"] = {"orient": "bottom", "columns": 2}
    shape: Spec = {**colour, "scale": {"domain": kinds, "range": [_SHAPES[i] for i in drawn]}}
    dots: Spec = {
        "data": {"values": points},
        "mark": {"type": "point", "filled": True, "size": 46, "opacity": 1},
    }
    dots["transform"] = [{"filter": "isValid(datum.value)"}]
    dots["encoding"] = {"x": x, "y": y, "color": colour, "shape": shape}
    layers: list[Spec] = []
    flat: Spec = {"data": {"values": [{"value": level}]}, "encoding": {"x": x}}
    layers.append({**flat, "mark": {"type": "rule", "opacity": 0.5, "strokeDash": [1, 3]}})
    if ends:
        bar: Spec = {"data": {"values": ends}, "mark": {"type": "rule", "strokeWidth": 4, "opacity": 0.3}}
        bar["transform"] = [{"filter": "isValid(datum.low)"}]
        bar["encoding"] = {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}}
        layers.append(bar)
    return {"width": 300, "height": {"step": 17}, "title": title, "layer": [*layers, dots]}


def _alt(trust: PictureTrust, noun: str, unit: str) -> str:
    told = trust.told[trust.told.isfinite()]
    if not len(told):
        return f"No {unit} has enough real inputs that excite it strongly to put {noun}s to the test."
    sure = int((trust.told_low[trust.told.isfinite()] > 0.5).sum())
    tell = "tell" if len(told) > 1 else "tells"
    real, others = _median(trust.told_by_real), _median(trust.told_by_others)
    said = (
        f"{sure} of {counted(len(told), noun)} {tell} strong from weak real inputs beyond chance; "
        f"median {number(float(told.median()), 2)}, real inputs {real}, {noun}s of other {unit}s {others}, "
        f"untrained networks {_median(trust.untrained_told)}."
    )
    ways = torch.where(trust.path.isnan(), float("inf"), trust.path).amin(1)
    known = ways[ways.isfinite()]
    if len(known):
        far = int((known >= 0.5).sum())
        said += f" {far} of {len(known)} go at least half of the way of real inputs in every layer."
    if bool(trust.transfer.isfinite().any()):
        said += (
            f" In a second network the {noun} outdoes {_median(trust.transfer)} of real inputs (median), "
            f"the {unit}'s strongest real inputs {_median(trust.transfer_by_real)}, in untrained networks "
            f"{_median(trust.untrained_transfer)}."
        )
    return said


def _median(values: Tensor) -> str:
    kept = values[values.isfinite()]
    return number(float(kept.median()), 2) if len(kept) else "not measured"


def _table(pictures: FeaturePictures) -> Table:
    trust = pictures.trust
    if trust is None:
        return Table((), ())
    unit = unit_noun(pictures.site)
    columns = [
        unit,
        "two choices",
        "95 %",
        "real inputs'",
        f"other {unit}s'",
        "untrained",
        "least way",
        "where",
    ]
    second = bool(trust.transfer.isfinite().any())
    columns += ["outdoes", "real", "untrained", "twin", "r"] if second else []
    rows: list[tuple[str | float | int | None, ...]] = []
    for i in range(len(trust.told)):
        way = torch.where(trust.path[i].isnan(), float("inf"), trust.path[i])
        least = finite(way.amin())
        row: list[str | float | int | None] = [
            pictures.label(i),
            finite(trust.told[i]),
            interval(finite(trust.told_low[i]), finite(trust.told_high[i])),
            *(finite(part[i]) for part in (trust.told_by_real, trust.told_by_others, trust.untrained_told)),
            least,
            None if least is None else _place(trust.sites[int(way.argmin())], pictures.site),
        ]
        if second:
            parts = (trust.transfer, trust.transfer_by_real, trust.untrained_transfer)
            row += [*(finite(part[i]) for part in parts), int(trust.matched[i]), finite(trust.match[i])]
        rows.append(tuple(row))
    return Table(tuple(columns), tuple(rows))
