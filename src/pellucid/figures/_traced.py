"""One input's way through a network, drawn from the input below to the answer above."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Dataset
from pellucid.figures._colour import NEGATIVE, POSITIVE
from pellucid.figures._features import GAP
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import ONE, image, line, panel, text
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._parts import Described
from pellucid.figures._pixels import fit, is_picture, png, seen
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tokens import drawn_width
from pellucid.figures._traced_parts import SHOWN, TILE, answer_named, named, tiles_of, words_of
from pellucid.figures._traced_steps import traced_steps
from pellucid.inputs import AudioSpec

if TYPE_CHECKING:
    from pellucid.layers import TracedExample, TracedUnit

WIDTH, SPACE = 660, 104
CARD = 4 * (TILE + GAP) + 8
TALL = 16 + TILE + 34
WHOLE = 132
FEWEST = 0.02  # smaller shares are in the table
INK = 8.0  # width of an arrow that takes everything
NEAR = (0.22, 0.1, 0.36, 0.5, 0.64)  # shares of its way at which an arrow's number may stand, the best first
ROOM = (34, 15)  # pixels that a number takes
BOLD = 0.1
LINES = 3  # of a value


@dataclass(frozen=True, slots=True)
class Spot:
    """Where arrows begin and end: the middle of an upper and of a lower edge."""

    x: float
    top: float
    bottom: float


Way = tuple[Spot, Spot, float]


def traced(found: TracedExample, dataset: Dataset | None = None) -> Figure:
    """The units that carried an answer, each arrow as wide as what its sink loses without its source.

    In each card the example's own patch stands first, in a frame, beside real inputs that move the unit most.
    The number at an arrow is the share of what the sink stands out by that is lost without the source. Below
    each card stands the same for units at random.

    Args:
        found: from :func:`pellucid.layers.traced_example`.
        dataset: the data that it names rows of.

    Returns:
        Figure; its table has every arrow.

    Example:
        >>> traced.__name__
        'traced'
    """
    names = answer_named(found, dataset)
    levels = [[u for u in found.units if u.site == site] for site in reversed(found.sites)]
    layers: list[Spec] = []
    spots: dict[int, Spot] = {-1: Spot(WIDTH / 2, 0, 36)}
    head = f"{names}: {number(found.score)}, usually {number(found.usual)}"
    layers += [
        text(WIDTH / 2, 0, head, size=14, bold=True, align="center"),
        _control(found, -1, WIDTH / 2, 20),
    ]
    top = 36.0 + SPACE
    for level in levels:
        for x, unit in zip(_across(len(level)), level, strict=True):
            i = found.units.index(unit)
            layers += _card(found, dataset, unit, i, x, top)
            spots[i] = Spot(x, top - 6, top + TALL)
        top += TALL + SPACE
    below, last, tall = _input(found, dataset, top)
    layers += below
    arrows = _arrows([*_between(found, spots), *_from_input(found, spots, last)])
    return Figure(
        f"The way to {names}",
        _alt(found, names),
        panel(WIDTH, top + tall, [*arrows, *layers]),
        None,
        _table(found, names),
        _note(found),
        traced_steps(found, dataset),
    )


def carried(found: TracedExample, dataset: Dataset | None = None) -> str:
    """What carries the answer most, in two sentences.

    Args:
        found: from :func:`pellucid.layers.traced_example`.
        dataset: the data that it names rows of.

    Returns:
        Text.

    Example:
        >>> carried.__name__
        'carried'
    """
    names, first = answer_named(found, dataset), [arrow for arrow in found.arrows if arrow.sink < 0]
    said = f"Answer {names}: {number(found.score)}, usually {number(found.usual)}."
    if not first:
        return said
    most = max(first, key=lambda arrow: arrow.share)
    beside = [f"units at random {percent(float(most.random.mean()), 0)}"] if len(most.random) else []
    untrained = found.untrained.tolist()[:1]
    beside += [f"the strongest of an untrained copy {percent(u, 0)}" for u in untrained if u == u]
    control = f" ({', '.join(beside)})" if beside else ""
    source = named(found, most.source, most.part)
    return f"{said} Without {source} it loses {percent(most.share, 0)} of the difference{control}."


def _across(count: int) -> list[float]:
    step = WIDTH / max(1, count)
    return [step * (i + 0.5) for i in range(count)]


def _card(
    found: TracedExample, dataset: Dataset | None, unit: TracedUnit, i: int, x: float, top: float
) -> list[Spec]:
    left = x - CARD / 2
    title = f"{unit.site} · unit {unit.unit}"
    said = f"{number(unit.value)}, usually {number(unit.usual)}"
    layers = [
        text(left, top, title, size=12, bold=True, limit=CARD),
        text(left, top + 18 + TILE + 4, said, faint=True, limit=CARD),
        _control(found, i, left, top + 18 + TILE + 19, align="left"),
    ]
    tiles = tiles_of(found, dataset, unit)
    if tiles:
        layers.append(image(tiles[0], left, top + 17, TILE, TILE))
        if len(tiles) > 1:
            shown = min(SHOWN, len(unit.rows))
            layers.append(image(tiles[1], left + TILE + 8, top + 17, shown * (TILE + GAP) - GAP, TILE))
    else:
        words = words_of(found, dataset, unit)
        layers += [text(left, top + 18 + 15 * j, line, limit=CARD) for j, line in enumerate(words)]
    return layers


def _control(found: TracedExample, sink: int, x: float, y: float, *, align: str = "center") -> Spec:
    """What random sources take from a sink."""
    drawn = next((arrow.random for arrow in found.arrows if arrow.sink == sink), None)
    if drawn is None or not len(drawn):
        return text(x, y, "", align=align)
    mean = percent(float(drawn.mean()), 0)
    ends = f"{percent(float(drawn.min()), 0)} to {percent(float(drawn.max()), 0)}"
    return text(
        x, y, f"{len(drawn)} at random: {mean} ({ends})", faint=True, size=10, align=align, limit=CARD + 30
    )


def _between(found: TracedExample, spots: dict[int, Spot]) -> list[Way]:
    return [
        (spots[arrow.source], spots[arrow.sink], arrow.share)
        for arrow in found.arrows
        if arrow.source >= 0 and abs(arrow.share) >= FEWEST
    ]


def _arrows(ways: Sequence[Way]) -> list[Spec]:
    """Every arrow with its number, where no other number stands."""
    lines: list[Spec] = []
    taken: list[tuple[float, float]] = []
    for start, end, share in ways:
        spots = [_number_at(start, end, share, near) for near in NEAR]
        place = next((spot for spot in spots if not any(_meet(spot, other) for other in taken)), spots[0])
        taken.append(place)
        lines += _arrow(start, end, share, place)
    return lines


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) < ROOM[0] and abs(one[1] - other[1]) < ROOM[1]


def _number_at(start: Spot, end: Spot, share: float, near: float) -> tuple[float, float]:
    """Left end of an upright arrow's number, the middle of a slanting one's."""
    x, y = start.x + near * (end.x - start.x), start.top + near * (end.bottom + 12 - start.top)
    wide = _wide(share)
    return (x + wide / 2 + 4, y - 6) if _upright(start, end) else (x, y - 15 - wide / 2)


def _wide(share: float) -> float:
    return 1 + INK * min(1.0, abs(share))


def _upright(start: Spot, end: Spot) -> bool:
    return abs(end.x - start.x) < 1


def _arrow(start: Spot, end: Spot, share: float, number_at: tuple[float, float]) -> list[Spec]:
    colour = POSITIVE if share > 0 else NEGATIVE
    wide = _wide(share)
    x, y, x2, y2 = start.x, start.top, end.x, end.bottom + 12
    head: Spec = {"type": "point", "shape": "triangle-up", "filled": True, "opacity": 1}
    head |= {"size": 50 + 8 * wide, "color": colour}
    place: Spec = {"x": {"value": x2}, "y": {"value": y2 - 2}}
    align = "left" if _upright(start, end) else "center"
    return [
        line(x, y, x2, y2, opacity=0.75, colour=colour, width=wide),
        {"data": ONE, "mark": head, "encoding": place},
        text(*number_at, percent(share, 0), size=12, bold=abs(share) >= BOLD, align=align),
    ]


def _input(
    found: TracedExample, dataset: Dataset | None, top: float
) -> tuple[list[Spec], list[str] | None, float]:
    """The example below all, its parts by name where it is no picture; and its height."""
    spec = None if dataset is None else dataset.spec
    if any(len(unit.box) for unit in found.units) and is_picture(found.example, spec):
        whole = seen(found.example[0], spec)
        small = fit(whole, 2 * WHOLE)
        wide, high = small.shape[1] / 2, small.shape[0] / 2
        left = WIDTH / 2 - wide / 2
        layers = [image(png(small), left, top, wide, high)]
        flipped = isinstance(spec, AudioSpec) and spec.pitched
        for unit in found.units:
            if unit.site == found.sites[0]:
                layers += _outline(unit.box, found.example.shape[2:], left, top, wide, high, flipped=flipped)
        return layers, None, WHOLE + 8
    below = [arrow for arrow in found.arrows if arrow.source < 0]
    drawn = [arrow for arrow in below if abs(arrow.share) >= FEWEST] or below
    parts = list(dict.fromkeys(arrow.part for arrow in drawn))
    values = dict(spec.describe(found.example[0])) if isinstance(spec, Described) else {}
    room = WIDTH / max(1, len(parts)) - 6
    layers: list[Spec] = []
    tall = 1
    for x, part in zip(_across(len(parts)), parts, strict=True):
        names, shown = _wrapped(part, room), _value_lines(values.get(part, ""), room)
        tall = max(tall, len(names) + len(shown))
        layers += [
            text(x, top + 14 * i, words, bold=i < len(names), align="center", limit=room)
            for i, words in enumerate([*names, *shown])
        ]
    return layers, parts, 6 + 14 * tall


def _wrapped(words: str, room: float) -> list[str]:
    """A name in as many lines as it needs, broken at blanks and signs, else where the room ends."""
    lines = [""]
    for word in re.findall(r"[^\s_./-]*[\s_./-]?", words):
        for part in _fitting(word.replace("_", " "), room):
            if drawn_width((lines[-1] + part).rstrip()) <= room:
                lines[-1] += part
            else:
                lines.append(part)
    return [line.strip() for line in lines if line.strip()]


def _fitting(word: str, room: float) -> list[str]:
    """A word as it is, or cut into as many parts as the room asks for."""
    if drawn_width(word.rstrip()) <= room:
        return [word]
    most = max(1, int(len(word) * room / drawn_width(word)))
    return [word[i : i + most] for i in range(0, len(word), most)]


def _value_lines(value: str, room: float) -> list[str]:
    """A value in at most three lines; what is longer is cut."""
    lines = _wrapped(value, room)
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]


def _outline(
    box: Tensor, space: Sequence[int], left: float, top: float, wide: float, high: float, *, flipped: bool
) -> list[Spec]:
    edges = box.tolist()
    rows = (0, 1) if len(space) == 1 else (edges[0] / space[0], edges[2] / space[0])
    columns = (edges[-2 if len(space) == 1 else 1] / space[-1], edges[-1] / space[-1])
    if flipped:
        rows = (1 - rows[1], 1 - rows[0])
    x, x2 = (left + wide * share for share in columns)
    y, y2 = (top + high * share for share in rows)
    sides = [(x, y, x2, y), (x, y2, x2, y2), (x, y, x, y2), (x2, y, x2, y2)]
    return [line(*side, opacity=1, colour=THEME.accent, width=2) for side in sides]


def _from_input(found: TracedExample, spots: dict[int, Spot], parts: list[str] | None) -> list[Way]:
    low = max(spot.bottom for spot in spots.values()) + SPACE
    ways: list[Way] = []
    for arrow in found.arrows:
        if arrow.source < 0 and abs(arrow.share) >= FEWEST and (parts is None or arrow.part in parts):
            x = WIDTH / 2 if parts is None else _across(len(parts))[parts.index(arrow.part)]
            ways.append((Spot(x, low - 6, low), spots[arrow.sink], arrow.share))
    return ways


def _alt(found: TracedExample, names: str) -> str:
    said: list[str] = []
    for arrow in (max(step, key=lambda a: a.share) for step in found.steps() if step):
        source, sink = named(found, arrow.source, arrow.part), named(found, arrow.sink, names)
        control = percent(float(arrow.random.mean()), 0) if len(arrow.random) else "none"
        said.append(f"without {source}, {sink} loses {percent(arrow.share, 0)} (at random {control})")
    return f"From the answer {names} down to the input: {'; '.join(said)}. {_beside(found)}".strip()


def _beside(found: TracedExample) -> str:
    """The strongest arrow of each step beside the same trace of an untrained copy."""
    pairs = [
        (max(arrow.share for arrow in step), other)
        for step, other in zip(found.steps(), found.untrained.tolist(), strict=True)
        if step and other == other
    ]
    if not pairs:
        return ""
    above = sum(own > other for own, other in pairs)
    listed = ", ".join(f"{percent(own, 0)} and {percent(other, 0)}" for own, other in pairs)
    said = f"Strongest arrows here and in an untrained copy, traced alike: {listed}; stronger here at "
    return f"{said}{above} of {counted(len(pairs), 'step')}."


def _note(found: TracedExample) -> str:
    stand_in = "its mean over real inputs" if found.instead == "mean" else "what it is in other real inputs"
    return (
        f"Shares: what is lost of how far a unit or the answer stands out when the one below is set to "
        f"{stand_in} ({counted(found.n, 'input')}). Brown carries, blue holds back; below "
        f"{percent(FEWEST, 0)} is in the table only. {found.note}"
    ).strip()


def _table(found: TracedExample, names: str) -> Table:
    body: list[tuple[str | float | None, ...]] = []
    for step, untrained in zip(found.steps(), found.untrained.tolist(), strict=True):
        for arrow in step:
            some = len(arrow.random) > 0
            drawn = (float(arrow.random.mean()), float(arrow.random.max())) if some else (None, None)
            ends = (named(found, arrow.source, arrow.part), named(found, arrow.sink, names))
            control = untrained if untrained == untrained else None
            body.append((*ends, arrow.drop, arrow.share, *drawn, control))
    columns = ("without", "falls", "by", "share", "at random", "at random, most", "untrained, strongest")
    return Table(columns, tuple(body))
