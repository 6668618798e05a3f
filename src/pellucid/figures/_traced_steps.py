"""A trace for a narrow screen: each unit below the one that it carries, its own sources listed under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid._core import Dataset
from pellucid.figures._colour import NEGATIVE, POSITIVE
from pellucid.figures._features import GAP
from pellucid.figures._marks import ONE, image, panel, text
from pellucid.figures._numbers import number, percent
from pellucid.figures._parts import Described
from pellucid.figures._pixels import fit, is_picture, png, seen
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._traced_parts import SHOWN, TILE, answer_named, named, tiles_of, words_of

if TYPE_CHECKING:
    from pellucid.layers import Arrow, TracedExample

WIDTH, LINE, BAR, WHOLE = 340, 17, 56, 132
FEWEST = 0.02  # smaller shares are in the table


def traced_steps(found: TracedExample, dataset: Dataset | None) -> Spec:
    """The same numbers as the drawing with arrows, in one column."""
    names = answer_named(found, dataset)
    marks: list[Spec] = [
        text(0, 0, f"{names}: {number(found.score)}, usually {number(found.usual)}", size=14, bold=True)
    ]
    drawn, top = _sources(found, dataset, -1, 20)
    marks += drawn
    for site in reversed(found.sites):
        for i, unit in enumerate(found.units):
            if unit.site == site:
                drawn, top = _unit(found, dataset, i, top + 14)
                marks += drawn
    spec = None if dataset is None else dataset.spec
    if any(len(unit.box) for unit in found.units) and is_picture(found.example, spec):
        small = fit(seen(found.example[0], spec), 2 * WHOLE)
        wide, high = small.shape[1] / 2, small.shape[0] / 2
        marks += [
            text(0, top + 14, "the input", size=12, bold=True),
            image(png(small), 0, top + 32, wide, high),
        ]
        top += 36 + high
    return panel(WIDTH, top, marks)


def _unit(found: TracedExample, dataset: Dataset | None, i: int, top: float) -> tuple[list[Spec], float]:
    """A unit with its patch and exemplars, and what carries it."""
    unit = found.units[i]
    said = f"{number(unit.value)}, usually {number(unit.usual)}"
    marks: list[Spec] = [
        text(0, top, f"{unit.site} · unit {unit.unit}", size=12, bold=True, limit=WIDTH - 120),
        text(WIDTH, top + 1, said, faint=True, align="right", limit=120),
    ]
    top += LINE + 2
    tiles = tiles_of(found, dataset, unit)
    if tiles:
        marks.append(image(tiles[0], 0, top, TILE, TILE))
        if len(tiles) > 1:
            shown = min(SHOWN, len(unit.rows))
            marks.append(image(tiles[1], TILE + 8, top, shown * (TILE + GAP) - GAP, TILE))
        top += TILE + 4
    else:
        for words in words_of(found, dataset, unit):
            marks.append(text(0, top, words, limit=WIDTH))
            top += LINE
    drawn, top = _sources(found, dataset, i, top)
    return [*marks, *drawn], top


def _sources(
    found: TracedExample, dataset: Dataset | None, sink: int, top: float
) -> tuple[list[Spec], float]:
    """What the sink loses without each source, and without sources at random."""
    arrows = [arrow for arrow in found.arrows if arrow.sink == sink]
    marks: list[Spec] = []
    for arrow in sorted(arrows, key=lambda each: -abs(each.share)):
        if abs(arrow.share) >= FEWEST:
            marks += _share(_source(found, dataset, arrow), arrow.share, top)
            top += LINE
    drawn = next((arrow.random for arrow in arrows if len(arrow.random)), None)
    if drawn is not None:
        ends = f"{percent(float(drawn.min()), 0)} to {percent(float(drawn.max()), 0)}"
        said = f"{len(drawn)} at random: {percent(float(drawn.mean()), 0)} ({ends})"
        marks.append(text(0, top, said, size=10, faint=True, limit=WIDTH))
        top += LINE - 2
    return marks, top


def _source(found: TracedExample, dataset: Dataset | None, arrow: Arrow) -> str:
    """A source by its name, a column with its value."""
    words = named(found, arrow.source, arrow.part)
    spec = None if dataset is None else dataset.spec
    if arrow.source >= 0 or not isinstance(spec, Described):
        return words
    value = dict(spec.describe(found.example[0])).get(arrow.part, "")
    return f"{words} = {value}" if value else words


def _share(words: str, share: float, top: float) -> list[Spec]:
    """A bar as long as the share, the share, the source."""
    bar: Spec = {"type": "rect", "color": POSITIVE if share > 0 else NEGATIVE, "opacity": 0.8}
    at: Spec = {"x": {"value": 0}, "x2": {"value": max(1.0, BAR * min(1.0, abs(share)))}}
    at |= {"y": {"value": top + 1}, "y2": {"value": top + 11}}
    return [
        {"data": ONE, "mark": bar, "encoding": at},
        text(BAR + 40, top, percent(share, 0), size=THEME.label, bold=True, align="right"),
        text(BAR + 48, top, words, limit=WIDTH - BAR - 48),
    ]
