"""Attention that gates the only path, over one text, picture or row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import InputError
from pellucid.figures._colour import OKABE_ITO, Numbers, hexadecimal, paint
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, panel, panels, text
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._pixels import array, colour_bar, fit, limit_of, overlay, png, seen
from pellucid.figures._theme import Spec
from pellucid.figures._tokens import LINE, SIZE, laid
from pellucid.inputs import TabularSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.readable import Attended

TILE, WIDTH, SHOWN = 180, 620, 12


def attended(found: Attended, *, row: int = 0) -> Figure:
    """Where the network looks in one input and what that adds to its answer.

    Args:
        found: from :func:`pellucid.readable.attended`.
        row: which of the inputs.

    Returns:
        Figure: a picture beside its maps, a text on grounds, or bars of columns; what is left white, dark in
        the map or without a bar has weight 0 and is not used.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> attended.__name__
        'attended'
    """
    if not 0 <= row < len(found):
        raise InputError(f"Rows are numbered 0 to {len(found) - 1}, got {row}.")
    weights, adds = array(found.weights[row]), array(found.adds[row])
    head = f"Where it looks: {found.answers[row]} ({percent(found.probabilities[row])})"
    rest = (
        f" {percent(float(found.rest[row]))} of attention says nothing."
        if float(found.rest[row]) > 1e-6
        else ""
    )
    if found.part == "patch":
        return _picture(found, row, weights, adds, head, rest)
    names = _names(found, row)
    kept = [k for k, name in enumerate(names) if name]
    order = sorted(kept, key=lambda k: -weights[k])
    zero = sum(weights[k] == 0 for k in kept)
    body = tuple((names[k], float(weights[k]), float(adds[k])) for k in order[:SHOWN])
    table = Table((found.part, "attention", f"adds for {found.answers[row]}"), body)
    first = order[0]
    alt = (
        f"Most attention: {names[first]} ({percent(float(weights[first]))}). {zero} of "
        f"{counted(len(kept), found.part)} have weight 0: not used.{rest}"
    )
    draw = _text(found, row, weights) if found.part == "word" else _bars(names, weights, order)
    return Figure(head, alt, draw, None, table, _NOTE)


_NOTE = "Attention gates the only path to the answer: weight 0 means not used."


def _names(found: Attended, row: int) -> list[str]:
    if isinstance(found.spec, TextSpec):
        return found.spec.tokens(found.inputs[row : row + 1])[0]
    if isinstance(found.spec, TabularSpec):
        return [column.name for column in found.spec.columns]
    raise InputError("Attention over columns needs a TabularSpec, over words a TextSpec.")


def _picture(found: Attended, row: int, weights: Numbers, adds: Numbers, head: str, rest: str) -> Figure:
    base, most, end = seen(found.inputs[row], found.spec), float(weights.max()), limit_of(adds)
    tiles = (
        ("input", fit(base, TILE), ""),
        ("attention", fit(paint(weights / (most or 1.0), "cividis"), TILE), "dark 0: not used"),
        (f"adds for {found.answers[row]}", fit(overlay(adds, end, base), TILE), ""),
    )
    drawn: list[Spec] = []
    for k, (title, pixels, below) in enumerate(tiles):
        marks = [text(0, 0, title, size=12, bold=True, limit=TILE), image(png(pixels), 0, 20, TILE, TILE)]
        if k == 2:
            marks += [
                image(colour_bar(), 0, 25 + TILE, TILE, 5),
                text(0, 34 + TILE, number(-end), faint=True, size=10),
                text(TILE / 2, 34 + TILE, "0", faint=True, size=10, align="center"),
                text(TILE, 34 + TILE, number(end), faint=True, size=10, align="right"),
            ]
        elif below:
            marks.append(text(0, 26 + TILE, below, faint=True, size=10))
        drawn.append(panel(TILE, TILE + 50, marks))
    share = float((weights == 0).mean())
    i, j = (int(v) for v in np.unravel_index(int(weights.argmax()), weights.shape))
    alt = (
        f"{percent(share)} of the pixels have weight 0: not used. Most attention at row {i + 1}, column "
        f"{j + 1} of {weights.shape[0]} × {weights.shape[1]}.{rest}"
    )
    body = (
        ("pixels of weight 0", percent(share)),
        ("attention that says nothing", percent(float(found.rest[row]))),
        ("all places together add", number(float(adds.sum()))),
    )
    return Figure(head, alt, panels(drawn, columns=3), None, Table(("", ""), body), _NOTE)


def _text(found: Attended, row: int, weights: Numbers) -> Spec:
    assert isinstance(found.spec, TextSpec)
    x = found.inputs[row : row + 1]
    boxes, height = laid(found.spec, x, WIDTH)
    shown = [k for k, name in enumerate(found.spec.tokens(x)[0]) if name]
    full = np.array([int(OKABE_ITO[0][k : k + 2], 16) for k in (1, 3, 5)]) / 255
    most = float(weights.max()) or 1.0
    data: list[dict[str, str | float]] = []
    for box, k in zip(boxes, shown, strict=True):
        ground = 1 - (1 - full) * (weights[k] / most)
        light = float(ground @ np.array([0.299, 0.587, 0.114])) > 0.55
        data.append(
            {
                "words": box.words, "x": box.x, "x2": box.x + box.width, "y": box.y, "y2": box.y + LINE - 4,
                "xm": box.middle, "ym": box.y + (LINE - 4) / 2, "colour": hexadecimal(ground),
                "ink": "#1b1b1b" if light else "#fbfbfb",
            }
        )  # fmt: skip

    def at(name: str) -> Spec:
        return {"field": name, "type": "quantitative", "scale": None, "axis": None}

    def colour(name: str) -> Spec:
        return {"field": name, "type": "nominal", "scale": None}

    layers: list[Spec] = [
        {
            "data": {"values": data},
            "mark": {"type": "rect", "cornerRadius": 2},
            "encoding": {
                "x": at("x"), "y": at("y"), "x2": {"field": "x2"}, "y2": {"field": "y2"},
                "color": colour("colour"),
            },
        },
        {
            "data": {"values": data},
            "mark": {"type": "text", "baseline": "middle", "align": "center", "fontSize": SIZE},
            "encoding": {"x": at("xm"), "y": at("ym"), "text": {"field": "words"}, "color": colour("ink")},
        },
        text(0, height + 6, f"white 0: not used · darkest {percent(most)} of attention", faint=True, size=10),
    ]  # fmt: skip
    return panel(WIDTH, height + 24, layers)


def _bars(names: list[str], weights: Numbers, order: list[int]) -> Spec:
    shown = order[:20]
    y: Spec = {"field": "column", "type": "nominal", "sort": [names[k] for k in shown], "title": None}
    y["axis"] = {"labelLimit": 180, "grid": False}
    return {
        "width": 300,
        "height": {"step": 18},
        "data": {"values": [{"column": names[k], "weight": float(weights[k])} for k in shown]},
        "mark": {"type": "bar", "color": OKABE_ITO[0]},
        "encoding": {
            "x": {"field": "weight", "type": "quantitative", "title": "attention", "axis": {"format": "%"}},
            "y": y,
        },
    }
