"""Pieces of texts on which a unit is active, word by word."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.figures._colour import Numbers, hexadecimal, paint_signed
from pellucid.figures._marks import line
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tokens import MARGIN, SIZE, drawn_width
from pellucid.inputs import TextSpec

TALL = 20


def snippet(
    ids: Tensor,
    spec: TextSpec,
    place: int,
    active: Tensor | None,
    end: float,
    left: float,
    top: float,
    width: int,
) -> list[Spec]:
    """Words around the strongest one in one line, each on the colour of the unit's activation there.

    Args:
        ids: token numbers ``[T]``.
        spec: what they mean.
        place: the strongest token; it is underlined.
        active: ``[T]``, the unit's activation at each; ``None`` colours the strongest alone.
        end: where the colour scale ends.
        left, top, width: in pixels.

    Example:
        >>> snippet.__name__
        'snippet'
    """
    names = spec.tokens(ids[None])[0]
    values = np.zeros(len(names)) if active is None else active.detach().cpu().double().numpy()
    if active is None:
        values[place] = end / 2
    first, last = _window([drawn_width(name) + 2 * MARGIN + 3 for name in names], place, width)
    colours = paint_signed(values, end)
    data: list[dict[str, str | float]] = []
    at = left
    for k in range(first, last):
        if not names[k]:
            continue
        room = min(drawn_width(names[k]) + 2 * MARGIN, width - (at - left))
        data.append(_word(names[k], colours[k], at, room, top, strongest=k == place))
        at += room + 3
    placed: Spec = {
        name: {"field": name, "type": "quantitative", "scale": None, "axis": None} for name in "xy"
    }
    ground: Spec = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    ground["color"] = {"field": "colour", "type": "nominal", "scale": None}
    middle: Spec = {n: {"field": f"{n}m", "type": "quantitative", "scale": None, "axis": None} for n in "xy"}
    middle |= {"text": {"field": "words"}, "color": {"field": "ink", "type": "nominal", "scale": None}}
    letters: Spec = {
        "type": "text",
        "baseline": "middle",
        "align": "center",
        "fontSize": SIZE,
        "limit": width,
    }
    marks: list[Spec] = [
        {
            "data": {"values": data},
            "mark": {"type": "rect", "cornerRadius": 2},
            "encoding": {**placed, **ground},
        },
        {"data": {"values": data}, "mark": letters, "encoding": middle},
    ]
    strongest = next((word for word in data if word["strongest"]), None)
    if strongest is not None:
        x, x2 = float(strongest["x"]), float(strongest["x2"])
        marks.append(line(x, top + TALL - 2, x2, top + TALL - 2, opacity=1, colour=THEME.accent, width=2))
    return marks


def end_of(maps: Tensor | None, values: Tensor) -> float:
    """Where the colour scale of a unit ends."""
    known = values if maps is None else torch.cat([maps.flatten(), values.flatten()])
    # the dark ends of the scale would hide the words
    return 1.8 * (float(known[known.isfinite()].abs().max()) or 1.0)


def _window(widths: list[float], place: int, width: int) -> tuple[int, int]:
    """As many tokens around one as fit, as far as can be on both sides."""
    first = last = place
    room = width - widths[place]
    while True:
        after = last + 1 < len(widths) and widths[last + 1] <= room
        if after:
            last += 1
            room -= widths[last]
        before = first > 0 and widths[first - 1] <= room
        if before:
            first -= 1
            room -= widths[first]
        if not after and not before:
            return first, last + 1


def _word(
    words: str, colour: Numbers, left: float, room: float, top: float, *, strongest: bool
) -> dict[str, str | float]:
    light = float(colour @ np.array([0.299, 0.587, 0.114])) > 0.55
    return {
        "words": words,
        "x": left,
        "x2": left + room,
        "y": top,
        "y2": top + TALL - 3,
        "xm": left + room / 2,
        "ym": top + (TALL - 3) / 2,
        "colour": hexadecimal(colour),
        "ink": "#1b1b1b" if light else "#fbfbfb",
        "strongest": strongest,
    }
