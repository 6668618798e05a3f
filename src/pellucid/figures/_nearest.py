"""The real inputs nearest in a layer, on both sides of the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.figures._features import GAP, strip
from pellucid.figures._figure import Figure, Table
from pellucid.figures._influence import Readable
from pellucid.figures._marks import panel, text
from pellucid.figures._numbers import number, percent, share_interval
from pellucid.figures._parts import Described
from pellucid.figures._pixels import is_picture
from pellucid.figures._theme import Spec
from pellucid.figures._tiles import tiles_of

if TYPE_CHECKING:
    from pellucid.layers import NearestInputs

TILE, LETTERS, COLUMNS = 72, 160, 6


def nearest(found: NearestInputs, dataset: Dataset, *, row: int = 0) -> Figure:
    """Examples with the same answer and counterexamples with another: pictures, texts, or rows in words.

    Args:
        found: from :func:`pellucid.nearest`.
        dataset: the data that it names rows of.
        row: which of the asked inputs.

    Returns:
        Figure.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> nearest.__name__
        'nearest'
    """
    if not 0 <= row < len(found):
        raise InputError(f"Rows are numbered 0 to {len(found) - 1}, got {row}.")
    answer = dataset.classes[int(found.answers[row])]
    sides = (
        (f"also {answer}", found.same[row], found.same_away[row]),
        ("another answer", found.other[row], found.other_away[row]),
    )
    body: list[tuple[str | float, ...]] = []
    for side, rows, away in sides:
        for number_, value in zip(rows.tolist(), away.tolist(), strict=True):
            if number_ >= 0:
                true = dataset.classes[int(found.truth[number_])]
                words = _words(found.asked[row], dataset, number_)
                body.append((side, number_, true, float(value / float(found.scale[row])), words))
    columns = ("side", "training row", "true answer", "distance (1: as far as the median row)", "what it is")
    chart = (
        _pictures(found, dataset, row, answer, sides)
        if is_picture(dataset.inputs[:1], dataset.spec)
        else None
    )
    return Figure(
        f"Nearest in {found.site}",
        _alt(found, dataset, row, answer),
        chart,
        None,
        Table(columns, tuple(body)),
        found.note,
    )


def _alt(found: NearestInputs, dataset: Dataset, row: int, answer: str) -> str:
    first, other = int(found.same[row, 0]), int(found.other[row, 0])
    scale = float(found.scale[row])
    said = f"The network answers {answer}."
    if first >= 0:
        near = number(float(found.same_away[row, 0]) / scale)
        said += f" Nearest with that answer is row {first}, at {near} of the distance to the median row"
    if other >= 0:
        true = dataset.classes[int(found.truth[other])]
        said += (
            f"; nearest with another answer is row {other} (truly {true}), at "
            f"{number(float(found.other_away[row, 0]) / scale)}"
        )
    control = "" if found.agree_untrained != found.agree_untrained else (
        f", in an untrained copy {percent(found.agree_untrained)}"
    )  # fmt: skip
    return (
        f"{said}. How far to trust that likeness: of {found.judged} held-out inputs {percent(found.agree)} "
        f"{share_interval(found.low, found.high)} have a nearest one of their own class; by the inputs "
        f"themselves {percent(found.agree_inputs)}{control}."
    )


def _words(asked: Tensor, dataset: Dataset, row: int) -> str:
    """Its name; a text in words; of a table the columns in which the row differs from the asked one."""
    if dataset.names:
        return dataset.names[row]
    x = dataset.inputs[row]
    if isinstance(dataset.spec, Described):
        mine, theirs = dataset.spec.describe(asked), dataset.spec.describe(x)
        apart = [
            f"{name} {value}" for (name, value), (_, own) in zip(theirs, mine, strict=True) if value != own
        ]
        more = f", … ({len(apart)} of {len(mine)} columns differ)" if len(apart) > COLUMNS else ""
        return (", ".join(apart[:COLUMNS]) or "the same in every column") + more
    if isinstance(dataset.spec, Readable):
        whole = dataset.spec.text(x)
        return whole if len(whole) <= LETTERS else f"{whole[:LETTERS].rstrip()} …"
    return ""


def _pictures(
    found: NearestInputs,
    dataset: Dataset,
    row: int,
    answer: str,
    sides: tuple[tuple[str, Tensor, Tensor], ...],
) -> Spec:
    drawn, left = list[Spec](), 0
    parts = [(answer, [found.asked[row]], [""])]
    for side, rows, away in sides:
        kept = [(int(n), float(v)) for n, v in zip(rows, away, strict=True) if int(n) >= 0]
        under = [
            f"{dataset.classes[int(found.truth[n])]} · {number(v / float(found.scale[row]), 2)}"
            for n, v in kept
        ]
        parts.append((side, [dataset.inputs[n] for n, _ in kept], under))
    for title, pictures, under in parts:
        if not pictures:
            continue
        drawn.append(text(left, 0, title, size=12, bold=True))
        drawn += strip(list(map(tiles_of(dataset), pictures)), TILE, left)
        drawn += [
            text(left + i * (TILE + GAP), 24 + TILE, words, size=10, faint=True, limit=TILE)
            for i, words in enumerate(under)
            if words
        ]
        left += len(pictures) * (TILE + GAP) + 4 * GAP
    return panel(left, 40 + TILE, drawn)
