"""How one input is drawn as a tile: pictures of any number of channels, sounds, signals, volumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Dataset, InputSpec
from pellucid.figures._colour import Numbers
from pellucid.figures._heard import INK
from pellucid.figures._numbers import percent
from pellucid.figures._pixels import array, is_picture, seen
from pellucid.inputs import AudioSpec

SLICES, LINES = 3, 4  # of a volume, of a signal with several channels
SOME = 256  # inputs that false colours are made for
TALL, WIDE = 96, 256  # pixels of a signal's tile
ROOM = 1.3  # times the range of real signals
SPAN = 2.5  # standard deviations from the mean to the ends of false colours
BLUE_YELLOW = np.array([0.28, 0.12, -0.55])  # what the second component adds to red, green and blue

Kind = Literal["seen", "colours", "slices", "wave"]


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """One way to draw all inputs of a figure, so that they can be compared.

    Args:
        kind: as people see them; in false colours; as slices; as a line.
        spec: what an input means.
        mean, basis: of the channels, for false colours: ``[C]`` and ``[C, 2]``, in standard deviations.
        low, high: where black and white, or the ends of a signal, are.
        note: what a reader must know; empty where tiles look as people expect.
        steps: whether a signal comes as steps ``[T, D]`` and not as channels ``[C, T]``.
    """

    kind: Kind
    spec: InputSpec | None
    mean: Tensor
    basis: Tensor
    low: float
    high: float
    note: str = ""
    steps: bool = False

    def tile(self, x: Tensor) -> Numbers:
        """One input ``[C, *space]`` in 0..1, ``[H, W, 3]``."""
        if self.kind == "seen":
            return seen(x, self.spec)
        if self.kind == "wave":
            values = self.spec.levels(x[None])[0] if isinstance(self.spec, AudioSpec) else x
            return _lines(array(values.T if self.steps else values), self.low, self.high)
        if self.kind == "slices":
            places = torch.linspace(0, x.shape[1] - 1, min(SLICES + 2, x.shape[1])).long()
            inner = places[1:-1] if len(places) > 2 else places
            tiles = [self._flat(x[:, place]) for place in inner.tolist()]
            seam = np.ones((tiles[0].shape[0], 1, 3))
            return np.concatenate([part for tile in tiles for part in (seam, tile)][1:], axis=1)
        return self._flat(x)

    def _flat(self, x: Tensor) -> Numbers:
        if len(x) in (1, 3):
            pixels = np.clip((array(x) - self.low) / max(1e-12, self.high - self.low), 0.0, 1.0)
            return np.repeat(pixels, 3 // len(x), axis=0).transpose(1, 2, 0)
        first, second = array(
            torch.einsum("c...,ck->k...", x.to(self.mean) - self.mean[:, None, None], self.basis)
        )
        light = 0.5 + first[..., None] / (2 * SPAN)
        return np.clip(light + second[..., None] / SPAN * BLUE_YELLOW, 0.0, 1.0)


def false_colours(dataset: Dataset) -> Drawing | None:
    """One way to draw all inputs of a data set where they have neither one nor three channels."""
    some = dataset.inputs[:SOME]
    if isinstance(dataset.spec, AudioSpec) or not is_picture(some, dataset.spec) or some.shape[1] in (1, 3):
        return None
    return drawing(some, dataset.spec, of="the inputs")


def tiles_of(dataset: Dataset) -> Callable[[Tensor], Numbers]:
    """What draws one input of a data set: as people see it, or in the false colours of all."""
    colours = false_colours(dataset)
    return partial(seen, spec=dataset.spec) if colours is None else colours.tile


def drawing(
    real: Tensor, spec: InputSpec | None, *, of: str = "the strongest real inputs", steps: bool = False
) -> Drawing | None:
    """How to draw ``real`` ``[n, C, *space]``, or ``steps`` ``[n, T, D]``; ``None`` for rows and texts."""
    if not real.is_floating_point() or real.ndim < 3 or real.ndim > 5:
        return None
    few = real.shape[1] in (1, 3)
    if isinstance(spec, AudioSpec) and not spec.pitched:
        return _plain("wave", spec, spec.levels(real))
    if is_picture(real, spec) and (few or isinstance(spec, AudioSpec)):
        return _plain("seen", spec, real)
    if real.ndim == 3:
        count, what = (real.shape[2], "numbers of each step") if steps else (real.shape[1], "channels")
        lines = "" if count <= LINES else f"The first {LINES} of {count} {what} are drawn."
        return replace(_plain("wave", spec, real, lines), steps=steps)
    kind: Kind = "slices" if real.ndim == 5 else "colours"
    slices = (
        f"{SLICES} slices of each volume, evenly spaced along its first axis." if kind == "slices" else ""
    )
    if few:
        return _plain(kind, spec, real, slices)
    mean, basis, share = _components(real)
    told = (
        f"{real.shape[1]} channels in false colours: light against dark is the first principal component of "
        f"{of}, yellow against blue the second; they hold "
        f"{percent(share, 0)} of the variance."
    )
    return Drawing(kind, spec, mean, basis, 0.0, 1.0, f"{told} {slices}".strip())


def _plain(kind: Kind, spec: InputSpec | None, real: Tensor, note: str = "") -> Drawing:
    flat = real.double().flatten()[:1_000_000]
    low, high = (float(flat.quantile(q)) for q in (0.002, 0.998))
    return Drawing(kind, spec, real.new_zeros(1), real.new_zeros(1), low, high, note)


def _components(real: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean ``[C]`` of the channels, two leading components ``[C, 2]``, and their share of the variance."""
    pixels = real.double().movedim(1, -1).flatten(0, -2)
    mean = pixels.mean(0)
    values, vectors = torch.linalg.eigh((pixels - mean).T @ (pixels - mean) / len(pixels))
    values, vectors = values.flip(0).clamp_min(1e-30)[:2], vectors.flip(1)[:, :2]
    share = values.sum() / (pixels - mean).square().sum(1).mean().clamp_min(1e-30)
    # the sign of a component is chance: more of most channels is lighter
    turned = vectors * torch.where(vectors.sum(0) < 0, -1.0, 1.0)
    return mean, turned / values.sqrt(), float(share)


def _lines(values: Numbers, low: float, high: float) -> Numbers:
    """Channels ``[C, T]`` as lines above each other."""
    shown = values[:LINES]
    tall = TALL // len(shown)
    paper = np.ones((tall * len(shown), WIDE, 3))
    at = np.linspace(0, max(1, values.shape[1] - 1), WIDE)
    for k, channel in enumerate(shown):
        edges = np.linspace(0, values.shape[1], WIDE + 1).astype(int)
        if values.shape[1] > WIDE:
            parts = [channel[a : max(a + 1, b)] for a, b in pairwise(edges.tolist())]
            bottom, top = np.array([p.min() for p in parts]), np.array([p.max() for p in parts])
        else:
            bottom = top = np.interp(at, np.arange(values.shape[1]), channel)
        # each column reaches to the one before it, so that a line has no gaps
        bottom, top = (
            np.minimum(bottom, np.concatenate([top[:1], top[:-1]])),
            np.maximum(top, np.concatenate([bottom[:1], bottom[:-1]])),
        )
        middle, half = (low + high) / 2, max(1e-12, (high - low) / 2) * ROOM
        height = np.linspace(1.0, -1.0, tall)[:, None]
        thick = 1.2 / tall
        ink = (height <= (top - middle) / half + thick) & (height >= (bottom - middle) / half - thick)
        paper[k * tall : (k + 1) * tall][ink] = INK
    return paper
