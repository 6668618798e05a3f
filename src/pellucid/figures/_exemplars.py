"""The real inputs that excite the units of a layer most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid._core import Dataset
from pellucid.figures._features import GAP, Real, strip
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panel, panels, text
from pellucid.figures._numbers import counted, number
from pellucid.figures._pixels import is_picture
from pellucid.figures._theme import Spec
from pellucid.inputs import TextSpec

if TYPE_CHECKING:
    from pellucid.layers import Exemplars


def exemplars(found: Exemplars, dataset: Dataset, *, limit: int = 12, k: int = 9, tile: int = 44) -> Figure:
    """The real inputs that excite each unit most, cut to what the unit sees.

    Args:
        found: from :func:`pellucid.layers.exemplars`.
        dataset: the data that it names rows of.
        limit: how many units are shown.
        k: inputs per unit.
        tile: width of one in pixels.

    Returns:
        Figure; for columns a table of rows.

    Example:
        >>> exemplars.__name__
        'exemplars'
    """
    shown = min(limit, len(found.units))
    real = Real(None, found, dataset, dataset.spec)
    pictured = is_picture(dataset.inputs[:1], dataset.spec)
    chart = (
        panels([_real_card(real, found, i, k, tile) for i in range(shown)], columns=2)
        if pictured and shown
        else None
    )
    read = dataset.spec.text if isinstance(dataset.spec, TextSpec) else None
    body = tuple(
        (
            int(found.units[i]),
            j + 1,
            int(found.rows[i, j]),
            answer_of(dataset, int(found.rows[i, j])),
            float(found.values[i, j]),
            *(() if read is None else (read(dataset.inputs[int(found.rows[i, j])]),)),
        )
        for i in range(shown)
        for j in range(min(k, found.rows.shape[1]))
        if int(found.rows[i, j]) >= 0
    )
    columns = ("unit", "place", "row", dataset.answer, "activation", *(() if read is None else ("text",)))
    table = Table(columns, body)
    inputs = counted(min(k, found.rows.shape[1]), "strongest input")
    alt = f"The {inputs} of {counted(shown, 'unit')} of {found.site}."
    note = f"{shown} of {counted(len(found.units), 'unit')} shown."
    return Figure(f"Real inputs that excite {found.site}", alt, chart, None, table, note)


def _real_card(real: Real, found: Exemplars, i: int, k: int, tile: int) -> Spec:
    unit = int(found.units[i])
    tiles = real.tiles(unit, k)
    across = max(1, len(tiles)) * (tile + GAP) - GAP
    largest = f"largest {number(float(found.values[i].max()))}"
    layers = [
        text(0, 0, f"unit {unit}", size=12, bold=True),
        text(across, 0, largest, faint=True, align="right"),
    ]
    return panel(across, 20 + tile, [*layers, *strip(tiles, tile, 0)])


def answer_of(dataset: Dataset, row: int) -> str:
    """The true answer of a row, in words."""
    answer = dataset.answers[row]
    return (
        dataset.classes[int(answer)] if dataset.classes else f"{number(float(answer))} {dataset.unit}".strip()
    )
