"""Made and real inputs of a unit that are wide: sounds with seconds and pitch, signals, slices of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import InputSpec
from pellucid.figures._heard import LEFT, Scale, frame, scale_of
from pellucid.figures._marks import image, panel, text, word
from pellucid.figures._pixels import fit, png
from pellucid.figures._theme import Spec
from pellucid.figures._tiles import Drawing
from pellucid.inputs import AudioSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures

ACROSS, GAP, MADE = 3, 10, 3


def wide_card(
    pictures: FeaturePictures,
    i: int,
    real: Sequence[tuple[Tensor, list[int] | None]],
    facts: tuple[str, str],
    drawing: Drawing,
    width: int,
) -> Spec:
    """One unit: what was made above, its strongest real inputs below, sounds with their seconds and pitch."""
    name = pictures.label(i)
    aside = min(width / 2, max(70, 14 + 7 * len(name)))
    layers = [
        text(0, 0, name, size=12, bold=True, limit=aside - 6),
        *word(aside, 0, pictures.words[i], limit=width - aside - 16),
    ]
    made = [(each, None) for each in pictures.pictures[i][:MADE]]
    rows = [("made", made), ("strongest real", list(real)[:ACROSS])]
    if pictures.origins is not None:
        rows.insert(0, ("the input itself", [(pictures.origins[i], None)]))
    top = 22.0
    for head, inputs in rows:
        layers.append(text(0, top, head, size=10, faint=True))
        drawn, height = _row(inputs, drawing, top + 15, width)
        layers += drawn
        top += 15 + height + 6
    layers += [
        text(0, top, facts[0], faint=True, limit=width),
        text(0, top + 16, facts[1], faint=True, limit=width),
    ]
    return panel(width, top + 34, layers)


def _row(
    inputs: Sequence[tuple[Tensor, list[int] | None]], drawing: Drawing, top: float, width: int
) -> tuple[list[Spec], float]:
    spec = drawing.spec if isinstance(drawing.spec, AudioSpec) else None
    margin = LEFT if spec is not None and spec.pitched else 0
    side = (width - GAP * (ACROSS - 1) - margin) // ACROSS
    layers: list[Spec] = []
    height = 0.0
    for k, (x, box) in enumerate(inputs):
        left = float(margin + k * (side + GAP))
        tile = drawing.tile(x)
        tall = side * tile.shape[0] / tile.shape[1]
        if spec is not None:
            scale = scale_of(spec, x, side + margin)
            tall = float(scale.height)
        layers.append(image(png(fit(tile, 2 * side)), left, top, side, tall))
        height = max(height, tall)
        if spec is None:
            continue
        layers += frame(_placed(scale_of(spec, x, side + margin), spec, x, int(left), first=not k), top)
        height = tall + 18
        if box is not None and x.shape[-1] != spec.size:
            lines = _where(spec, box)
            layers += [
                text(left, top + tall + 18 + 12 * line, words, size=10, faint=True, limit=side + GAP - 2)
                for line, words in enumerate(lines)
            ]
            height = tall + 18 + 12 * len(lines)
    return layers, height


def _placed(scale: Scale, spec: AudioSpec, x: Tensor, left: int, *, first: bool) -> Scale:
    """Axes of a small tile: the first and the last moment, and pitch once at the left."""
    # of a part of the bins it is not known where it lies
    whole = not spec.pitched or x.shape[-2] == len(spec.frequencies)
    ends = scale.seconds if len(scale.seconds) < 3 else (scale.seconds[0], scale.seconds[-1])
    return replace(scale, left=left, seconds=ends, hertz=scale.hertz if whole and first else ())


def _where(spec: AudioSpec, box: list[int]) -> list[str]:
    """Where a piece lies, in lines as wide as its tile; a box has all starts and then all ends."""
    axes = len(box) // 2
    words = [spec.when(max(0, box[axes - 1]), box[-1])]
    return [*words, spec.where(max(0, box[0]), box[2])] if spec.pitched and axes == 2 else words


def lasting(made: Tensor, spec: InputSpec | None) -> str:
    """How long made sounds are, and how much of the pitches they span."""
    if not isinstance(spec, AudioSpec):
        return ""
    told = f"Each made sound lasts {spec.seconds(made.shape[-1]):.2g} s."
    if not spec.pitched or made.shape[-2] == len(spec.frequencies):
        return told
    return f"{told} It spans {made.shape[-2]} of {len(spec.frequencies)} bins of pitch, wherever they lie."
