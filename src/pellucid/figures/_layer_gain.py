"""What one layer adds to what can be read."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING

from pellucid._core import Dataset
from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, panel, panels, text
from pellucid.figures._numbers import counted, percent, signed
from pellucid.figures._pixels import fit, is_picture, png
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tiles import tiles_of

if TYPE_CHECKING:
    from pellucid.layers import LayerGain

TILE, MOST = 56, 12


def layer_gain(found: LayerGain, dataset: Dataset | None = None) -> Figure:
    """How well the answers are read before and after a layer, and inputs that are read otherwise after it.

    Args:
        found: from :func:`pellucid.layers.layer_gain`.
        dataset: the inputs that it names rows of.

    Returns:
        Figure; its table has every input whose reading changes, or where none does both shares.

    Example:
        >>> layer_gain.__name__
        'layer_gain'
    """
    names = () if dataset is None else dataset.classes
    changed = found.changed().tolist()
    charts = [_accuracy(found)]
    right, wrong = (
        [i for i in changed if each[i] == found.truth[i]] for each in (found.read, found.read_before)
    )
    drawn = 0
    if dataset is not None and changed and is_picture(dataset.inputs[:1], dataset.spec):
        # as many of both, or the layer would look better than it is
        shown = (_in_turn(right, wrong) + [i for i in changed if i not in {*right, *wrong}])[:MOST]
        drawn = len(shown)
        charts.append(_tiles(found, dataset, shown))
    body = tuple(
        (
            int(found.rows[i]),
            _named(int(found.truth[i]), names),
            _named(int(found.read_before[i]), names),
            _named(int(found.read[i]), names),
            float(found.sure[i]),
        )
        for i in changed
    )
    table = Table(("row", "true", "read before", "read after", "probability"), body)
    if not body:
        shares = (percent(found.accuracy_before), percent(found.accuracy))
        table = Table(
            ("", "read rightly"), tuple(zip(("what enters it", "what leaves it"), shares, strict=True))
        )
    note = (
        f"Linear probes fitted on {counted(found.n_train, 'row')}, tested on {len(found.rows):,} others. "
        "Line: 95 % interval. "
    )
    if drawn:
        note += f"{drawn} of {counted(len(changed), 'changed reading')} drawn, each as read before → after."
    return Figure(
        f"What {found.site} adds",
        _alt(found, len(changed), len(right), len(wrong)),
        panels(charts, columns=2),
        None,
        table,
        note,
    )


def _in_turn(one: list[int], other: list[int]) -> list[int]:
    return [each for pair in zip_longest(one, other) for each in pair if each is not None]


def _named(k: int, names: tuple[str, ...]) -> str:
    return names[k] if k < len(names) else f"class {k}"


def _accuracy(found: LayerGain) -> Spec:
    points: list[Spec] = [
        {"what": "before", "value": found.accuracy_before},
        {"what": "after", "value": found.accuracy},
    ]
    x: Spec = {"field": "value", "type": "quantitative", "title": None, "scale": {"domain": [0, 1]}}
    x["axis"] = {"format": "%", "tickCount": 4}
    y: Spec = {"field": "what", "type": "nominal", "sort": ["before", "after"], "title": None}
    y["axis"] = {"grid": False}
    colour: Spec = {
        "condition": {"test": "datum.what == 'after'", "value": OKABE_ITO[0]},
        "value": THEME.muted,
    }
    bar: Spec = {"mark": {"type": "bar", "height": 14, "cornerRadiusEnd": 2}}
    bar["encoding"] = {"x": x, "y": y, "color": colour}
    ends: Spec = {
        "what": "after",
        "low": found.accuracy_before + found.low,
        "high": min(1.0, found.accuracy_before + found.high),
    }
    rule: Spec = {"data": {"values": [ends]}, "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.8}}
    rule["encoding"] = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
    return {
        "width": 210,
        "height": {"step": 28},
        "title": "read rightly off what enters and leaves it",
        "data": {"values": points},
        "layer": [bar, rule],
    }


def _tiles(found: LayerGain, dataset: Dataset, places: list[int]) -> Spec:
    layers = [text(0, 0, "inputs that are read otherwise after it", size=12, bold=True)]
    across = 5  # as many as a phone is wide
    for i, place in enumerate(places):
        left, top = (i % across) * (TILE + 12), 22 + (i // across) * (TILE + 52)
        drawn = fit(tiles_of(dataset)(dataset.inputs[int(found.rows[place])]), 2 * TILE)
        by = TILE / max(drawn.shape[:2])
        layers.append(image(png(drawn), left, top, by * drawn.shape[1], by * drawn.shape[0]))
        before, after, true = (int(each[place]) for each in (found.read_before, found.read, found.truth))
        truth = {after: "put right", before: "put wrong"}.get(true, f"true {_named(true, dataset.classes)}")
        said = (_named(before, dataset.classes), f"→ {_named(after, dataset.classes)}", truth)
        layers += [
            text(left, top + TILE + 3 + 12 * k, line, size=10, faint=k == 2, limit=TILE + 10)
            for k, line in enumerate(said)
        ]
    lines = -(-len(places) // across)
    return panel(min(across, len(places)) * (TILE + 12), 22 + lines * (TILE + 52), layers)


def _alt(found: LayerGain, changed: int, right: int, wrong: int) -> str:
    ends = f"{signed(100 * found.low, 2)} to {signed(100 * found.high, 2)}"
    said = (
        f"A linear probe reads {percent(found.accuracy)} rightly off {found.site} and "
        f"{percent(found.accuracy_before)} off what enters it: {signed(100 * found.gain, 2)} points ({ends})"
    )
    if math.isfinite(found.untrained):
        said += f", {signed(100 * found.untrained, 2)} in an untrained copy"
    clear = "" if found.low > 0 or found.high < 0 else " No gain or loss is shown."
    parts = f": {right} put right, {wrong} put wrong" if changed else ""
    return f"{said}. {counted(changed, 'input')} of {len(found.rows):,} are read otherwise{parts}.{clear}"
