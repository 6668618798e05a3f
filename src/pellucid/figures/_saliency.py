"""Pictures with what speaks for and against the answer painted over them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pellucid._core import Explanation
from pellucid.figures._colour import Numbers
from pellucid.figures._evidence import extended
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
    targets,
    unit,
    verdict,
    verdicts,
)
from pellucid.figures._pixels import colour_bar, fit, hatch, is_picture, limit_of, overlay, png, seen
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._words import flat, picture_like, words

LETTER = 5.2  # pixels of a letter of size 10

Limits = Literal["shared", "own"]


def saliency(
    explanations: Explanation | Sequence[Explanation],
    *,
    row: int = 0,
    limits: Limits = "shared",
    show_input: bool = True,
    control: bool = True,
    numbers: bool = False,
    size: int = THEME.panel,
) -> Figure:
    """An input beside maps of what speaks for (brown) and against (blue) its target.

    One number of a map is the explanation's value summed over channels; the table says what it is and in
    which unit. Zero is the middle of the scale; the ends are printed below each panel, with ``≥`` where 0.5 %
    of the pixels lie beyond. A map whose evidence failed is hatched and stands last; the control is the first
    map put at a random place (same values, same smoothness), so a pattern that impresses there too means
    nothing.

    Args:
        explanations: one or several of the same input; several are shown side by side.
        row: which row of them.
        limits: one scale for all panels, or each method its own, the same for all its targets.
        show_input: the input as the first panel.
        control: the random control as the last panel.
        numbers: the answers of the evidence below each map.
        size: width of a panel in pixels.

    Returns:
        Figure with one panel per picture; the table has limits, sums and gaps.

    Raises:
        InputError: if there is nothing to show, no such row, or the values are no maps.

    Example:
        >>> import torch
        >>> from pellucid.attribution import saliency as gradient
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
        >>> figure = saliency(gradient(net, torch.rand(1, 1, 4, 4), 0))
        >>> len(figure.chart["concat"])
        3
    """
    shown = compared(explanations, row, picture_like, "explains no picture. Use bars() for columns.")
    maps = [flat(each, row) for each in shown]
    together = max(limit_of(each) for each in maps)
    ends = [together] * len(maps) if limits == "shared" else alike(shown, [limit_of(each) for each in maps])
    base = _base(shown[0], row)
    named = targets(shown, row)
    parts: list[Spec] = []
    if show_input and base is not None:
        lines = textwrap.wrap(unit(shown), round(size / LETTER), max_lines=2, placeholder=" …")
        told = [text(0, 38 + size + 5 + 13 * i, line, faint=True, size=10, limit=size)
                for i, line in enumerate(lines)]  # fmt: skip
        parts.append(_panel("input", png(fit(base, size)), size, caption=f"why {named}?", below=told))
    heads = captions(shown, row)
    said = verdicts(shown, row)
    for each, head, values, end, found in zip(shown, heads, maps, ends, said, strict=True):
        drawn = _map_panel(head, values, end, base, size, said=found)
        card = each.cards[row] if numbers and row < len(each.cards) else None
        parts.append(extended(drawn, card, size))
    if control:
        moved = displaced(maps[0], seed=shown[0].provenance.seed)
        parts.append(_map_panel("control: map at random", moved, ends[0], base, size, said=""))
    return Figure(
        f"Why {named}",
        _alt(shown, row),
        panels(parts, columns=6),
        None,
        _table(shown, maps, ends, row),
        notes(shown, row),
    )


def _base(explanation: Explanation, row: int) -> Numbers | None:
    if explanation.provenance.at is not None or not is_picture(explanation.point, explanation.spec):
        return None
    return seen(explanation.point[row], explanation.spec)


def displaced(values: Numbers, *, seed: int) -> Numbers:
    """The map flipped and moved around the torus by chance: same values, same smoothness, no meaning."""
    chance = np.random.default_rng(seed)
    turned = values[:: -1 if chance.random() < 0.5 else 1, :: -1 if chance.random() < 0.5 else 1]
    down, right = (int(chance.integers(n // 4, n - n // 4 + 1)) if n > 1 else 0 for n in values.shape)
    return np.roll(turned, (down, right), axis=(0, 1))


def _panel(
    title: str, picture: bytes, size: int, *, caption: str = "", said: str = "", below: Sequence[Spec] = ()
) -> Spec:
    layers = [text(0, 0, title, size=12 if size >= 130 else 10, bold=True, limit=size + 8)]
    if said:
        layers += word(0, 19, said, limit=size - 15)
    elif caption:
        layers.append(text(0, 19, caption, faint=True, limit=size))
    return panel(size, 38 + size + 26, [*layers, image(picture, 0, 38, size, size), *below])


def _map_panel(
    title: str, values: Numbers, end: float, base: Numbers | None, size: int, *, said: str
) -> Spec:
    painted = overlay(values, end, base)
    drawn = fit(painted, size)
    if failed(said):
        drawn = np.round(hatch(drawn / 255.0) * 255).astype(np.uint8)
    low, high = float(values.min()), float(values.max())
    below = [
        image(colour_bar(), 0, 38 + size + 5, size, 5),
        text(0, 38 + size + 14, ("≤ " if low < -end else "") + number(-end), faint=True, size=10),
        text(size / 2, 38 + size + 14, "0", faint=True, size=10, align="center"),
        text(
            size,
            38 + size + 14,
            ("≥ " if high > end else "") + number(end),
            faint=True,
            size=10,
            align="right",
        ),
    ]
    return _panel(title, png(drawn), size, said=said, below=below)


def _alt(shown: list[Explanation], row: int) -> str:
    said = []
    for each in shown:
        tested = verdict(each, row)
        evidence = f" Evidence: {tested}." if tested else ""
        said.append(f"{method(each).capitalize()}: {words(each, row=row)}{evidence}")
    return " ".join(said)


def _table(shown: list[Explanation], maps: list[Numbers], ends: list[float], row: int) -> Table:
    columns = ("method", "evidence", "scale ends at ±", "sum for", "sum against", "score", "gap")
    rows = tuple(
        (
            head,
            Word(verdict(each, row) or "not run"),
            end,
            float(np.clip(values, 0, None).sum()) if meant(each).adds else None,
            float(np.clip(values, None, 0).sum()) if meant(each).adds else None,
            float(each.scores[row]),
            None if each.gap is None else float(each.gap[row]),
        )
        for each, head, values, end in zip(shown, captions(shown, row), maps, ends, strict=True)
    )
    return Table(columns, rows, f"Values are summed over channels. {meaning(shown)}")
