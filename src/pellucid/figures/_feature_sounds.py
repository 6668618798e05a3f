"""Made and real sounds of a unit, with seconds and pitch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from torch import Tensor

from pellucid.figures._heard import LEFT, frame, heard, scale_of
from pellucid.figures._marks import image, panel, text, word
from pellucid.figures._pixels import fit, png
from pellucid.figures._theme import Spec
from pellucid.figures._tiles import Drawing
from pellucid.inputs import AudioSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures

ACROSS, GAP, MADE = 3, 10, 3


def sound_card(
    pictures: FeaturePictures,
    i: int,
    real: Sequence[tuple[Tensor, list[int] | None]],
    facts: tuple[str, str],
    drawing: Drawing,
    width: int,
) -> Spec:
    """One unit: its made sounds above, its strongest real ones below, each with its seconds and pitch."""
    heading = pictures.labels[i] if pictures.labels else f"unit {int(pictures.units[i])}"
    layers = [text(0, 0, heading, size=12, bold=True), *word(70, 0, pictures.words[i], limit=width - 90)]
    made = [(sound, None) for sound in pictures.pictures[i][:MADE]]
    top = 22.0
    for head, sounds in (("made", made), ("strongest real", list(real)[:ACROSS])):
        layers.append(text(0, top, head, size=10, faint=True))
        drawn, height = _row(sounds, drawing, top + 15, width)
        layers += drawn
        top += 15 + height + 6
    layers += [
        text(0, top, facts[0], faint=True, limit=width),
        text(0, top + 16, facts[1], faint=True, limit=width),
    ]
    return panel(width, top + 34, layers)


def _row(
    sounds: Sequence[tuple[Tensor, list[int] | None]], drawing: Drawing, top: float, width: int
) -> tuple[list[Spec], float]:
    spec = cast("AudioSpec", drawing.spec)
    side = (width - GAP * (ACROSS - 1) - (LEFT if spec.pitched else 0)) // ACROSS
    layers: list[Spec] = []
    height = 0
    for k, (sound, box) in enumerate(sounds):
        scale = scale_of(spec, sound, side + (LEFT if spec.pitched else 0))
        whole = not spec.pitched or sound.shape[-2] == len(spec.frequencies)
        offset = float((LEFT if spec.pitched else 0) + k * (side + GAP))
        # pitch stands once, at the left; of a part of the bins it is not known where it lies
        at = replace(scale, left=int(offset), hertz=scale.hertz if whole and not k else ())
        tile = heard(sound, spec) if spec.pitched else drawing.tile(sound)
        layers.append(image(png(fit(tile, 2 * side)), offset, top, scale.width, scale.height))
        layers += frame(at, top)
        height = scale.height + 18
        if box is not None:
            layers.append(text(offset, top + scale.height + 18, _where(spec, box), size=9, faint=True))
            height = scale.height + 30
    return layers, float(height)


def _where(spec: AudioSpec, box: list[int]) -> str:
    """Where in its sound a piece lies: a box of all starts and then all ends."""
    axes = len(box) // 2
    words = spec.when(max(0, box[axes - 1]), box[-1])
    if spec.pitched and axes == 2:
        words += f", {spec.where(max(0, box[0]), box[2])}"
    return words
