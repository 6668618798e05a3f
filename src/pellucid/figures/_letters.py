"""One input in letters, for terminals and build logs."""

from __future__ import annotations

import itertools

import numpy as np
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.figures._pixels import is_picture, seen
from pellucid.inputs import TabularSpec, TextSpec

SHADES = " ·░▒▓█"
TALL = 2  # a letter is about twice as tall as it is wide


def in_letters(x: Tensor, spec: InputSpec | None = None, *, columns: int = 28) -> list[str]:
    """A picture or a sound as shades of ink, a text as it reads; a row of a table has no picture.

    The ink is what stands out: the bright on dark ground, the dark on bright ground.

    Args:
        x: one input ``[*shape]``.
        spec: what it means.
        columns: most letters of a line of a picture.

    Returns:
        Lines of equal length; none for a row of a table.

    Example:
        >>> import torch
        >>> in_letters(torch.eye(4).flip(1)[None])
        ['  ░░', '░░  ']
    """
    if isinstance(spec, TabularSpec):
        return []
    if isinstance(spec, TextSpec):
        return [f"“{' '.join(spec.text(x).split())}”"]
    if not is_picture(x[None], spec):
        return []
    grey = seen(x, spec).mean(2)
    ink = 1 - grey if float(np.median(grey)) > 0.5 else grey
    wide = min(columns, ink.shape[1])
    tall = max(1, round(wide * ink.shape[0] / ink.shape[1] / TALL))
    cells = _means(_means(ink, tall).T, wide).T
    level = np.rint(cells * (len(SHADES) - 1) / max(float(ink.max()), 1e-9)).astype(int)
    return ["".join(SHADES[k] for k in row) for row in level]


def _means(values: np.ndarray, count: int) -> np.ndarray:
    """Rows averaged over ``count`` stretches of about the same length."""
    edges = np.linspace(0, len(values), count + 1).astype(int)
    return np.stack([values[a : max(b, a + 1)].mean(0) for a, b in itertools.pairwise(edges)])
