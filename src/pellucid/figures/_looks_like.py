"""This looks like that: an input beside the real cases that its answer comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import InputSpec
from pellucid.errors import InputError
from pellucid.figures._figure import Figure, Table
from pellucid.figures._marks import image, line, panel, text
from pellucid.figures._numbers import counted, number, percent, portion, share_interval, signed
from pellucid.figures._parts import Described
from pellucid.figures._pixels import fit, is_picture, png, seen, sheet
from pellucid.figures._theme import THEME, Spec
from pellucid.inputs import AudioSpec

if TYPE_CHECKING:
    from pellucid.readable import LooksLike, Pair, PrototypeEvidence

TILE, BETWEEN, HIGH, COLUMNS = 96, 200, 150, 5
WIDTH = 2 * TILE + BETWEEN + 40


def this_looks_like_that(found: LooksLike, *, row: int = 0) -> Figure:
    """Pairs of one input: the similar part in both, what it adds, and what hiding it costs.

    Args:
        found: from :func:`pellucid.readable.looks_like`.
        row: which of the inputs.

    Returns:
        Figure; for tables the columns that are most alike.

    Raises:
        InputError: if there is no such row.

    Example:
        >>> this_looks_like_that.__name__
        'this_looks_like_that'
    """
    if not 0 <= row < len(found):
        raise InputError(f"Rows are numbered 0 to {len(found) - 1}, got {row}.")
    pairs = found.pairs[row]
    pictured = is_picture(found.inputs[:1], found.spec)
    marks: list[Spec] = []
    for k, pair in enumerate(pairs):
        marks += _drawn(found, row, pair, k * HIGH) if pictured else []
    chart = panel(WIDTH, HIGH * len(pairs), marks) if pictured else None
    body = tuple(
        (
            pair.row,
            pair.answer,
            pair.similarity,
            pair.distance,
            pair.adds,
            pair.without,
            pair.beside,
            *([] if pictured else [_alike(found, row, pair)]),
            *_heard(found.spec, pair),
        )
        for pair in pairs
    )
    columns = (
        "training row", "its answer", "similarity (at most 4.6)", "distance", "adds (log-odds)",
        "similarity, part hidden", "another part hidden", *([] if pictured else ["most alike in"]),
        *(["this piece", "that piece"] if isinstance(found.spec, AudioSpec) else []),
    )  # fmt: skip
    held = sum(pair.holds for pair in pairs)
    first = pairs[0]
    alt = (
        f"The network answers {found.answers[row]} ({portion(found.probabilities[row])} sure). It looks "
        f"most like training row {first.row}, which is {first.answer}: similarity "
        f"{number(first.similarity)}, which adds {signed(first.adds)}. In {held} of "
        f"{counted(len(pairs), 'pair')} hiding the similar part costs more similarity than hiding another."
    )
    of = counted(found.total, "prototype")
    note = f"The {len(pairs)} that add most, of {of}; all together are the answer."
    return Figure("This looks like that", alt, chart, None, Table(columns, body), note)


def prototype_test(found: PrototypeEvidence) -> Figure:
    """How far the pairs of a prototype network may be believed.

    Args:
        found: from :func:`pellucid.readable.prototype_evidence`.

    Returns:
        Figure with a table.

    Example:
        >>> prototype_test.__name__
        'prototype_test'
    """
    share = f"{found.held} of {found.tested} {share_interval(found.low, found.high)}"
    alt = (
        f"Hiding the similar part costs more similarity than hiding a random one in {share} of held-out "
        f"inputs. Accuracy {percent(found.score)} there; on the training rows {percent(found.before)} before "
        f"prototypes became real cases, {percent(found.after)} right after. {found.different} of "
        f"{counted(found.total, 'prototype')} are different."
    )
    body: list[tuple[str, str]] = [
        ("accuracy on these rows", percent(found.score)),
        ("accuracy before projection (training rows)", percent(found.before)),
        ("right after projection", percent(found.after)),
        ("with weights fitted again", percent(found.refitted)),
        ("prototypes that differ from all others", f"{found.different} of {found.total}"),
        (
            "distance to the nearest of the same class",
            "–" if found.nearest is None else number(found.nearest),
        ),
        ("distance to the nearest of another class", number(found.across)),
        ("hiding the similar part costs more than another", share),
        ("similarity lost with it hidden", number(found.falls)),
        ("with a random part hidden", number(found.falls_beside)),
    ]
    return Figure("Are the prototypes to be believed?", alt, None, None, Table(("", ""), tuple(body)))


def _heard(spec: InputSpec, pair: Pair) -> tuple[str, ...]:
    """Which pieces of two sounds are alike, in seconds and hertz."""
    if not isinstance(spec, AudioSpec) or pair.this is None or pair.that is None:
        return ()
    return tuple(
        f"{spec.when(box[1], box[3])}, {spec.where(box[0], box[2])}" for box in (pair.this, pair.that)
    )


def _alike(found: LooksLike, row: int, pair: Pair) -> str:
    """The columns that agree best, with both values."""
    if not isinstance(found.spec, Described):
        return ", ".join(name for name, _ in pair.columns[:COLUMNS])
    mine = dict(found.spec.describe(found.inputs[row]))
    theirs = dict(found.spec.describe(found.cases[pair.prototype]))
    return ", ".join(f"{n}: {mine[n]} / {theirs[n]}" for n, _ in pair.columns[:COLUMNS] if n in mine)


def _drawn(found: LooksLike, row: int, pair: Pair, top: float) -> list[Spec]:
    right = TILE + BETWEEN
    cost = "the test holds" if pair.holds else "the test does not hold"
    words = (
        f"similarity {number(pair.similarity, 2)}",
        f"adds {signed(pair.adds)}",
        f"this part hidden {number(pair.without, 2)}",
        f"another part {number(pair.beside, 2)}",
        cost,
    )
    return [
        text(0, top, f"this ({found.answers[row]})", size=12, bold=True),
        text(right, top, f"that: row {pair.row} ({pair.answer})", size=12, bold=True),
        *_tile(found, found.inputs[row], pair.this, 0, top + 20),
        text(TILE + 16, top + 22, "looks like →", size=12),
        *(text(TILE + 16, top + 44 + 15 * i, each, size=11, faint=True) for i, each in enumerate(words)),
        *_tile(found, found.cases[pair.prototype], pair.that, right, top + 20),
    ]


def _tile(
    found: LooksLike, x: Tensor, box: tuple[int, int, int, int] | None, left: float, top: float
) -> list[Spec]:
    pixels = seen(x, found.spec)
    drawn = [image(png(sheet([pixels], 2 * TILE, columns=1)), left, top, TILE, TILE)]
    if box is None:
        return drawn
    height, width = pixels.shape[:2]  # drawn in whole blocks, in the middle of the tile
    scale = fit(pixels, 2 * TILE).shape[1] / 2 / width
    top, left = top + (TILE - scale * height) / 2, left + (TILE - scale * width) / 2
    first, end = box[0], box[2]
    if isinstance(found.spec, AudioSpec):  # low pitch is drawn at the bottom
        first, end = height - box[2], height - box[0]
    y, z, y2, z2 = first * scale + top, box[1] * scale + left, end * scale + top, box[3] * scale + left
    ends = ((z, y, z2, y), (z, y2, z2, y2), (z, y, z, y2), (z2, y, z2, y2))
    return drawn + [line(*end, opacity=1, colour=THEME.accent, width=2.5) for end in ends]
