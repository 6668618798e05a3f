"""Made rows of a table, in the table's own units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.figures._colour import scale
from pellucid.figures._numbers import number
from pellucid.figures._theme import Spec, look
from pellucid.inputs import TabularSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures

NUMBERS, CATEGORIES = 18, 8
MOST = 9  # units that stand side by side on a page
CELL, WIDER = 62, 78
SIGNS = {"full": "●", "half": "◐", "hollow": "○", "dash": "–"}
GROUND, INK = "#f1f1ef", "#1b1b1b"  # on light cells, whatever the page is


def columns(pictures: FeaturePictures, units: list[str]) -> Spec:
    """Columns down, units across: the value in words, and in colour how far it is from the typical row.

    Where rows were started from, colour is how far from these.
    """
    shown, spec = len(units), pictures.spec
    values = pictures.pictures[:shown].double().mean(1).flatten(1)
    means = values if pictures.origins is None else values - pictures.origins[:shown].double().flatten(1)
    names = slots(spec, means.shape[1])
    plain = _numbers(spec, means.shape[1])
    strongest = means[:, plain].abs().amax(0).argsort(descending=True)[:NUMBERS].tolist()
    order = [plain[j] for j in strongest]
    end = float(means[:, plain].abs().max()) if plain else 1.0
    cells: list[dict[str, str | float | None]] = [
        {
            "unit": units[i],
            "column": names[j],
            "value": float(means[i, j]),
            "words": _words(spec, values[i], j),
            "ink": "#fbfbfb" if abs(float(means[i, j])) > 0.62 * end else INK,
        }
        for i in range(shown)
        for j in order
    ]
    measures, levels = _measures(pictures, shown), _levels(pictures, shown)
    cells += [
        dict[str, str | float | None](unit=units[i], column=name, value=None, words=found[i], ink=INK)
        for name, found in (*measures, *levels)
        for i in range(shown)
    ]
    rows = [*(name for name, _ in measures), *(names[j] for j in order), *(name for name, _ in levels)]
    title = f"standard deviations from the {'typical row' if pictures.origins is None else 'row itself'}"
    return _chart(cells, (units, rows), end or 1.0, title, WIDER if levels else CELL)


def key(words: Sequence[str]) -> str:
    """What the signs of evidence mean, those that are there."""
    return ", ".join(f"{SIGNS[look(name).shape]} {name}" for name in dict.fromkeys(words))


def slots(spec: InputSpec | None, width: int) -> list[str]:
    """Names of the numbers of a row."""
    named = getattr(spec, "slots", None)
    return list(named) if named is not None and len(named) == width else [f"input {i}" for i in range(width)]


def _numbers(spec: InputSpec | None, width: int) -> list[int]:
    """Slots that are numbers, and neither levels nor marks of what is missing."""
    if not isinstance(spec, TabularSpec):
        return list(range(width))
    firsts: list[int] = []
    start = 0
    for column in spec.columns:
        firsts += [] if column.levels else [start]
        start += column.width
    return firsts


def _words(spec: InputSpec | None, row: torch.Tensor, slot: int) -> str:
    if not isinstance(spec, TabularSpec):
        return number(float(row[slot]))
    column = spec.columns[spec.column_of_slot[slot]]
    (value,) = column.decode(row[slot : slot + column.width][None].float().numpy())
    return number(float(value)) if isinstance(value, int | float) else column.text(value)


def _measures(pictures: FeaturePictures, shown: int) -> list[tuple[str, list[str]]]:
    """The word of each unit and the numbers behind it, each above that of untrained networks."""
    found = [("evidence", [SIGNS[look(name).shape] for name in pictures.words[:shown]])]
    changed = accentuates(pictures)
    parts = (
        ("reached ÷ largest real", pictures.ratio, pictures.untrained_ratio),
        ("changes agree" if changed else "starts agree", pictures.agreement, pictures.untrained_agreement),
        ("distance to data", pictures.distance, pictures.untrained_distance),
    )
    beside = [
        line
        for name, own, before in parts
        for line in ((name, own), (f"{name.split(' ÷')[0].split(' to')[0]}, untrained", before))
    ]
    name, steady, bar = steadiness_of(pictures)
    if math.isfinite(bar):
        beside += [(name, steady), ("untrained up to", torch.full_like(steady, bar))]
    for called, values in beside:
        kept = [float(value) for value in values[:shown]]
        if any(map(math.isfinite, kept)):
            found.append((called, [number(value, 2) if math.isfinite(value) else "–" for value in kept]))
    return found


def _levels(pictures: FeaturePictures, shown: int) -> list[tuple[str, list[str]]]:
    """Columns of categories and the level of each unit's best made row; those that differ most come first."""
    spec = pictures.spec
    if not isinstance(spec, TabularSpec):
        return []
    best = pictures.pictures[torch.arange(shown), pictures.reached[:shown].argmax(1)]
    made = spec.decode(best) if shown else []
    found = [
        (column.name, [column.text(row[column.name]) for row in made])
        for column in spec.columns
        if column.levels
    ]
    return sorted(found, key=lambda each: -len(set(each[1])))[:CATEGORIES]


def _chart(
    cells: list[dict[str, str | float | None]],
    names: tuple[list[str], list[str]],
    end: float,
    title: str,
    cell: int,
) -> Spec:
    units, rows = names
    colour: Spec = {"field": "value", "type": "quantitative", "title": title}
    colour["scale"] = {"domain": [-end, end], "range": scale("vik", 17), "interpolate": "rgb"}
    colour["legend"] = {"orient": "bottom", "gradientLength": 160, "titleLimit": 320}
    empty: Spec = {"test": "datum.value === null", "value": GROUND}
    axis: Spec = {"orient": "top", "labelAngle": -45}
    x: Spec = {"field": "unit", "type": "nominal", "sort": units, "title": None, "axis": axis}
    y: Spec = {"field": "column", "type": "nominal", "sort": rows, "title": None, "axis": {"labelLimit": 190}}
    ground: Spec = {
        "mark": {"type": "rect", "cornerRadius": 1, "invalid": None},
        "encoding": {"color": {"condition": empty, **colour}},
    }
    letters: Spec = {
        "mark": {"type": "text", "fontSize": 10, "limit": cell - 4},
        "encoding": {
            "text": {"field": "words", "type": "nominal"},
            "color": {"field": "ink", "type": "nominal", "scale": None},
        },
    }
    return {
        "width": {"step": cell},
        "height": {"step": 19},
        "data": {"values": cells},
        "layer": [ground, letters],
        "encoding": {"x": x, "y": y},
        "resolve": {"scale": {"color": "independent"}},
    }


def accentuates(pictures: FeaturePictures) -> bool:
    """Whether real inputs were changed, and none made from nothing."""
    return pictures.params.get("method") == "accentuation"


def steadiness_of(pictures: FeaturePictures) -> tuple[str, Tensor, float]:
    """What the word compares, by name, and what untrained networks stay below; NaN where it is not known."""
    name = "agreement" if accentuates(pictures) else "agreement ÷ distance"
    bar, steady = pictures.steadiness_bar, pictures.steadiness
    unknown = torch.full_like(pictures.agreement, math.nan)
    return name, unknown if steady is None else steady, math.nan if bar is None else bar
