"""The real inputs that stand beside made ones, cut to what a unit sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Dataset, InputSpec
from pellucid.figures._colour import Numbers
from pellucid.figures._contour import contoured
from pellucid.figures._pixels import seen
from pellucid.figures._tiles import Drawing, false_colours
from pellucid.inputs import AudioSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures
    from pellucid.layers import Exemplars

PLANE = 4  # axes of the maps of pictures


@dataclass(frozen=True, slots=True)
class Real:
    """The real inputs beside the made ones: given exemplars, else those that came with the pictures."""

    pictures: FeaturePictures | None
    exemplars: Exemplars | None
    data: Dataset | None
    spec: InputSpec | None
    drawing: Drawing | None = None

    @classmethod
    def among(cls, found: Exemplars, data: Dataset) -> Real:
        """Those of a data set alone."""
        return cls(None, found, data, data.spec, false_colours(data))

    def drawn(self, x: Tensor) -> Numbers:
        """One input as a tile."""
        return seen(x, self.spec) if self.drawing is None else self.drawing.tile(x)

    def place(self, unit: int) -> int | None:
        """Where a unit stands among the exemplars."""
        if self.exemplars is None:
            return None
        units = self.exemplars.units.tolist()
        return units.index(unit) if unit in units else None

    def of(self, i: int, k: int) -> list[Numbers]:
        """The strongest real inputs of objective ``i``."""
        unit = -1 if self.pictures is None else int(self.pictures.units[i])
        if self.pictures is None or (self.exemplars is not None and unit >= 0):
            return self.tiles(unit, k)
        return [self.drawn(each) for each in self.pictures.real[i][:k]]

    def tiles(self, unit: int, k: int) -> list[Numbers]:
        """The strongest real inputs of a unit, cut to what it sees, with a line around where it is active."""
        at = self.place(unit)
        if at is None or self.exemplars is None or self.data is None:
            if self.pictures is None:
                return []
            units = self.pictures.units.tolist()
            return [self.drawn(each) for each in self.pictures.real[units.index(unit)][:k]]
        made: list[Numbers] = []
        for j, row in enumerate(self.exemplars.rows[at, :k].tolist()):
            if row < 0:
                continue
            boxes = self.exemplars.boxes
            box = None if boxes is None else [int(edge) for edge in boxes[at, j].tolist()]
            x = self.data.inputs[row]
            odd = self.drawing is not None and self.drawing.kind not in ("seen", "colours")
            # a sound is drawn low pitch down, so it is cut before it is drawn
            maps = self.exemplars.maps
            if odd or isinstance(self.spec, AudioSpec):
                made.append(self.drawn(piece(x, box)))
            elif maps is not None and maps.ndim == PLANE:
                made.append(contoured(self.drawn(x), box, maps[at, j]))
            else:
                made.append(cut(self.drawn(x), box))
        return made

    def pieces(self, i: int, k: int) -> list[tuple[Tensor, list[int] | None]]:
        """The strongest real inputs of objective ``i``, cut to what it sees, and where that lies."""
        if self.pictures is None:
            return []
        at = self.place(int(self.pictures.units[i]))
        if at is None or self.exemplars is None or self.data is None:
            return [(each, None) for each in self.pictures.real[i][:k]]
        found: list[tuple[Tensor, list[int] | None]] = []
        for j, row in enumerate(self.exemplars.rows[at, :k].tolist()):
            if row >= 0:
                boxes = self.exemplars.boxes
                box = None if boxes is None else [int(edge) for edge in boxes[at, j].tolist()]
                found.append((piece(self.data.inputs[row], box), box))
        return found

    def texts(self, i: int, k: int) -> list[Tensor]:
        """The strongest real texts of objective ``i``, whole, as token numbers."""
        if self.pictures is None:
            return []
        at = self.place(int(self.pictures.units[i]))
        if at is None or self.exemplars is None or self.data is None:
            return list(self.pictures.real[i][:k])
        return [self.data.inputs[row] for row in self.exemplars.rows[at, :k].tolist() if row >= 0]


def piece(x: Tensor, box: list[int] | None) -> Tensor:
    """The part of one input ``[C, *space]`` in a box of all starts and then all ends."""
    if box is None:
        return x
    axes = len(box) // 2
    part = x[(..., *(slice(max(0, a), max(0, b)) for a, b in zip(box[:axes], box[axes:], strict=True)))]
    return part if part.numel() else x


def cut(whole: Numbers, box: list[int] | None) -> Numbers:
    """The part of a drawn picture in a box of top, left, bottom and right."""
    if box is None:
        return whole
    top, left, bottom, right = (max(0, edge) for edge in box)
    part = whole[top:bottom, left:right]
    return part if part.size else whole
