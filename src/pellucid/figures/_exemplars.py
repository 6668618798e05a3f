"""The real inputs that excite the units of a layer most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from pellucid.figures._tiles import false_colours
from pellucid.inputs import AudioSpec, TextSpec

if TYPE_CHECKING:
    from pellucid.layers import Exemplars


LINE = 344  # pixels of a line of text
HEARD = 230  # pixels of a piece in seconds and hertz


def exemplars(
    found: Exemplars,
    dataset: Dataset,
    *,
    limit: int = 12,
    k: int = 9,
    tile: int = 44,
    names: Mapping[int, str] | None = None,
) -> Figure:
    """The real inputs that excite each unit most, cut to what the unit sees.

    Args:
        found: from :func:`pellucid.layers.exemplars`.
        dataset: the data that it names rows of.
        limit: how many units are shown.
        k: inputs per unit.
        tile: width of one in pixels.
        names: where units are concepts, what they are called; pictures are then shown whole.

    Returns:
        Figure; for columns a table of rows.

    Example:
        >>> exemplars.__name__
        'exemplars'
    """
    shown = min(limit, len(found.units))
    drawn = found if names is None else replace(found, boxes=None)
    called = {int(unit): f"unit {int(unit)}" for unit in found.units} | dict(names or {})
    real = Real.among(drawn, dataset)
    pictured = is_picture(dataset.inputs[:1], dataset.spec)
    cards = [_real_card(real, found, i, k, tile, called) for i in range(shown)] if pictured else []
    if isinstance(dataset.spec, TextSpec):
        cards = [text_card(found, dataset, dataset.spec, i, names=called) for i in range(shown)]
    more = _more(found, dataset)
    body = tuple(
        (
            int(found.units[i]) if names is None else called[int(found.units[i])],
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
    one, value = ("unit", "activation") if names is None else ("concept", "value")
    columns = (one, "place", "row", dataset.answer, value, *more.columns)
    table = Table(columns, body)
    inputs = counted(min(k, found.rows.shape[1]), "strongest input")
    alt = f"The {inputs} of {counted(shown, one)} of {found.site}."
    note = f"{shown} of {counted(len(found.units), one)} shown. {read(found, dataset, one)}".strip()
    chart = panels(cards, columns=2) if cards else None
    does = f"excite {found.site}" if names is None else f"show the concepts most at {found.site}"
    return Figure(f"Real inputs that {does}", alt, chart, None, table, note)


def read(found: Exemplars, dataset: Dataset, one: str = "unit") -> str:
    """How to read the lines and colours."""
    if isinstance(dataset.spec, TextSpec):
        ground = (
            "brown above and blue below zero" if found.maps is not None else "brown where it is strongest"
        )
        what = "the unit's activation" if one == "unit" else "what it adds to the concept's value"
        return f"Ground of a word: {what}, {ground}; underlined the strongest."
    colours = false_colours(dataset)
    told = "" if colours is None else f" {colours.note}"
    flat = found.maps is not None and found.maps.ndim == PLANE and not isinstance(dataset.spec, AudioSpec)
    if one != "unit" and flat:
        return f"Inside the line lies what adds most to the value (more than half of the largest).{told}"
    return f"{'Inside the line it is more than half active.' if flat else ''}{told}".strip()


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


def text_card(
    found: Exemplars,
    dataset: Dataset,
    spec: TextSpec,
    i: int,
    *,
    most: int = 5,
    names: Mapping[int, str] | None = None,
) -> Spec:
    """One unit's strongest texts, a line each, around the word at which it is strongest."""
    maps = None if found.maps is None else found.maps[i]
    end = end_of(maps, found.values[i])
    largest = f"largest {number(float(found.values[i].max()))}"
    unit = int(found.units[i])
    layers = [
        text(0, 0, (names or {}).get(unit, f"unit {unit}"), size=12, bold=True),
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


def _real_card(real: Real, found: Exemplars, i: int, k: int, tile: int, names: Mapping[int, str]) -> Spec:
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
        text(0, 0, names[unit], size=12, bold=True, limit=across - 90),
        text(across, 0, largest, faint=True, align="right"),
    ]
    return panel(across, 20 + tile + 18 * len(below), [*layers, *strip(tiles, tile, 0), *below])


def answer_of(dataset: Dataset, row: int) -> str:
    """The true answer of a row, in words."""
    answer = dataset.answers[row]
    return (
        dataset.classes[int(answer)] if dataset.classes else f"{number(float(answer))} {dataset.unit}".strip()
    )
