"""Sounds with what speaks for and against the answer painted over them, on axes of seconds and hertz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pellucid._core import Explanation
from pellucid.errors import InputError
from pellucid.figures._colour import Numbers, Pixels
from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._heard import FINE, Scale, frame, heard, outline, scale_of
from pellucid.figures._marks import image, panel, panels, text, word
from pellucid.figures._meant import meaning, meant
from pellucid.figures._numbers import number, signed
from pellucid.figures._parts import (
    alike,
    captions,
    compared,
    failed,
    method,
    notes,
    shares,
    targets,
    unit,
    verdict,
    verdicts,
)
from pellucid.figures._pixels import array, colour_bar, hatch, limit_of, overlay, png
from pellucid.figures._saliency import Limits, displaced
from pellucid.figures._sound_words import sound_like, where_heard
from pellucid.figures._theme import Spec
from pellucid.inputs import AudioSpec

STRETCHES = 64  # of time, that a map over a waveform is summed over
STRONGEST = 5  # parts that the table names


def sound(
    explanations: Explanation | Sequence[Explanation],
    *,
    row: int = 0,
    limits: Limits = "own",
    control: bool = True,
    size: int = 240,
) -> Figure:
    """A sound beside maps of what speaks for (brown) and against (blue) its target.

    A spectrogram stands in grey, low pitch at the bottom, a waveform as its outline. One number of a map is
    the explanation's value; those of a waveform are summed over 64 stretches of time, since
    neighbouring samples of a wave have opposite signs. Ends of the scale, hatches and the control are those
    of :func:`~pellucid.figures.saliency`; the control is moved in time and pitch.

    Args:
        explanations: one or several of the same sound.
        row: which row of them.
        limits: one scale for all panels, or each method its own, the same for all its targets.
        control: the random control as the last panel.
        size: width of a panel in pixels.

    Returns:
        Figure with one panel per map; the table has limits, sums and the strongest parts of each.

    Raises:
        InputError: if there is nothing to show, no such row, or the values lie over no sound.

    Example:
        >>> from pellucid.attribution import input_x_gradient
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(400, 2))
        >>> why = input_x_gradient(net, torch.rand(1, 1, 400), 0, spec=AudioSpec(8000))
        >>> len(sound(why).chart["concat"])
        3
    """
    shown = compared(explanations, row, sound_like, "explains no sound. Use saliency() or bars().")
    spec, x = shown[0].spec, shown[0].point[row]
    if not isinstance(spec, AudioSpec):
        raise InputError("Only explanations with an AudioSpec can be drawn as sounds.")
    scale = scale_of(spec, x, size)
    maps = [_columns(array(each.map[row].sum(0)), spec) for each in shown]
    ends = [limit_of(each) for each in maps]
    ends = [max(ends)] * len(ends) if limits == "shared" else alike(shown, ends)
    named = targets(shown, row)
    base = _blocks(heard(x, spec, scale), scale)
    told = [text(scale.left, 38 + scale.height + 33, unit(shown), faint=True, size=10, limit=scale.width)]
    drawn = np.round(base * 255).astype(np.uint8)
    parts = [_panel("input", drawn, scale, caption=f"why {named}?", below=told)]
    said = verdicts(shown, row)
    for head, values, end, found in zip(captions(shown, row), maps, ends, said, strict=True):
        parts.append(_map_panel(head, values, end, x, spec, scale, said=found))
    if control:
        moved = displaced(maps[0], seed=shown[0].provenance.seed)
        parts.append(_map_panel("control: map at random", moved, ends[0], x, spec, scale, said=""))
    return Figure(
        f"Why {named}",
        " ".join(_said(each, row) for each in shown),
        panels(parts, columns=2 if len(parts) == 4 else 3),
        None,
        _table(shown, maps, ends, row),
        f"{_grain(spec, x, maps[0])} {notes(shown, row)}".strip(),
    )


def _columns(values: Numbers, spec: AudioSpec) -> Numbers:
    """The map on its own grid, low pitch last; a waveform summed over stretches, as one row."""
    if spec.pitched:
        return values[::-1]
    count = min(STRETCHES, len(values))
    column = np.arange(len(values)) * count // len(values)
    summed = np.zeros(count)
    np.add.at(summed, column, values)
    return summed[None]


def _grain(spec: AudioSpec, x: torch.Tensor, values: Numbers) -> str:
    """What one colour stands for: words and table add up larger parts."""
    if spec.pitched:
        return "A colour is one cell of the spectrogram; words and table add up whole parts."
    each = x.shape[-1] / values.shape[1] / spec.rate
    return f"A colour is the sum over {number(each, 2)} s; words and table add up whole parts."


def _map_panel(
    title: str, values: Numbers, end: float, x: torch.Tensor, spec: AudioSpec, scale: Scale, *, said: str
) -> Spec:
    drawn = (
        overlay(values, end, heard(x, spec, scale)) if spec.pitched else outline(x, spec, scale, values, end)
    )
    drawn = _blocks(drawn, scale)
    if failed(said):
        drawn = hatch(drawn, step=12 * FINE, width=3 * FINE)
    top = 38 + scale.height + 24
    low, high = float(values.min()), float(values.max())
    below = [
        image(colour_bar(), scale.left, top, scale.width, 5),
        text(scale.left, top + 9, ("≤ " if low < -end else "") + number(-end), faint=True, size=10),
        text(scale.left + scale.width / 2, top + 9, "0", faint=True, size=10, align="center"),
        text(
            scale.left + scale.width,
            top + 9,
            ("≥ " if high > end else "") + number(end),
            faint=True,
            size=10,
            align="right",
        ),
    ]
    return _panel(title, np.round(drawn * 255).astype(np.uint8), scale, said=said, below=below)


def _blocks(picture: Numbers, scale: Scale) -> Numbers:
    """Every pixel as a whole block, which no viewer smears."""
    down, across = (
        -(-FINE * side // n) for side, n in zip((scale.height, scale.width), picture.shape, strict=False)
    )
    return picture.repeat(down, axis=0).repeat(across, axis=1)


def _panel(
    title: str,
    picture: Pixels,
    scale: Scale,
    *,
    caption: str = "",
    said: str = "",
    below: Sequence[Spec] = (),
) -> Spec:
    wide = scale.left + scale.width
    layers = [text(0, 0, title, size=12, bold=True, limit=wide)]
    if said:
        layers += word(0, 19, said, limit=wide - 15)
    elif caption:
        layers.append(text(0, 19, caption, faint=True, limit=wide))
    layers.append(image(png(picture), scale.left, 38, scale.width, scale.height))
    return panel(wide + 8, 38 + scale.height + 46, [*layers, *frame(scale, 38), *below])


def _said(explanation: Explanation, row: int) -> str:
    found = verdict(explanation, row)
    evidence = f" Evidence: {found}." if found else ""
    return f"{method(explanation).capitalize()}: {where_heard(explanation, row)}{evidence}"


def _table(shown: list[Explanation], maps: list[Numbers], ends: list[float], row: int) -> Table:
    columns = (
        "method",
        "evidence",
        "scale ends at ±",
        "sum for",
        "sum against",
        "score",
        "gap",
        "strongest parts",
    )
    body = tuple(
        (
            method(each),
            Word(verdict(each, row) or "not run"),
            end,
            float(np.clip(values, 0, None).sum()) if meant(each).adds else None,
            float(np.clip(values, None, 0).sum()) if meant(each).adds else None,
            float(each.scores[row]),
            None if each.gap is None else float(each.gap[row]),
            "; ".join(
                f"{part.name} {signed(part.value)}"
                for part in sorted(shares(each, row), key=lambda part: -abs(part.value))[:STRONGEST]
            ),
        )
        for each, values, end in zip(shown, maps, ends, strict=True)
    )
    return Table(columns, body, f"Values are summed over each part. {meaning(shown)}")
