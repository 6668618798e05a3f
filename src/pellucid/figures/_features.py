"""What units of a layer respond to: made pictures beside real ones and the untrained control."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Dataset, InputSpec
from pellucid.errors import InputError
from pellucid.figures._colour import Numbers
from pellucid.figures._feature_rows import columns, key
from pellucid.figures._feature_texts import text_card
from pellucid.figures._feature_wide import wide_card
from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._marks import image, panel, panels, text, word
from pellucid.figures._numbers import counted, number
from pellucid.figures._pixels import png, seen, sheet
from pellucid.figures._theme import Spec
from pellucid.figures._tiles import Drawing, drawing
from pellucid.inputs import AudioSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures
    from pellucid.layers import Exemplars

WIDTH, TEXT, WIDER = 300, 460, 400  # of a card
GAP = 3


@dataclass(frozen=True, slots=True)
class Real:
    """The real inputs beside the made ones: given exemplars, else those that came with the pictures."""

    pictures: FeaturePictures | None
    exemplars: Exemplars | None
    data: Dataset | None
    spec: InputSpec | None
    drawing: Drawing | None = None

    def drawn(self, x: Tensor) -> Numbers:
        """One input as a tile."""
        return seen(x, self.spec) if self.drawing is None else self.drawing.tile(x)

    def texts(self, unit: int, k: int) -> list[Tensor]:
        """The strongest real texts of a unit, as token numbers."""
        at = self.place(unit)
        if at is not None and self.exemplars is not None and self.data is not None:
            return [self.data.inputs[row] for row in self.exemplars.rows[at, :k].tolist() if row >= 0]
        if self.pictures is None:
            return []
        return list(self.pictures.real[self.pictures.units.tolist().index(unit)][:k])

    def pieces(self, unit: int, k: int) -> list[tuple[Tensor, list[int] | None]]:
        """The strongest real inputs of a unit, cut to what it sees, and where that lies."""
        at = self.place(unit)
        if at is None or self.exemplars is None or self.data is None:
            if self.pictures is None:
                return []
            real = self.pictures.real[self.pictures.units.tolist().index(unit)]
            return [(each, None) for each in real[:k]]
        found: list[tuple[Tensor, list[int] | None]] = []
        for j, row in enumerate(self.exemplars.rows[at, :k].tolist()):
            if row >= 0:
                boxes = self.exemplars.boxes
                box = None if boxes is None else [int(edge) for edge in boxes[at, j].tolist()]
                found.append((piece(self.data.inputs[row], box), box))
        return found

    def place(self, unit: int) -> int | None:
        """Where a unit stands among the exemplars."""
        if self.exemplars is None:
            return None
        units = self.exemplars.units.tolist()
        return units.index(unit) if unit in units else None

    def tiles(self, unit: int, k: int) -> list[Numbers]:
        """The strongest real inputs of a unit, cut to what it sees."""
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
            # a sound is drawn low pitch down, so it is cut before it is drawn
            first = isinstance(self.spec, AudioSpec) or (
                self.drawing is not None and self.drawing.kind != "seen"
            )
            made.append(self.drawn(piece(x, box)) if first else cut(seen(x, self.spec), box))
        return made


def piece(x: Tensor, box: list[int] | None) -> Tensor:
    """The part of one input ``[C, *space]`` in a box of all starts and then all ends."""
    if box is None:
        return x
    axes = len(box) // 2
    part = x[(..., *(slice(max(0, a), max(0, b)) for a, b in zip(box[:axes], box[axes:], strict=True)))]
    return part if part.numel() else x


def cut(whole: Numbers, box: list[int] | None) -> Numbers:
    if box is None:
        return whole
    top, left, bottom, right = (max(0, edge) for edge in box)
    part = whole[top:bottom, left:right]
    return part if part.size else whole


def feature_tiles(
    pictures: FeaturePictures,
    exemplars: Exemplars | None = None,
    dataset: Dataset | None = None,
    *,
    limit: int = 12,
    k: int = 5,
    width: int = WIDTH,
) -> Figure:
    """One card per unit: what was made to excite it, what really excites it, and whether that means anything.

    "Reached" is the activation of the best made input ÷ the largest on real data. Beside it stands the same
    number from an untrained copy of the network: where the two are alike, the picture shows the recipe
    rather than the network.

    Args:
        pictures: from :func:`pellucid.features.feature_pictures`.
        exemplars: strongest real inputs, from :func:`pellucid.layers.exemplars`.
        dataset: the data that ``exemplars`` names rows of.
        limit: how many units are shown; the note says of how many.
        k: real inputs per unit.
        width: of one card in pixels.

    Returns:
        Figure; for tables of columns a map of which columns were raised or lowered.

    Raises:
        InputError: if the exemplars belong to another layer.

    Example:
        >>> feature_tiles.__name__
        'feature_tiles'
    """
    if exemplars is not None and exemplars.site != pictures.site:
        raise InputError(
            f"Exemplars of {exemplars.site} cannot stand beside pictures of {pictures.site}; "
            "make both for one layer."
        )
    spec = pictures.spec
    shown = min(limit, len(pictures.units))
    real = Real(pictures, exemplars, dataset, spec)
    note = f"{shown} of {counted(pictures.total, 'unit')} shown."
    drawn = drawing(pictures.real.flatten(0, 1), spec)
    if drawn is not None and (isinstance(spec, AudioSpec) or drawn.kind in ("wave", "slices")):
        wide = [
            wide_card(pictures, i, real.pieces(int(pictures.units[i]), k), _facts(pictures, i), drawn, WIDER)
            for i in range(shown)
        ]
        chart = panels(wide, columns=2)
        note = " ".join(part for part in (note, drawn.note, _lasting(pictures, spec)) if part)
    elif drawn is not None:
        real = replace(real, drawing=drawn)
        cards = [_card(pictures, real, i, k, width) for i in range(shown)]
        chart, note = (
            panels(cards, columns=3),
            f"{note} Left: made, one per seed. Right: the strongest real inputs. {drawn.note}".strip(),
        )
    elif isinstance(spec, TextSpec):
        texts = [
            text_card(pictures, i, real.texts(int(pictures.units[i]), k), _facts(pictures, i), TEXT)
            for i in range(shown)
        ]
        chart = panels(texts, columns=2)
        note = f"{note} Made texts are lists of real words; a word that all of them hold stands on blue."
    else:
        chart = columns(pictures, shown)
        note = (
            f"{note} Brown: raised above the typical row; blue: lowered. Numbers are means over seeds, "
            f"categories those of the best made row. Evidence: {key(pictures.words[:shown])}."
        )
    return Figure(
        f"What units of {pictures.site} respond to", _alt(pictures), chart, None, _table(pictures), note
    )


def _card(pictures: FeaturePictures, real: Real, i: int, k: int, width: int) -> Spec:
    unit = int(pictures.units[i])
    draw = real.drawn
    made = [draw(each) for each in pictures.pictures[i][:3]]
    found = real.tiles(unit, k)
    tile = max(16, (width - 12) // max(1, len(made) + len(found)) - GAP)
    layers = [
        text(0, 0, f"unit {unit}", size=12, bold=True),
        *word(70, 0, pictures.words[i], limit=width - 90),
    ]
    layers += strip(made, tile, 0)
    layers += strip(found, tile, len(made) * (tile + GAP) + 10)
    first, second = _facts(pictures, i)
    layers += [
        text(0, 20 + tile + 6, first, faint=True, limit=width),
        text(0, 20 + tile + 22, second, faint=True, limit=width),
    ]
    return panel(width, 20 + tile + 40, layers)


def _lasting(pictures: FeaturePictures, spec: InputSpec | None) -> str:
    if not isinstance(spec, AudioSpec):
        return ""
    told = f"Each made sound lasts {spec.seconds(pictures.pictures.shape[-1]):.2g} s."
    seen, every = pictures.pictures.shape[-2], len(spec.frequencies)
    if not spec.pitched or seen == every:
        return told
    return f"{told} It spans {seen} of {every} bins of pitch, wherever they lie."


def strip(tiles: list[Numbers], tile: int, left: float) -> list[Spec]:
    """Tiles side by side, as one picture."""
    if not tiles:
        return []
    across = len(tiles) * (tile + GAP) - GAP
    return [image(png(sheet([*tiles], 2 * tile, columns=len(tiles), gap=2 * GAP)), left, 20, across, tile)]


def _facts(pictures: FeaturePictures, i: int) -> tuple[str, str]:
    if not bool(pictures.started[i]):
        return ("no start excited this unit", "")
    ratio, untrained = float(pictures.ratio[i]), float(pictures.untrained_ratio[i])
    first = f"reached {number(ratio, 2)} × the largest real, untrained {number(untrained, 2)} ×"
    distance, agree = number(float(pictures.distance[i]), 2), number(float(pictures.agreement[i]), 2)
    control = number(float(pictures.untrained_agreement[i]), 2)
    second = f"seeds agree {agree}, untrained {control} · distance to data {distance}"
    return first, second


def _alt(pictures: FeaturePictures) -> str:
    if not len(pictures.units):
        return f"No unit of {pictures.site} was examined."
    counts = {name: pictures.words.count(name) for name in dict.fromkeys(pictures.words)}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    started = pictures.ratio[pictures.started.bool()].double()
    middle = ""
    if len(started):
        times = number(float(started.median()), 2)
        middle = f" The median made input reaches {times} times the largest real activation."
    return f"{counted(len(pictures.units), 'unit')} of {pictures.site}: {said}.{middle}"


def _table(pictures: FeaturePictures) -> Table:
    columns = (
        "unit",
        "evidence",
        "reached ÷ largest real",
        "untrained",
        "distance to data",
        "untrained distance",
        "seeds agree",
        "untrained seeds agree",
    )
    body = tuple(
        (
            int(pictures.units[i]),
            Word(pictures.words[i]),
            *(
                _finite(part[i])
                for part in (
                    pictures.ratio,
                    pictures.untrained_ratio,
                    pictures.distance,
                    pictures.untrained_distance,
                    pictures.agreement,
                    pictures.untrained_agreement,
                )
            ),
        )
        for i in range(len(pictures.units))
    )
    return Table(columns, body, f"Made in {number(pictures.seconds)} s.")


def _finite(value: Tensor) -> float | None:
    return float(value) if math.isfinite(float(value)) else None
