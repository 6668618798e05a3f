"""Two inputs side by side, pair by pair: what differs between them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pellucid._core import Dataset, InputSpec
from pellucid.figures._features import strip
from pellucid.figures._figure import Figure, Table
from pellucid.figures._influence import Readable
from pellucid.figures._marks import panel, panels, text
from pellucid.figures._numbers import counted, number
from pellucid.figures._parts import Described
from pellucid.figures._theme import Spec
from pellucid.figures._tiles import Drawing, drawing

MOST, TILE, GAP = 6, 96, 24


def pairs(
    clean: Dataset,
    corrupt: Dataset,
    clean_rows: Sequence[int],
    corrupt_rows: Sequence[int],
    read: Sequence[tuple[str, str]],
) -> Figure:
    """Inputs that activations are carried from beside those that they are carried to.

    Args:
        clean, corrupt: the inputs, pair by pair.
        clean_rows, corrupt_rows: their numbers among the held-out rows.
        read: what the network answers to both.

    Returns:
        Figure; of columns and texts a table.

    Example:
        >>> pairs.__name__
        'pairs'
    """
    shown = min(MOST, len(clean))
    drawn = drawing(clean.inputs, clean.spec)
    chart = None
    if drawn is not None:
        chart = panels(
            [_pair(drawn, clean, corrupt, clean_rows, corrupt_rows, read, i) for i in range(shown)], columns=3
        )
    first = (
        f"row {clean_rows[0]} (read as {read[0][0]}, the clean input) into row {corrupt_rows[0]} (read as "
        f"{read[0][1]}, the corrupt one)"
    )
    more = f", and {counted(len(clean) - 1, 'other pair')}" if len(clean) > 1 else ""
    note = (
        f"{shown} of {counted(len(clean), 'pair')} drawn." if drawn is not None and shown < len(clean) else ""
    )
    return Figure(
        "The pairs",
        f"Activations are carried from held-out {first}{more}.",
        chart,
        None,
        _table(clean, corrupt, clean_rows, corrupt_rows, read),
        note,
    )


def _pair(
    drawn: Drawing,
    clean: Dataset,
    corrupt: Dataset,
    clean_rows: Sequence[int],
    corrupt_rows: Sequence[int],
    read: Sequence[tuple[str, str]],
    i: int,
) -> Spec:
    layers: list[Spec] = []
    sides = (("from", clean, clean_rows, read[i][0]), ("to", corrupt, corrupt_rows, read[i][1]))
    for k, (side, data, rows, answer) in enumerate(sides):
        left = k * (TILE + GAP)
        layers += [
            text(left, 0, f"{side} row {rows[i]}", bold=True, limit=TILE + GAP - 4),
            *strip([drawn.tile(data.inputs[i])], TILE, left),
            text(left, 24 + TILE, f"read as {answer}", faint=True, limit=TILE + GAP - 4),
        ]
    layers.append(text(TILE + GAP / 2 - 7, 14 + TILE / 2, "→", size=14))
    return panel(2 * TILE + GAP + 12, 44 + TILE, layers)


def _table(
    clean: Dataset,
    corrupt: Dataset,
    clean_rows: Sequence[int],
    corrupt_rows: Sequence[int],
    read: Sequence[tuple[str, str]],
) -> Table:
    body: list[tuple[str | float, ...]] = []
    for i in range(len(clean)):
        lines = _lines(clean.inputs[i], corrupt.inputs[i], clean.spec)
        pair = f"{clean_rows[i]} → {corrupt_rows[i]}"
        body.append((pair, "read as", *read[i]))
        body.append((pair, "true answer", _answer(clean, i), _answer(corrupt, i)))
        body += [(pair, *line) for line in lines]
    return Table(("pair", "what", "from", "to"), tuple(body))


def _answer(data: Dataset, i: int) -> str:
    value = data.answers[i]
    return data.classes[int(value)] if data.classes else number(float(value))


def _lines(one: Tensor, other: Tensor, spec: InputSpec) -> list[tuple[str, str, str]]:
    """What both say in words: a text, or the columns in which they differ."""
    if isinstance(spec, Readable):
        return [("text", spec.text(one), spec.text(other))]
    if not isinstance(spec, Described):
        return []
    both = zip(spec.describe(one), spec.describe(other), strict=True)
    return [(name, value, theirs) for (name, value), (_, theirs) in both if value != theirs]
