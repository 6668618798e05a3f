"""The real inputs that excite the units of a layer most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Dataset
from pellucid.figures._features import GAP, strip
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panel, panels, text
from pellucid.figures._numbers import counted, number
from pellucid.figures._pixels import is_picture
from pellucid.figures._real import PLANE, Real
from pellucid.figures._snippets import TALL, end_of, snippet
from pellucid.figures._theme import Spec
from pellucid.inputs import AudioSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.layers import Exemplars


LINE = 420  # pixels of a line of text
HEARD = 230  # pixels of a piece in seconds and hertz


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
    cards = [_real_card(real, found, i, k, tile) for i in range(shown)] if pictured else []
    if isinstance(dataset.spec, TextSpec):
        cards = [text_card(found, dataset, dataset.spec, i) for i in range(shown)]
    more = _more(found, dataset)
    body = tuple(
        (
            int(found.units[i]),
            j + 1,
            int(found.rows[i, j]),
            answer_of(dataset, int(found.rows[i, j])),
            float(found.values[i, j]),
            *more.cells(i, j),
        )
        for i in range(shown)
        for j in range(min(k, found.rows.shape[1]))
        if int(found.rows[i, j]) >= 0
    )
    columns = ("unit", "place", "row", dataset.answer, "activation", *more.columns)
    table = Table(columns, body)
    inputs = counted(min(k, found.rows.shape[1]), "strongest input")
    alt = f"The {inputs} of {counted(shown, 'unit')} of {found.site}."
    note = f"{shown} of {counted(len(found.units), 'unit')} shown. {read(found, dataset)}".strip()
    chart = panels(cards, columns=2) if cards else None
    return Figure(f"Real inputs that excite {found.site}", alt, chart, None, table, note)


def read(found: Exemplars, dataset: Dataset) -> str:
    """How to read the lines and colours."""
    if isinstance(dataset.spec, TextSpec):
        ground = (
            "brown above and blue below zero" if found.maps is not None else "brown where it is strongest"
        )
        return f"Ground of a word: the unit's activation, {ground}; underlined the strongest."
    flat = found.maps is not None and found.maps.ndim == PLANE and not isinstance(dataset.spec, AudioSpec)
    return "Inside the line the unit is more than half active." if flat else ""


@dataclass(frozen=True, slots=True)
class _More:
    """Columns that say where in an input a unit is strongest."""

    columns: tuple[str, ...]
    cells: Callable[[int, int], tuple[str, ...]]


def _more(found: Exemplars, dataset: Dataset) -> _More:
    spec = dataset.spec
    if isinstance(spec, TextSpec):

        def words(i: int, j: int) -> tuple[str, ...]:
            ids = dataset.inputs[int(found.rows[i, j])]
            place = _place(found, i, j, ids)
            return ("" if place is None else spec.tokens(ids[None])[0][place], spec.text(ids))

        return _More(("strongest at", "text"), words)
    if isinstance(spec, AudioSpec) and found.boxes is not None:
        return _More(("piece",), lambda i, j: (piece_heard(found, spec, i, j),))
    return _More((), lambda _, __: ())


def piece_heard(found: Exemplars, spec: AudioSpec, i: int, j: int) -> str:
    """The piece of a sound that a unit hears, in seconds and hertz."""
    if found.boxes is None:
        return ""
    edges = [int(edge) for edge in found.boxes[i, j].tolist()]
    axes = len(edges) // 2
    when = spec.when(edges[axes - 1], edges[-1])
    return f"{when}, {spec.where(edges[0], edges[axes])}" if spec.pitched and axes > 1 else when


def _place(found: Exemplars, i: int, j: int, ids: Tensor) -> int | None:
    """The token at which a unit is strongest; ``None`` where its positions are no tokens."""
    if found.positions is None or found.positions.shape[-1] != 1:
        return None
    if found.maps is not None and found.maps.shape[2] != len(ids):
        return None
    place = int(found.positions[i, j, 0])
    return place if place < len(ids) else None


def text_card(found: Exemplars, dataset: Dataset, spec: TextSpec, i: int, *, most: int = 5) -> Spec:
    """One unit's strongest texts, a line each, around the word at which it is strongest."""
    maps = None if found.maps is None else found.maps[i]
    end = end_of(maps, found.values[i])
    largest = f"largest {number(float(found.values[i].max()))}"
    layers = [
        text(0, 0, f"unit {int(found.units[i])}", size=12, bold=True),
        text(LINE, 0, largest, faint=True, align="right"),
    ]
    rows = found.rows[i, :most].tolist()
    for j, row in enumerate(rows):
        ids = dataset.inputs[row]
        place = _place(found, i, j, ids)
        top = 20 + j * (TALL + 2)
        if place is None:
            layers.append(text(0, top, spec.text(ids), limit=LINE))
        else:
            active = None if maps is None else maps[j]
            layers += snippet(ids, spec, place, active, end, 0, top, LINE)
    return panel(LINE, 20 + len(rows) * (TALL + 2), layers)


def _real_card(real: Real, found: Exemplars, i: int, k: int, tile: int) -> Spec:
    unit = int(found.units[i])
    tiles = real.tiles(unit, k)
    across = max(1, len(tiles)) * (tile + GAP) - GAP
    largest = f"largest {number(float(found.values[i].max()))}"
    below: list[Spec] = []
    if real.data is not None and isinstance(real.data.spec, AudioSpec) and found.boxes is not None:
        said = f"strongest {piece_heard(found, real.data.spec, i, 0)}"
        across = max(across, HEARD)
        below = [text(0, 24 + tile, said, faint=True, limit=across)]
    layers = [
        text(0, 0, f"unit {unit}", size=12, bold=True),
        text(across, 0, largest, faint=True, align="right"),
    ]
    return panel(across, 20 + tile + 18 * len(below), [*layers, *strip(tiles, tile, 0), *below])


def answer_of(dataset: Dataset, row: int) -> str:
    """The true answer of a row, in words."""
    answer = dataset.answers[row]
    return (
        dataset.classes[int(answer)] if dataset.classes else f"{number(float(answer))} {dataset.unit}".strip()
    )
