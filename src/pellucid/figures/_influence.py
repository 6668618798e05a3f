"""The training rows that speak most for an answer, and those that speak most against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor

from pellucid._core import Dataset
from pellucid.figures._features import GAP, strip
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import panel, text
from pellucid.figures._numbers import counted, number, signed
from pellucid.figures._parts import Described
from pellucid.figures._pixels import is_picture
from pellucid.figures._theme import Spec
from pellucid.figures._tiles import tiles_of

if TYPE_CHECKING:
    from pellucid.influence import Influence

TILE = 56
COLUMNS, LETTERS = 6, 120  # of a row in words


@runtime_checkable
class Readable(Protocol):
    """A spec that can write an input out."""

    def text(self, x: Tensor) -> str:
        """The input in words."""
        ...


def influence(
    found: Influence, dataset: Dataset | None = None, *, row: int = 0, k: int = 5, tile: int = TILE
) -> Figure:
    """Training rows for and against one answer: pictures beside what was explained, or rows in words.

    Args:
        found: from :func:`pellucid.influence`.
        dataset: the data that it names rows of; without it only numbers are shown.
        row: which of the explained rows.
        k: most rows of each kind.
        tile: width of a picture in pixels.

    Returns:
        Figure.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> influence.__name__
        'influence'
    """
    sides = (("for", *found.proponents(row, k)), ("against", *found.opponents(row, k)))
    answer = _answer(dataset, found.answers[row])
    body = tuple(
        (side, place + 1, int(number_), *_told(dataset, int(number_)), float(value))
        for side, rows, values in sides
        for place, (number_, value) in enumerate(zip(rows, values, strict=True))
    )
    words = "name" if dataset is not None and dataset.names else "row in words"
    told = () if dataset is None else (dataset.answer, *((words,) if _worded(dataset) else ()))
    table = Table(("speaks", "place", "training row", *told, found.unit), body)
    chart = None
    if dataset is not None and is_picture(dataset.inputs[:1], dataset.spec):
        chart = _pictures(found, dataset, row, sides, tile)
    return Figure(
        f"Training rows behind {answer}", _alt(found, dataset, answer, sides), chart, None, table, found.note
    )


def _alt(
    found: Influence, dataset: Dataset | None, answer: str, sides: tuple[tuple[str, Tensor, Tensor], ...]
) -> str:
    said: list[str] = []
    for side, rows, values in sides:
        if not len(rows):
            said.append(f"No training row speaks {side} it.")
            continue
        first = int(rows[0])
        what = "" if dataset is None else f" ({_answer(dataset, dataset.answers[first])})"
        said.append(f"Most {side} it: training row {first}{what}, {signed(float(values[0]))}.")
    return f"{counted(len(found.rows), 'training row')} weighed for the answer {answer}. {' '.join(said)}"


def _pictures(
    found: Influence, dataset: Dataset, row: int, sides: tuple[tuple[str, Tensor, Tensor], ...], tile: int
) -> Spec:
    gap, drawn, left = 4 * GAP, list[Spec](), 0
    parts = [("explained", [found.inputs[row]], [""])]
    for side, rows, values in sides:
        pictures = [dataset.inputs[int(n)] for n in rows]
        under = [
            f"{_answer(dataset, dataset.answers[int(n)])} {signed(float(v), 2)}"
            for n, v in zip(rows, values, strict=True)
        ]
        parts.append((side, pictures, under))
    for title, pictures, under in parts:
        if not pictures:
            continue
        drawn.append(text(left, 0, title, size=12, bold=True))
        drawn += strip(list(map(tiles_of(dataset), pictures)), tile, left)
        drawn += [
            text(left + i * (tile + GAP), 24 + tile, words, faint=True, limit=tile)
            for i, words in enumerate(under)
            if words
        ]
        left += len(pictures) * (tile + GAP) + gap
    return panel(left - gap, 40 + tile, drawn)


def _worded(dataset: Dataset) -> bool:
    return bool(dataset.names) or isinstance(dataset.spec, Described | Readable)


def _told(dataset: Dataset | None, row: int) -> tuple[str, ...]:
    """A row's answer, and the row in words where its spec has them."""
    if dataset is None:
        return ()
    answer = _answer(dataset, dataset.answers[row])
    if dataset.names:
        return answer, dataset.names[row]
    if isinstance(dataset.spec, Readable) and not isinstance(dataset.spec, Described):
        whole = dataset.spec.text(dataset.inputs[row])
        return answer, whole if len(whole) <= LETTERS else f"{whole[:LETTERS].rstrip()} …"
    if not isinstance(dataset.spec, Described):
        return (answer,)
    pairs = dataset.spec.describe(dataset.inputs[row])
    more = f", … ({len(pairs)} columns)" if len(pairs) > COLUMNS else ""
    return answer, ", ".join(f"{name} {value}" for name, value in pairs[:COLUMNS]) + more


def _answer(dataset: Dataset | None, answer: Tensor) -> str:
    if dataset is None:
        return number(float(answer))
    if dataset.classes:
        return dataset.classes[int(answer)]
    return f"{number(float(answer))} {dataset.unit}".strip()
