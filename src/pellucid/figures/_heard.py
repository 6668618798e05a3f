"""From sounds to pixels: spectrograms in grey, outlines of waveforms, axes of seconds and hertz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.figures._colour import Numbers, paint_signed
from pellucid.figures._marks import line, text
from pellucid.figures._theme import Spec
from pellucid.inputs import AudioSpec

PITCHES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
LEFT = 34  # pixels for the names of pitches
LEAST = 14  # pixels between two of them
TALL = {True: 0.55, False: 0.36}  # height as a share of the width: spectrograms, waveforms
FINE = 2  # drawn pixels to a pixel of the panel
INK = 0.16  # grey of an outline


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a sound is drawn: size in pixels, and the ticks ``(pixel, words)`` of both axes."""

    width: int
    height: int
    left: int
    seconds: tuple[tuple[float, str], ...]
    hertz: tuple[tuple[float, str], ...]


def scale_of(spec: AudioSpec, x: Tensor, size: int) -> Scale:
    """The axes of one sound ``[C, (F,) T]`` in a panel of that width."""
    left = LEFT if spec.pitched else 0
    width = size - left
    height = round(size * TALL[spec.pitched])
    length = spec.seconds(x.shape[-1])
    step = _step(length)
    moments = np.arange(0, length + 1e-9, step)
    seconds = tuple((float(t / length) * width, f"{t:.3g} s" if k else "0") for k, t in enumerate(moments))
    if not spec.pitched:
        return Scale(width, height, left, seconds, ())
    edges = [spec.hertz(k) for k in range(len(spec.frequencies) + 1)]
    shown = [f for f in PITCHES if edges[0] <= f <= edges[-1]]
    places = np.interp(shown, edges, np.linspace(height, 0, len(edges)))
    hertz: list[tuple[float, str]] = []
    for f, y in zip(reversed(shown), reversed(places.tolist()), strict=True):
        if not hertz or y - hertz[-1][0] >= LEAST:
            hertz.append((y, f"{f / 1000:g} kHz" if f >= 1000 else f"{f} Hz"))
    return Scale(width, height, left, seconds, tuple(hertz))


def _step(length: float) -> float:
    """A round step that gives two to five ticks."""
    rough = length / 4
    power = 10 ** np.floor(np.log10(rough))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= rough))


def frame(scale: Scale, top: float) -> list[Spec]:
    """Edges and ticks of both axes around a picture whose upper edge stands at ``top``."""
    left, right, bottom = scale.left, scale.left + scale.width, top + scale.height
    # silence is as white as the page: without edges a sound would seem to end early
    marks = [line(left, y, right, y, opacity=0.3) for y in (top, bottom)]
    marks += [line(x, top, x, bottom, opacity=0.3) for x in (left, right)]
    for x, words in scale.seconds:
        at = scale.left + x
        near = "right" if x > scale.width - 12 else "left" if x < 12 else "center"
        marks += [
            line(at, bottom, at, bottom + 3, opacity=0.6),
            text(at, bottom + 6, words, faint=True, size=10, align=near),
        ]
    for y, words in scale.hertz:
        marks += [
            line(scale.left - 3, top + y, scale.left, top + y, opacity=0.6),
            text(scale.left - 5, top + y - 5, words, faint=True, size=10, align="right"),
        ]
    return marks


def heard(x: Tensor, spec: AudioSpec, scale: Scale | None = None) -> Numbers:
    """One sound as people see it: ``[H, W, 3]`` in 0..1, loud is dark, low pitch at the bottom."""
    if not spec.pitched:
        return outline(x, spec, scale)
    # what a unit sees of a sound is less than all bins; which of them, and so how loud, is not known
    whole = x.shape[-2] == len(spec.frequencies)
    levels = (spec.levels(x[None])[0] if whole else x.detach()).mean(0).cpu().double().numpy()[::-1]
    floor = spec.floor if whole else float(levels.min())
    top = max(float(levels.max()), floor + (1.0 if whole else 1e-9))
    grey = 1.0 - 0.9 * np.clip((levels - floor) / (top - floor), 0.0, 1.0)
    return np.repeat(grey[..., None], 3, axis=2)


def outline(
    x: Tensor, spec: AudioSpec, scale: Scale | None, values: Numbers | None = None, end: float = 1.0
) -> Numbers:
    """The outline of a waveform ``[H, W, 3]``, over the signed colours of ``values`` ``[1, columns]``."""
    wave = spec.levels(x[None])[0].mean(0).cpu().double()
    width, height = (128, 64) if scale is None else (FINE * scale.width, FINE * scale.height)
    width = min(width, len(wave))
    bounds = torch.linspace(0, len(wave), width + 1).round().long()
    pieces = [wave[a : max(a + 1, b)] for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
    low = np.array([float(p.min()) for p in pieces])
    high = np.array([float(p.max()) for p in pieces])
    peak = float(wave.abs().max()) or 1.0
    thick = 1.2 / height
    at = np.linspace(1.0, -1.0, height)[:, None]
    ink = (at <= high / peak * 0.95 + thick) & (at >= low / peak * 0.95 - thick)
    ground = np.ones((height, width, 3))
    if values is not None:
        ground[:] = paint_signed(values[:, np.arange(width) * values.shape[1] // width], end)
    if values is not None:
        ground = np.where(
            _wider(ink)[..., None], 1.0, ground
        )  # a light rim, so that dark grounds hide nothing
    return np.where(ink[..., None], INK, ground)


def _wider(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One pixel more on every side."""
    padded = np.pad(ink, 1)
    height, width = ink.shape
    around = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return np.logical_or.reduce(around)
