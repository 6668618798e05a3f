"""Texts with every word on a ground that says how it speaks for or against the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Explanation
from pellucid.figures._colour import Numbers, hexadecimal, paint_signed
from pellucid.figures._figure import Figure, Table, Word
from pellucid.figures._marks import image, panel, panels, text, word
from pellucid.figures._meant import meaning, meant
from pellucid.figures._numbers import number
from pellucid.figures._parts import (
    alike,
    captions,
    compared,
    failed,
    method,
    notes,
    shares,
    targets,
    unit,
    verdict,
    verdicts,
)
from pellucid.figures._pixels import colour_bar, limit_of
from pellucid.figures._theme import Spec
from pellucid.figures._words import words
from pellucid.inputs import TextSpec

WIDTH, LINE, LETTER, MARGIN = 344, 24, 6.9, 5
SCALE = 160  # most pixels of a colour scale
SEAM = 1  # margin where pieces of a word touch
SIZE = 12
SHOWN = 12  # words in the table
WIDE = "mwMWQOGDCNAHUVXYZ@%—…"
SLIM = "iljtfrI.,;:'!|()[] "


@dataclass(frozen=True, slots=True)
class Box:
    """One token in its place, its letters around ``middle``: words and number of its part, -1 where it is
    held.
    """

    words: str
    part: int
    x: float
    y: float
    width: float
    middle: float


def text_like(explanation: Explanation) -> bool:
    """Whether values are one number for each token of a text."""
    return (
        isinstance(explanation.spec, TextSpec)
        and isinstance(explanation.values, Tensor)
        and explanation.provenance.at is None
    )


def tokens(
    explanations: Explanation | Sequence[Explanation],
    *,
    row: int = 0,
    shared: bool = False,
    control: bool = True,
    width: int = WIDTH,
) -> Figure:
    """A text whose words stand on brown where they speak for the target and on blue where against it.

    One number is a word's value, and the table says what it is and in which unit; the pieces of a word share
    its ground. Zero is the paper's white; the ends are printed below each strip, with ``≥`` where a word
    lies beyond. A strip whose evidence failed is hatched and stands last; the control has the first one's
    numbers on words drawn at random, so a pattern that impresses there too means nothing. Padding is not
    shown, special tokens are grey.

    Args:
        explanations: one or several of the same text; several are shown one below the other.
        row: which row of them.
        shared: one scale for all strips; else each method its own, the same for all its targets.
        control: the random control as the last strip.
        width: of a strip in pixels.

    Returns:
        Figure with one panel per strip; the table has the strongest words with each method's numbers.

    Raises:
        InputError: if there is nothing to show, no such row, or the values are not of texts.

    Example:
        >>> from pellucid.attribution import occlusion
        >>> from pellucid.inputs import WordTokenizer
        >>> from pellucid.networks import text_cnn
        >>> spec = TextSpec(WordTokenizer.learn(["a fine film", "a dull film"], least=1))
        >>> x = spec.encode(["a fine film"])
        >>> figure = tokens(occlusion(text_cnn(spec.size, 2), x, 0, spec=spec))
        >>> len(figure.chart["concat"])
        2
    """
    shown = compared(
        explanations, row, text_like, "explains no text. Use explanations() for any kind of input."
    )
    values = [np.array([part.value for part in shares(each, row)], dtype=np.float64) for each in shown]
    boxes, height = laid(cast("TextSpec", shown[0].spec), shown[0].point[row : row + 1], width)
    ends = [limit_of(v) if len(v) else 0.0 for v in values]
    ends = [max(ends)] * len(ends) if shared else alike(shown, ends)
    heads = captions(shown, row)
    named = targets(shown[:1], row) if len({targets([each], row) for each in shown}) == 1 else ""
    parts = [
        _strip(head, v, end, boxes, (width, height), found, named, unit([each]) or meant(each).noun)
        for each, head, v, end, found in zip(shown, heads, values, ends, verdicts(shown, row), strict=True)
    ]
    if control:
        chance = np.random.default_rng(shown[0].provenance.seed)
        moved = chance.permutation(values[0])
        parts.append(_strip("control: numbers at random", moved, ends[0], boxes, (width, height), ""))
    said = [f"{method(each).capitalize()}: {words(each, row=row)}{_said(each, row)}" for each in shown]
    return Figure(
        f"Why {targets(shown, row)}",
        f"“{cast('TextSpec', shown[0].spec).text(shown[0].point[row])}” {' '.join(said)}",
        panels(parts, columns=2),
        None,
        _table(shown, values, row),
        notes(shown, row),
    )


def _said(explanation: Explanation, row: int) -> str:
    word = verdict(explanation, row)
    return f" Evidence: {word}." if word else ""


def laid(spec: TextSpec, x: Tensor, width: int) -> tuple[list[Box], int]:
    """Tokens of a text ``[1, T]`` in reading order, wrapped in lines; pieces of a word touch."""
    groups = torch.broadcast_to(spec.groups(x), x.shape)[0].tolist()
    pieces = [(name, part) for name, part in zip(spec.tokens(x)[0], groups, strict=True) if name]
    parts = [-1, *(part for _, part in pieces), -1]
    boxes: list[Box] = []
    left, top = 0.0, 0.0
    for (name, part), before, after in zip(pieces, parts[:-2], parts[2:], strict=True):
        begun, goes_on = part == before >= 0, part == after >= 0
        left += 0 if begun or not left else 3
        letters = drawn_width(name)
        wide = letters + (SEAM if begun else MARGIN) + (SEAM if goes_on else MARGIN)
        if left + wide > width and left:
            left, top = 0.0, top + LINE
        middle = left + (SEAM if begun else MARGIN) + letters / 2
        boxes.append(Box(name, part, left, top, wide, middle))
        left += wide
    return boxes, int(top) + LINE


def drawn_width(name: str) -> float:
    """About how wide letters are drawn."""
    return sum(LETTER * (1.35 if c in WIDE else 0.55 if c in SLIM else 1.0) for c in name)


def _strip(
    title: str,
    values: Numbers,
    end: float,
    boxes: list[Box],
    size: tuple[int, int],
    verdict: str,
    named: str = "",
    measure: str = "",
) -> Spec:
    width, height = size
    colours = paint_signed(values, end) if len(values) else np.zeros((0, 3))
    data = [_datum(box, colours, 40.0) for box in boxes]
    mark: Spec = {"type": "rect", "cornerRadius": 2}
    at: Spec = {name: {"field": name, "type": "quantitative", "scale": None, "axis": None} for name in "xy"}
    ends: Spec = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    colour: Spec = {"field": "colour", "type": "nominal", "scale": None}
    layers: list[Spec] = [
        text(0, 0, title, size=12, bold=True),
        *(word(0, 19, verdict) if verdict else []),
        *([_why(named, title, verdict, width)] if named else []),
        {"data": {"values": data}, "mark": mark, "encoding": {**at, **ends, "color": colour}},
    ]
    if failed(verdict):
        layers.append(_hatch(boxes, at))
    ink: Spec = {"field": "ink", "type": "nominal", "scale": None}
    letters: Spec = {"type": "text", "baseline": "middle", "align": "center", "fontSize": SIZE}
    middle: Spec = {n: {**cast("Spec", at[n]), "field": f"{n}m"} for n in "xy"}
    layers.append(
        {
            "data": {"values": data},
            "mark": letters,
            "encoding": {**middle, "text": {"field": "words"}, "color": ink},
        }
    )
    long = min(SCALE, width / 2 - 10)
    told = [text(long + 10, 40 + height + 2, measure, faint=True, size=10, limit=width - long - 10)]
    scale = _scale(values, end, 40 + height + 4, long)
    return panel(width, 40 + height + 26, [*layers, *scale, *(told if measure else [])])


def _why(named: str, title: str, verdict: str, width: int) -> Spec:
    """The target at the right of the title, or of the verdict where there is more room."""
    beside = [width - 12 - 1.15 * drawn_width(title), width - 12 - 15 - drawn_width(verdict)]
    line = 0 if drawn_width(f"why {named}?") <= beside[0] or beside[0] >= beside[1] else 1
    return text(
        width, 19 * line, f"why {named}?", faint=True, align="right", limit=max(width / 3, beside[line])
    )


def _datum(box: Box, colours: Numbers, top: float) -> dict[str, str | float]:
    held = box.part < 0
    ground = np.array([0.93, 0.93, 0.93]) if held else colours[box.part]
    light = float(ground @ np.array([0.299, 0.587, 0.114])) > 0.55
    return {
        "words": box.words,
        "x": box.x,
        "x2": box.x + box.width,
        "y": top + box.y,
        "y2": top + box.y + LINE - 4,
        "xm": box.middle,
        "ym": top + box.y + (LINE - 4) / 2,
        "colour": hexadecimal(ground),
        "ink": "#8a8a8a" if held else "#1b1b1b" if light else "#fbfbfb",
    }


def _hatch(boxes: list[Box], at: Spec) -> Spec:
    """Slanting lines over every word: what stands below failed its test."""
    tall, lines = LINE - 4, list[dict[str, float]]()
    for box in boxes:
        for start in np.arange(0.0, max(1.0, box.width - tall / 2), 8.0).tolist():
            end = min(box.width, start + tall / 2)
            low = 40 + box.y + tall
            lines.append({"x": box.x + start, "x2": box.x + end, "y": low, "y2": low - 2 * (end - start)})
    mark: Spec = {"type": "rule", "color": "#ffffff", "strokeWidth": 1.4, "opacity": 0.75}
    return {
        "data": {"values": lines},
        "mark": mark,
        "encoding": {**at, "x2": {"field": "x2"}, "y2": {"field": "y2"}},
    }


def _scale(values: Numbers, end: float, top: float, wide: float) -> list[Spec]:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    left, right = ("≤ " if low < -end else "") + number(-end), ("≥ " if high > end else "") + number(end)
    return [
        image(colour_bar(), 0, top, wide, 5),
        text(0, top + 9, left, faint=True, size=10),
        text(wide / 2, top + 9, "0", faint=True, size=10, align="center"),
        text(wide, top + 9, right, faint=True, size=10, align="right"),
    ]


def _table(shown: list[Explanation], values: list[Numbers], row: int) -> Table:
    """The strongest words, and what the others, the reference and the gap add to reach the score."""
    names = [part.name for part in shares(shown[0], row)]
    order = np.argsort(-np.abs(values[0]), kind="stable")
    first, rest = order[:SHOWN], order[SHOWN:]
    body: list[tuple[str | float | Word | None, ...]] = [
        (names[k], int(k) + 1, *(float(v[k]) for v in values)) for k in first.tolist()
    ]
    if len(rest):
        sums = (float(v[rest].sum()) if meant(m).adds else None for v, m in zip(values, shown, strict=True))
        body.append((f"{len(rest)} other words", None, *sums))
    for name, part in (
        ("score at the reference", [each.reference for each in shown]),
        ("not accounted for (gap)", [each.gap for each in shown]),
        ("score", [each.scores for each in shown]),
    ):
        if any(each is not None for each in part):
            body.append((name, None, *(None if each is None else float(each[row]) for each in part)))
    body.append(("evidence", None, *(Word(verdict(each, row) or "not run") for each in shown)))
    note = f"Strongest words first; a word's pieces are added up. {meaning(shown)}"
    return Table(("word", "place", *captions(shown, row)), tuple(body), note)
