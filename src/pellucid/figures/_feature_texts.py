"""Made and real texts of a unit, token by token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from torch import Tensor

from pellucid.figures._colour import OKABE_ITO
from pellucid.figures._marks import panel, text, word
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tokens import LINE, SIZE, Box, laid
from pellucid.inputs import TextSpec

if TYPE_CHECKING:
    from pellucid.features import FeaturePictures

MADE, REAL, LINES = 3, 2, 3  # texts of each kind, and lines of a real one
# colour and opacity of the ground, through which a dark page shows as well as a light one
Ground = tuple[str, float]
COMMON, PLAIN, NONE = (OKABE_ITO[0], 0.24), ("#808080", 0.13), ("#808080", 0.0)


def text_card(
    pictures: FeaturePictures, i: int, real: Sequence[Tensor], facts: tuple[str, str], width: int
) -> Spec:
    """One unit: its made texts, tokens that all of them hold on blue, and its strongest real ones."""
    spec = cast("TextSpec", pictures.spec)
    made = list(pictures.pictures[i][:MADE])
    shared = _shared(made) if len(made) > 1 else Counter()
    name = pictures.label(i)
    aside = min(width / 2, max(70, 14 + 7 * len(name)))
    layers = [
        text(0, 0, name, size=12, bold=True, limit=aside - 6),
        *word(aside, 0, pictures.words[i], limit=width - aside - 16),
    ]
    top = 22.0
    for head, rows, common in (("made", made, shared), ("strongest real", list(real)[:REAL], Counter[int]())):
        layers.append(text(0, top, head, size=10, faint=True))
        top += 15
        for tokens in rows:
            drawn, height = _strip(tokens, spec, common, top, width)
            layers += drawn
            top += height + 4
    layers += [text(0, top + 2, facts[0], faint=True, limit=width)]
    layers += [text(0, top + 18, facts[1], faint=True, limit=width)]
    return panel(width, top + 36, layers)


def _shared(made: list[Tensor]) -> Counter[int]:
    """Tokens that every made text holds, as often as all of them do."""
    every = [Counter(cast("list[int]", tokens.tolist())) for tokens in made]
    common = every[0]
    for other in every[1:]:
        common &= other
    return common


def _strip(
    tokens: Tensor, spec: TextSpec, common: Counter[int], top: float, width: int
) -> tuple[list[Spec], float]:
    boxes, _ = laid(spec, tokens[None], width)
    kept = [box for box in boxes if box.y < LINES * LINE]
    ids = [k for k, name in zip(tokens.tolist(), spec.tokens(tokens[None])[0], strict=True) if name]
    left = Counter(common)
    data: list[dict[str, str | float]] = []
    for box, token in zip(kept, ids, strict=False):
        lit = left[token] > 0 and box.part >= 0
        left[token] -= lit
        data.append(_datum(box, COMMON if lit else PLAIN, top))
    if len(kept) < len(boxes):
        last = kept[-1]
        data.append(
            _datum(Box("…", -1, last.x + last.width + 3, last.y, 14, last.x + last.width + 10), NONE, top)
        )
    at: Spec = {name: {"field": name, "type": "quantitative", "scale": None, "axis": None} for name in "xy"}
    ends: Spec = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    middle: Spec = {n: {"field": f"{n}m", "type": "quantitative", "scale": None, "axis": None} for n in "xy"}
    ground: Spec = {
        "data": {"values": data},
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {
            **at,
            **ends,
            "color": {"field": "colour", "type": "nominal", "scale": None},
            "opacity": {"field": "opacity", "type": "quantitative", "scale": None},
        },
    }
    letters: Spec = {
        "data": {"values": data},
        "mark": {
            "type": "text",
            "baseline": "middle",
            "align": "center",
            "fontSize": SIZE,
            "color": THEME.ink,
        },
        "encoding": {**middle, "text": {"field": "words"}},
    }
    return [ground, letters], max(box.y for box in kept) + LINE if kept else 0.0


def _datum(box: Box, ground: Ground, top: float) -> dict[str, str | float]:
    return {
        "words": box.words,
        "x": box.x,
        "x2": box.x + box.width,
        "y": top + box.y,
        "y2": top + box.y + LINE - 4,
        "xm": box.x + box.width / 2,
        "ym": top + box.y + (LINE - 4) / 2,
        "colour": ground[0],
        "opacity": ground[1],
    }
