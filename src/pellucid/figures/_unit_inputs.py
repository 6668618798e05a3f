"""The real inputs of one unit, large: where it looks, what moves it most, and what moves it a little."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from pellucid._core import Dataset
from pellucid.figures._depth import heat
from pellucid.figures._exemplars import answer_of, read
from pellucid.figures._feature_rows import slots
from pellucid.figures._features import unit_noun
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, panel, panels, text
from pellucid.figures._numbers import counted, number, percent
from pellucid.figures._pixels import Numbers, fit, is_picture, png
from pellucid.figures._real import Real
from pellucid.figures._theme import THEME, Spec
from pellucid.inputs import AudioSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.layers import Exemplars

TILE, ACROSS, MOST_COLUMNS = 62, 5, 14


def unit_inputs(
    strongest: Exemplars,
    middle: Exemplars,
    dataset: Dataset,
    *,
    quantiles: tuple[float, ...] = (0.9, 0.5),
    name: str = "",
) -> Figure:
    """One unit's strongest real inputs and some of the middle of its range, cut to what it sees.

    Args:
        strongest: from :func:`pellucid.layers.exemplars`, of one unit.
        middle: from :func:`pellucid.layers.quantile_exemplars`, of the same unit.
        dataset: the data that both name rows of.
        quantiles: those of ``middle``.
        name: of the unit, for people.

    Returns:
        Figure; for columns a map of how far each lies from its mean, for texts a table.

    Example:
        >>> unit_inputs.__name__
        'unit_inputs'
    """
    unit = int(strongest.units[0])
    noun = unit_noun(strongest.site)
    called = name or f"{noun} {unit}"
    usual, title = float(middle.values[0, -1]), f"Real inputs of {called}"
    if not bool((strongest.values > usual).any()):
        alt = (
            f"None of {strongest.n:,} inputs moves {called} above what the middle one gives, {number(usual)}."
        )
        return Figure(title, alt, None, None, Table(("inputs", "the middle one"), ((strongest.n, usual),)))
    strongest = _moving(strongest, usual)
    labels = [f"{percent(q, 0)} quantile" for q in quantiles]
    table = _table(strongest, middle, dataset, labels)
    many = int((strongest.rows[0] >= 0).sum())
    alt = (
        f"The {counted(many, 'input')} of {strongest.n:,} "
        f"that {'moves' if many == 1 else 'move'} {called} most, from "
        f"{number(float(strongest.values[0, 0]))} down to {number(float(strongest.values[0, many - 1]))}; "
        f"the middle one of all gives {number(usual)}."
    )
    if is_picture(dataset.inputs[:1], dataset.spec):
        note = (
            f"Below each its true answer and what the {noun} gives, at the right with the share of inputs "
            "that give less. "
        )
        if isinstance(dataset.spec, AudioSpec) and dataset.inputs.ndim == 4:
            note += "Time runs to the right, pitch upwards. "
        note = (note + read(strongest, dataset)).strip()
        return Figure(title, alt, _pictures(strongest, middle, dataset, labels), None, table, note)
    if isinstance(dataset.spec, TextSpec):
        return Figure(title, alt, None, None, table)
    chart = _columns(strongest, middle, dataset, labels)
    note = (
        "Each row from top to bottom: the strongest from the left on, then those of the "
        f"{' and '.join(labels)}. Colour: standard deviations from the mean of the rows looked "
        "at; what stands out most on top."
    )
    return Figure(title, alt, chart, None, table, note)


def _moving(strongest: Exemplars, middle: float) -> Exemplars:
    """Without inputs that give no more than the middle one: a sparse unit is moved by few."""
    return dataclasses.replace(strongest, rows=torch.where(strongest.values > middle, strongest.rows, -1))


def field_on_input(strongest: Exemplars, dataset: Dataset, *, size: int = THEME.panel) -> Figure | None:
    """What one unit sees of its strongest input: the whole input with the part marked.

    Args:
        strongest: from :func:`pellucid.layers.exemplars`, of one unit.
        dataset: the data that it names rows of.
        size: longer side in pixels.

    Returns:
        Figure; ``None`` where inputs are no pictures or the unit has no place in them.

    Example:
        >>> field_on_input.__name__
        'field_on_input'
    """
    flat = is_picture(dataset.inputs[:1], dataset.spec) and not isinstance(dataset.spec, AudioSpec)
    if strongest.boxes is None or not flat or strongest.boxes.shape[-1] != 4:
        return None
    row = int(strongest.rows[0, 0])
    whole = Real.among(strongest, dataset).drawn(dataset.inputs[row])
    height, width = whole.shape[:2]
    drawn = fit(whole, size)
    by = drawn.shape[1] / width
    box = [int(edge) for edge in strongest.boxes[0, 0].tolist()]
    top, left, bottom, right = (max(0, edge) for edge in box)
    bottom, right = min(bottom, height), min(right, width)
    layers = [image(png(drawn), 0, 0, drawn.shape[1], drawn.shape[0])]
    layers += [_frame(left * by, top * by, right * by, bottom * by, *ink) for ink in _INKS]
    share = (bottom - top) * (right - left) / (height * width)
    alt = (
        f"The {unit_noun(strongest.site)} sees {bottom - top} × {right - left} of {height} × {width} pixels "
        f"({percent(share, 0)}) of its strongest input, row {row}."
    )
    rows = (("rows of pixels", f"{top} to {bottom}"), ("columns of pixels", f"{left} to {right}"))
    chart = panel(drawn.shape[1], drawn.shape[0], layers)
    return Figure("What it sees of an input", alt, chart, None, Table(("", "of the input"), rows))


# light on dark, so that it shows on any picture
_INKS = (("#ffffff", 4.0), (THEME.accent, 2.0))


def _frame(x: float, y: float, x2: float, y2: float, colour: str, width: float) -> Spec:
    mark: Spec = {"type": "rect", "fill": None, "stroke": colour, "strokeWidth": width}
    mark |= {"x": x + 1, "y": y + 1, "x2": x2 - 1, "y2": y2 - 1}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": {}}


def _pictures(strongest: Exemplars, middle: Exemplars, dataset: Dataset, labels: list[str]) -> Spec:
    top = _sheet("strongest", strongest, dataset, [""] * strongest.rows.shape[1])
    rest = _sheet("middle of its range", middle, dataset, [label.split(" quantile")[0] for label in labels])
    return panels([top, rest], columns=2)


def _sheet(head: str, found: Exemplars, dataset: Dataset, labels: list[str]) -> Spec:
    unit = int(found.units[0])
    tiles = Real.among(found, dataset).tiles(unit, found.rows.shape[1])
    layers = [text(0, 0, head, size=12, bold=True)]
    across = max(2, min(ACROSS, len(tiles)))
    for i, tile in enumerate(tiles):
        left, top = (i % across) * (TILE + 8), 22 + (i // across) * (TILE + 42)
        layers.append(_tile(tile, left, top))
        value = number(float(found.values[0, i]))
        layers += [
            text(left, top + TILE + 3, answer_of(dataset, int(found.rows[0, i])), size=10, limit=TILE),
            text(left, top + TILE + 16, f"{labels[i]} {value}".strip(), size=10, faint=True, limit=TILE),
        ]
    lines = -(-len(tiles) // across)
    return panel(across * (TILE + 8) - 8, 22 + lines * (TILE + 42), layers)


def _tile(tile: Numbers, left: float, top: float) -> Spec:
    drawn = fit(tile, 2 * TILE)
    by = TILE / max(drawn.shape[:2])
    height, width = by * drawn.shape[0], by * drawn.shape[1]
    return image(png(drawn), left + (TILE - width) / 2, top + (TILE - height) / 2, width, height)


def _columns(strongest: Exemplars, middle: Exemplars, dataset: Dataset, labels: list[str]) -> Spec:
    flat = dataset.inputs.flatten(1).double()
    away = (flat - flat.mean(0)) / flat.std(0).clamp_min(1e-12)
    top, rest = _rows(strongest), _rows(middle)
    shown = away[top + rest]
    order = away[top].mean(0).abs().argsort(descending=True)[:MOST_COLUMNS].tolist()
    names = slots(dataset.spec, flat.shape[1])
    heads = [f"{i + 1} {answer_of(dataset, row)}" for i, row in enumerate(top)]
    short = [label.split(" quantile")[0] for label in labels]
    heads += [f"{label} {answer_of(dataset, row)}" for label, row in zip(short, rest, strict=True)]
    values = [[float(shown[i, j]) for i in range(len(shown))] for j in order]
    end = max(1e-9, min(4.0, max(abs(v) for line in values for v in line)))
    title = "standard deviations from the mean"
    return heat([names[j] for j in order], heads, values, title, domain=(-end, end), signed=True, cell=24)


def _rows(found: Exemplars) -> list[int]:
    return [row for row in found.rows[0].tolist() if row >= 0]


def _table(strongest: Exemplars, middle: Exemplars, dataset: Dataset, labels: list[str]) -> Table:
    read = dataset.spec.text if isinstance(dataset.spec, TextSpec) else None
    places = [(f"{i + 1}.", strongest, i) for i in range(strongest.rows.shape[1])]
    places += [(label, middle, i) for i, label in enumerate(labels)]
    body = tuple(
        (
            place,
            int(found.rows[0, i]),
            answer_of(dataset, int(found.rows[0, i])),
            float(found.values[0, i]),
            *(() if read is None else (read(dataset.inputs[int(found.rows[0, i])]),)),
        )
        for place, found, i in places
        if int(found.rows[0, i]) >= 0
    )
    columns = ("place", "row", dataset.answer, "activation", *(() if read is None else ("text",)))
    return Table(columns, body)
