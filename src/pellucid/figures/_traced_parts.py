"""What a trace shows of its units: their patches or words, their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pellucid._core import Dataset
from pellucid.figures._colour import Numbers, Pixels
from pellucid.figures._features import GAP
from pellucid.figures._pixels import fit, is_picture, png, seen, sheet
from pellucid.figures._real import cut, piece
from pellucid.figures._theme import THEME
from pellucid.inputs import AudioSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.layers import TracedExample, TracedUnit

TILE, SHOWN = 40, 3  # exemplars beside the example's own patch


def tiles_of(found: TracedExample, dataset: Dataset | None, unit: TracedUnit) -> list[bytes]:
    """The example's own patch in a frame, and the exemplars' as one picture."""
    spec = None if dataset is None else dataset.spec
    if not is_picture(found.example, spec) or (dataset is None and found.example.ndim != 4):
        return []
    own = _patch(found.example[0], unit.box, dataset)
    framed = _framed(fit(own, 2 * TILE - 8))
    made = [png(framed)]
    if dataset is not None and len(unit.rows):
        boxes = unit.boxes if len(unit.boxes) else [None] * len(unit.rows)
        pairs = list(zip(unit.rows.tolist(), boxes, strict=True))[:SHOWN]
        tiles = [_patch(dataset.inputs[row], box, dataset) for row, box in pairs]
        made.append(png(sheet(tiles, 2 * TILE, columns=len(tiles), gap=2 * GAP)))
    return made


def _patch(x: Tensor, box: Tensor | None, dataset: Dataset | None) -> Numbers:
    edges = None if box is None or not len(box) else [int(v) for v in box.tolist()]
    spec = None if dataset is None else dataset.spec
    return seen(piece(x, edges), spec) if isinstance(spec, AudioSpec) else cut(seen(x, spec), edges)


def _framed(small: Pixels) -> Pixels:
    """Centred on a square with an edge in the accent colour."""
    side = 2 * TILE
    colour = np.array([int(THEME.accent[j : j + 2], 16) for j in (1, 3, 5)], dtype=np.uint8)
    made = np.empty((side, side, 3), dtype=np.uint8)
    made[:] = colour
    made[4:-4, 4:-4] = 255
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    made[top : top + small.shape[0], left : left + small.shape[1]] = small
    return made


def words_of(found: TracedExample, dataset: Dataset | None, unit: TracedUnit) -> list[str]:
    """What a unit without pictures answers to."""
    rows = unit.rows.tolist()[:SHOWN]
    if dataset is None or not isinstance(dataset.spec, TextSpec):
        return [f"strongest rows {', '.join(map(str, rows))}"]
    if len(unit.position) != 1:
        return [f"“{dataset.spec.text(dataset.inputs[row])}”" for row in rows[:2]]
    own = _token(found.example[0], unit.position[0], dataset.spec)
    others = [
        _token(dataset.inputs[row], int(place[0]), dataset.spec)
        for row, place in zip(rows, unit.places, strict=False)
    ]
    return [f"at “{own}”", f"elsewhere {', '.join(f'“{word}”' for word in others)}"]


def _token(ids: Tensor, place: int, spec: TextSpec) -> str:
    return spec.tokens(ids[None])[0][place] or "padding"


def named(found: TracedExample, number_of: int, otherwise: str) -> str:
    """A unit in words, by its number; what is no unit has a name of its own."""
    if number_of < 0:
        return otherwise
    unit = found.units[number_of]
    return f"unit {unit.unit} of {unit.site}"


def answer_named(found: TracedExample, dataset: Dataset | None) -> str:
    """The answer in words."""
    if dataset is None or not found.target.startswith("logit("):
        return found.target
    k = int(found.target[6:-1])
    return dataset.classes[k] if k < len(dataset.classes) else dataset.answer
