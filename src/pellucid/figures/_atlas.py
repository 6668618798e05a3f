"""An atlas of a layer: made inputs on the map of the activations that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pellucid.errors import InputError
from pellucid.figures._colour import Pixels
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, panel, panels, text
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._pixels import fit, is_picture, png, seen
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.features import ActivationAtlas

_SIDE, _GAP = 464, 2  # two abreast on a page


def activation_atlas(
    atlas: ActivationAtlas, beside: ActivationAtlas | None = None, *, real: bool = False, side: int = _SIDE
) -> Figure:
    """Made inputs where the activations that they stand for lie; beside it perhaps an untrained atlas.

    Args:
        atlas: from :func:`pellucid.features.activation_atlas`.
        beside: the same of another network, most often of an untrained copy.
        real: show in each cell the real input, cut to the same size, that lies furthest along its direction.
        side: of one atlas in pixels.

    Returns:
        Figure; empty cells are left free.

    Raises:
        InputError: if the inputs are no pictures.

    Example:
        >>> activation_atlas.__name__
        'activation_atlas'
    """
    if not is_picture(atlas.pictures.pictures[:, 0], atlas.pictures.spec):
        raise InputError("An atlas is drawn of pictures; for other inputs read its table.")
    head = "this network" if beside is not None else ""
    drawn = [_sheet(atlas, head, side, real=False)]
    drawn += [_sheet(atlas, "real inputs of the same cells", side, real=True)] if real else []
    drawn += [_sheet(beside, "untrained copy", side, real=False)] if beside is not None else []
    body = tuple(
        (row, column, int(count), float(share), float(far))
        for (row, column), count, share, far in zip(
            atlas.cells.tolist(), atlas.counts, atlas.found, atlas.pictures.distance, strict=True
        )
    )
    columns = ("row", "column", "activations", "cells more like it", "distance to real inputs")
    chart = panels(drawn, columns=2)
    return Figure(
        f"Atlas of {atlas.site}", _alt(atlas, beside), chart, None, Table(columns, body), atlas.note
    )


def _sheet(atlas: ActivationAtlas, head: str, side: int, *, real: bool) -> Spec:
    step = side // atlas.grid
    canvas = np.zeros((step * atlas.grid, step * atlas.grid, 4), dtype=np.uint8)
    shown = atlas.pictures.real[:, 0] if real else atlas.pictures.pictures[:, 0]
    for (row, column), made in zip(atlas.cells.tolist(), shown, strict=True):
        tile = _tile(made, atlas, step - _GAP)
        top, left = row * step + (step - tile.shape[0]) // 2, column * step + (step - tile.shape[1]) // 2
        canvas[top : top + tile.shape[0], left : left + tile.shape[1], :3] = tile
        canvas[top : top + tile.shape[0], left : left + tile.shape[1], 3] = 255
    down = 18 if head else 0
    said = f"{percent(atlas.near, 0)} of the pictures lead back to their cell or one that touches it"
    marks = [
        *([text(0, 0, head, bold=True)] if head else []),
        image(png(canvas), 0, down, len(canvas), len(canvas)),
        *([] if real else [text(0, down + len(canvas) + 4, said, size=THEME.label - 1, faint=True)]),
    ]
    return panel(len(canvas), down + len(canvas) + 18, marks)


def _tile(made: Tensor, atlas: ActivationAtlas, size: int) -> Pixels:
    """Filling its cell, by whole blocks where it is small and evenly where it is large."""
    from PIL import Image

    pixels = fit(seen(made, atlas.pictures.spec), size)
    if max(pixels.shape[:2]) < size:
        share = size / max(pixels.shape[:2])
        to = (round(pixels.shape[1] * share), round(pixels.shape[0] * share))
        return np.asarray(Image.fromarray(pixels).resize(to, Image.Resampling.BICUBIC))
    return pixels


def _alt(atlas: ActivationAtlas, beside: ActivationAtlas | None) -> str:
    said = (
        f"Atlas of {atlas.site}: {counted(len(atlas.cells), 'cell')} of {counted(atlas.n, 'activation')}; "
        f"{percent(atlas.near, 0)} of the made pictures lead back to their cell or one that touches it "
        f"({percent(atlas.near_chance, 0)} by chance); trustworthiness of the map {number(atlas.trust, 2)}"
    )
    if beside is not None:
        said += (
            f". Untrained: {percent(beside.near, 0)} lead back ({percent(beside.near_chance, 0)} by chance), "
            f"trustworthiness {number(beside.trust, 2)}"
        )
    return said + "."
