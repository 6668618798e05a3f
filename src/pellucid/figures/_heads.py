"""Where heads of attention look, each map beside what the answers lose without the head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import InputError
from pellucid.figures._colour import Numbers, paint
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, panel, panels, text
from pellucid.figures._numbers import counted, interval, number, percent
from pellucid.figures._pixels import array, fit, png
from pellucid.figures._theme import THEME, Spec

if TYPE_CHECKING:
    from pellucid.layers import AttentionHeads

_SIDE, _MOST, _NAMED = 150, 16, 24


def attention_heads(found: AttentionHeads, *, row: int = 0, tokens: Sequence[str] = ()) -> Figure:
    """One map for each head, most needed first: queries downwards, keys to the right, dark is 0, light is 1.

    Args:
        found: from :func:`pellucid.layers.attention_heads`.
        row: which of the inputs whose maps were kept.
        tokens: what the positions are called; positions after the last name are left out, such as padding.

    Returns:
        Figure; heads beyond the 16 most needed are counted in the note.

    Raises:
        InputError: if the row was not kept.

    Example:
        >>> attention_heads.__name__
        'attention_heads'
    """
    if not 0 <= row < len(found.weights):
        raise InputError(f"row: maps of {counted(len(found.weights), 'input')} were kept, got row {row}.")
    lost = found.moved * 0 if found.effects is None else found.effects.drop
    order = sorted(range(len(found.moved)), key=lambda head: (-float(lost[head]), -float(found.moved[head])))
    maps = array(found.weights[row])
    names = [str(name) for name in tokens[: maps.shape[-1]]]
    maps = maps[:, : len(names), : len(names)] if names else maps
    drawn = [_map(found, head, maps[head], names) for head in order[:_MOST]]
    body = tuple(
        (
            head,
            float(found.keys[head]),
            float(found.untrained_keys[head]),
            float(found.moved[head]),
            interval(float(found.low[head]), float(found.high[head])),
            *_lost(found, head),
            _pair(maps[head], names),
        )
        for head in order
    )
    columns = ["head", "keys attended", "untrained", "output moved", "95 %"]
    columns += ["accuracy lost", "its 95 %"] if found.effects is not None else []
    note = (
        f"{min(len(order), _MOST)} of {counted(len(order), 'head')} shown, for input {row}; each "
        f"effect is that of holding the head at its mean, over {counted(found.n, 'input')}. Queries run "
        f"downwards, keys to the right. {found.note}"
    ).strip()
    table = Table((*columns, "strongest link"), body)
    return Figure(
        f"Heads of {found.site} (attention: ranks only)",
        _alt(found),
        panels(drawn, columns=4),
        None,
        table,
        note,
    )


def _map(found: AttentionHeads, head: int, weights: Numbers, names: Sequence[str]) -> Spec:
    high = float(np.nanmax(weights)) or 1.0
    pixels = fit(paint(weights / high, "cividis"), _SIDE)
    height, width = pixels.shape[:2]
    share = _SIDE / max(height, width)
    wide, tall = width * share, height * share
    few = 0 < len(names) <= _NAMED
    left = 58 if few else 0
    marks = [
        text(left, 0, f"head {head}", bold=True),
        text(left, 15, _effect(found, head), size=THEME.label - 1),
        text(left, 29, _spread(found, head, high), size=THEME.label - 1, faint=True),
        image(png(pixels), left, 46, wide, tall),
    ]  # fmt: skip
    if few:
        step = tall / len(weights)
        marks += [
            text(left - 4, 46 + step * (k + 0.5) - 4, name, size=10, align="right", limit=left - 6)
            for k, name in enumerate(names[: len(weights)])
        ]
    return panel(max(left + wide, 190), 50 + tall, marks)


def _spread(found: AttentionHeads, head: int, high: float) -> str:
    moved = "" if found.effects is None else f"output moves {percent(float(found.moved[head]))}; "
    return f"{moved}{number(float(found.keys[head]), 2)} keys; light is {number(high, 2)}"


def _effect(found: AttentionHeads, head: int) -> str:
    if found.effects is None:
        moved = f"moves the output by {percent(float(found.moved[head]))}"
        return f"{moved} {_percents(float(found.low[head]), float(found.high[head]))}"
    effects = found.effects
    ends = _percents(float(effects.low[head]), float(effects.high[head]))
    return f"costs {percent(float(effects.drop[head]))} accuracy {ends}"


def _percents(low: float, high: float) -> str:
    return f"[{percent(low)}, {percent(high)}]"


def _lost(found: AttentionHeads, head: int) -> tuple[float | str, ...]:
    effects = found.effects
    if effects is None:
        return ()
    return float(effects.drop[head]), interval(float(effects.low[head]), float(effects.high[head]))


def _pair(weights: Numbers, names: Sequence[str]) -> str:
    query, key = np.unravel_index(int(np.nanargmax(weights)), weights.shape)
    named = [names[k] if k < len(names) else str(k) for k in (int(query), int(key))]
    return f"{named[0]} → {named[1]} ({percent(float(weights[query, key]))})"


def _alt(found: AttentionHeads) -> str:
    most, least = int(found.moved.argmax()), int(found.moved.argmin())
    said = (
        f"{counted(len(found.moved), 'head')} of {found.site} over {counted(found.n, 'input')}: without head "
    )
    said += f"{most} the output moves by {percent(float(found.moved[most]))} of its spread"
    if len(found.moved) > 1:
        said += f", without head {least} by {percent(float(found.moved[least]))}"
    if found.effects is not None:
        clear = int((found.effects.low > 0).sum())
        said += f"; {clear} {'costs' if clear == 1 else 'cost'} accuracy when taken away alone"
    ends = [float(found.keys.min()), float(found.keys.max())]
    said += f". A query attends to {number(ends[0], 2)} to {number(ends[1], 2)} keys"
    before = [float(v) for v in found.untrained_keys if math.isfinite(float(v))]
    if before:
        said += f" ({number(min(before), 2)} to {number(max(before), 2)} untrained)"
    return said + ". Attention maps are ranks only: how much a key weighs is not how much it matters."
