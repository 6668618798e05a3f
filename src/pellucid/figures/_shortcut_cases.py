"""Mixed rows as people see them: who kept the rest, who gave the part, what was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pellucid.figures._figure import Cell, Figure, Table
from pellucid.figures._marks import image, panel, panels, text
from pellucid.figures._numbers import GAP as NARROW
from pellucid.figures._numbers import percent
from pellucid.figures._pixels import array, enlarge_to, fit, png
from pellucid.figures._theme import THEME, Spec
from pellucid.figures._tiles import Drawing, drawing
from pellucid.inputs import TabularSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.evidence import Measure, Shortcuts, Suspicion, SwapCases

TILE, GAP, EDGE = 108, 10, 2


def swap_cases(one: Suspicion, found: Shortcuts) -> Figure:
    """Cases of one alarm: pictures and sounds with the part outlined, values or words as a table."""
    cases = one.cases
    whose = f", for {one.only}" if one.only else ""
    title = f"{one.word.capitalize()}: {one.name}{whose}"
    note = _note(one, found)
    said = (
        f"{percent(one.follows.value, 0)} of {one.n} mixed rows are answered as the row that gave "
        f"{one.name}; {percent(one.control.value, 0)} with {one.control_name}."
    )
    if cases is None or not len(cases.rest):
        return Figure(title, said, None, None, Table(("cases",), (("none kept",),)), note)
    if isinstance(found.spec, TextSpec):
        return Figure(title, said, None, None, _texts(cases, found.spec), note)
    if isinstance(found.spec, TabularSpec):
        return Figure(title, said, None, None, _values(cases, found.spec), note)
    drawn = drawing(torch.cat([cases.rest, cases.donor]), found.spec)
    parts = [] if drawn is None else [_case(cases, k, drawn) for k in range(len(cases.rest))]
    chart = panels(parts, columns=1) if parts else None
    body = tuple(
        (f"row {a}", before, f"row {b}", gave, after)
        for (a, b), (before, gave, after) in zip(cases.rows.tolist(), cases.answers, strict=True)
    )
    columns = ("keeps the rest", "answered", "gives the part", "answered", "mixed row answered")
    seen = [f"row {a} ({x}) with the part of row {b} ({y}): {z}" for (a, b), (x, y, z) in
            zip(cases.rows.tolist(), cases.answers, strict=True)]  # fmt: skip
    return Figure(title, f"{said} Shown: {'; '.join(seen)}.", chart, None, Table(columns, body), note)


def _note(one: Suspicion, found: Shortcuts) -> str:
    """Why it was looked at, and what is left without it and with nothing else."""
    if one.kind == "word":
        return (
            f"Looked at because: {one.source}. Right answers on texts that hold it: {shown(one.without)} "
            f"without it, {shown(one.without_control)} without another word. With no other word left, "
            f"{shown(one.alone)} of their answers stay."
        )
    return (
        f"Looked at because: {one.source}. Right answers: {shown(found.accuracy)} as the rows are, "
        f"{shown(one.without)} with this part from rows drawn at random, {shown(one.without_control)} with "
        f"{one.control_name} instead. With nothing but this part left of a row, {shown(one.alone)} of the "
        "answers stay."
    )


def _case(cases: SwapCases, k: int, drawn: Drawing) -> Spec:
    numbers, answers = cases.rows[k].tolist(), cases.answers[k]
    heads = (f"row {numbers[0]} keeps the rest", f"row {numbers[1]} gives the part", "mixed")
    layers: list[Spec] = []
    left = top = 0.0
    for head, answer, row, outlined in zip(
        heads, answers, (cases.rest[k], cases.donor[k], cases.mixed[k]), (False, True, True), strict=True
    ):
        mark = cases.marked[k] if outlined and cases.marked is not None else None
        pixels = _outlined(drawn.tile(row), mark)
        tall, wide = pixels.shape[:2]
        layers += [
            image(png(pixels), left, 0, wide, tall),
            text(left, tall + 5, head, faint=True, size=10),
            text(left, tall + 19, f"answer: {answer}", bold=True, limit=max(wide, TILE) + GAP),
        ]
        left += max(wide, TILE) + GAP
        top = max(top, tall)
    return panel(left - GAP, top + 36, layers)


def _outlined(tile: np.ndarray, mark: Tensor | None) -> np.ndarray:
    """A tile with a line around the part."""
    wide = tile.shape[1] > 2 * tile.shape[0]
    pixels = fit(tile, 2 * TILE if wide else TILE).copy()
    if mark is None:
        return pixels
    flat = array(mark.any(0).double())
    inside = enlarge_to(flat if flat.ndim == 2 else flat[None], pixels.shape[:2]) > 0.5
    inner = np.pad(inside, EDGE)
    shrunk = inside.copy()
    for down in range(2 * EDGE + 1):
        for across in range(2 * EDGE + 1):
            shrunk &= inner[down : down + inside.shape[0], across : across + inside.shape[1]]
    colour = [int(THEME.warm[k : k + 2], 16) for k in (1, 3, 5)]
    pixels[inside & ~shrunk] = colour
    return pixels


def _values(cases: SwapCases, spec: TabularSpec) -> Table:
    body: list[tuple[Cell, ...]] = []
    slots = torch.tensor(spec.column_of_slot)
    marked = cases.marked
    taken = [] if marked is None else slots[marked.any(0)].unique().tolist()
    for k, (a, b) in enumerate(cases.rows.tolist()):
        before, gave, after = cases.answers[k]
        mine, theirs = spec.describe(cases.rest[k]), spec.describe(cases.donor[k])
        body += [(f"row {a}", *mine[j], before, f"{theirs[j][1]} (row {b}, {gave})", after) for j in taken]
    columns = ("row", "column", "its own value", "answer", "value put in", "answer then")
    return Table(columns, tuple(body), "Every other column keeps its own value.")


def _texts(cases: SwapCases, spec: TextSpec) -> Table:
    body: list[tuple[Cell, ...]] = []
    for k, (a, _) in enumerate(cases.rows.tolist()):
        before, _, after = cases.answers[k]
        marked = None if cases.marked is None else cases.marked[k].tolist()
        names = spec.tokens(cases.mixed[k][None])[0]
        old = spec.tokens(cases.rest[k][None])[0]
        words = [
            f"[{was} → {name}]" if marked and marked[j] else name
            for j, (name, was) in enumerate(zip(names, old, strict=True))
            if name
        ]
        body.append((f"row {a}", " ".join(words), before, after))
    return Table(("row", "text, [word → word put in]", "answer", "answer then"), tuple(body))


def shown(one: Measure) -> str:
    """A share with its interval, without a break inside."""
    digits = 1 if 0.99 < one.value < 1 else 0
    return f"{percent(one.value, digits)}{NARROW}[{100 * one.low:.0f},{NARROW}{100 * one.high:.0f}]"
