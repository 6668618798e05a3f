"""One input as people see it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.figures._figure import Figure, Table
from pellucid.figures._heard import frame, heard, scale_of
from pellucid.figures._marks import image, panel
from pellucid.figures._numbers import number, percent
from pellucid.figures._parts import Described
from pellucid.figures._pixels import array, fit, is_picture, png, seen
from pellucid.figures._theme import THEME
from pellucid.inputs import AudioSpec, TextSpec


def picture(x: Tensor, spec: InputSpec | None = None, *, title: str = "", size: int = THEME.panel) -> Figure:
    """One input as people see it: a picture in its own colours, or a table of named values with units.

    Args:
        x: one row, ``[*shape]`` or ``[1, *shape]``.
        spec: what it means; without one, a picture is stretched to black and white.
        title: heading.
        size: longer side in pixels.

    Returns:
        Figure.

    Example:
        >>> import torch
        >>> picture(torch.eye(4)[None]).alt
        'A picture of 4 × 4 pixels; mean brightness 25\\xa0%.'
    """
    row = _single(x, spec)
    if isinstance(spec, AudioSpec):
        return _of_sound(row, spec, title, 2 * size)
    if is_picture(row[None], spec):
        pixels = seen(row, spec)
        height, width = pixels.shape[:2]
        bright = float(pixels.mean())
        alt = f"A picture of {height} × {width} pixels; mean brightness {percent(bright, 0)}."
        facts = (
            ("height", pixels.shape[0]),
            ("width", pixels.shape[1]),
            ("mean brightness", float(pixels.mean())),
        )
        return Figure(title, alt, None, png(fit(pixels, size)), Table(("property", "value"), facts))
    if isinstance(spec, TextSpec):
        read = spec.text(row)
        return Figure(title, f"A text: “{read}”", None, None, Table(("text",), ((read,),)))
    named = spec.describe(row) if isinstance(spec, Described) else _numbered(row)
    alt = f"A row of {len(named)} values: " + ", ".join(f"{name} {value}" for name, value in named[:4]) + "."
    return Figure(title, alt, None, None, Table(("column", "value"), tuple(named)))


def _of_sound(row: Tensor, spec: AudioSpec, title: str, size: int) -> Figure:
    scale, levels = scale_of(spec, row, size), spec.levels(row[None])[0]
    length = spec.seconds(row.shape[-1])
    cells = spec.describe(row)
    loudest = max(cells, key=lambda cell: float(cell[1].removesuffix(" dB")))
    alt = f"A sound of {number(length)} s; loudest at {loudest[0]} ({loudest[1]})."
    facts = (
        ("seconds", length),
        ("samples per second", spec.rate),
        ("loudest part", loudest[0]),
        ("level there", loudest[1]),
        (
            "highest level" if spec.pitched else "largest amplitude",
            float(levels.abs().max() if not spec.pitched else levels.max()),
        ),
    )
    drawn = image(
        png(np.round(heard(row, spec, scale) * 255).astype(np.uint8)),
        scale.left,
        0,
        scale.width,
        scale.height,
    )
    chart = panel(size + 8, scale.height + 20, [drawn, *frame(scale, 0)])
    return Figure(title, alt, chart, None, Table(("property", "value"), facts))


def _single(x: Tensor, spec: InputSpec | None) -> Tensor:
    axes = len(spec.axes) if spec is not None else x.ndim - 1 if x.ndim in (2, 4) else x.ndim
    return x[0] if x.ndim == axes + 1 else x


def _numbered(row: Tensor) -> list[tuple[str, str]]:
    return [(f"input {i}", number(float(value))) for i, value in enumerate(array(row).ravel())]
