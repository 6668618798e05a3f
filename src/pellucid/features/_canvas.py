"""How large a picture must be, where its unit sits, and real pieces of that size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, activations
from pellucid._core._field import Field, fields
from pellucid._core._units import by_unit, position_shape, unit_axis

MOST_PIECES = 2000
PLAIN = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """The input that is made.

    Args:
        shape: of one made input.
        units: how many units the layer has.
        place: number of the layer's position whose value counts.
        start: where on the canvas that position's receptive field begins; ``None`` where it is the whole.
        field: receptive fields on a full input; ``None`` where the canvas is a full input.
        spots: how many positions the layer has along each axis.
    """

    shape: tuple[int, ...]
    units: int
    place: int
    start: tuple[int, ...] | None = None
    field: Field | None = None
    spots: tuple[int, ...] = ()


def canvas_of(
    model: nn.Module,
    example: Tensor,
    site: str,
    how: Compute,
    *,
    whole: bool = False,
    field: Field | None = None,
) -> Canvas:
    """The smallest canvas on which a central unit sees as much as on a full input; or that, if ``whole``.

    ``field`` is what each position sees of a full input, where it is known already.
    """
    _, seen = next(activations(model, example, [site], stop=site, compute=Compute(1, how.seed)))
    places, units = position_shape(model, seen[site], site), by_unit(model, seen[site], site).shape[1]
    field = field or fields(model, example, [site], compute=how)[site]
    flat = unit_axis(model, example, ".:in") != 1
    if field is None or flat or not field.placed or len(places) != len(field.spans):
        return Canvas(tuple(example.shape[1:]), units, math.prod(places) // 2, spots=tuple(places))
    space = tuple(example.shape[2:])
    full = Canvas(tuple(example.shape[1:]), units, _flat(field), spots=tuple(places))
    if whole or not _inside(field, space):
        return full
    for extra in range(_least(field), 2 * max(field.stride or (1,)) + 1):
        smaller = tuple(min(side, size + extra) for side, size in zip(space, field.size, strict=True))
        if smaller == space:
            break
        piece = example[(..., *(slice(0, side) for side in smaller))]
        found = fields(model, piece, [site], compute=how)[site]
        if found is not None and found.placed and found.size == field.size:
            start = tuple(int(span[c, 0]) for span, c in zip(found.spans, found.centre, strict=True))
            return Canvas(tuple(piece.shape[1:]), units, _flat(found), start, field)
    return full


def _least(field: Field) -> int:
    """How much larger than a field a canvas must be at least: before its first whole one lies so much."""
    first: list[int] = []
    for span, size in zip(field.spans, field.size, strict=True):
        whole = (span[:, 1] - span[:, 0]) == size
        first.append(int(span[whole, 0].min()))
    return max(first)


def _inside(field: Field, space: tuple[int, ...]) -> bool:
    """Whether the central unit's field lies off the border, so that its size is not cut short."""
    ends = [span[c].tolist() for span, c in zip(field.spans, field.centre, strict=True)]
    return all(first > 0 and last < full for (first, last), full in zip(ends, space, strict=True))


def _flat(field: Field) -> int:
    place = 0
    for span, centre in zip(field.spans, field.centre, strict=True):
        place = place * len(span) + centre
    return place


def pieces(data: Tensor, canvas: Canvas, rows: Tensor, positions: Tensor) -> Tensor:
    """Real inputs cut so that position ``positions[i]`` of row ``rows[i]`` lies where the made unit lies."""
    if canvas.field is None or canvas.start is None:
        return data[rows.to(data.device)]
    starts: list[Tensor] = []
    for axis, (span, begin, side) in enumerate(
        zip(canvas.field.spans, canvas.start, canvas.shape[1:], strict=True)
    ):
        full, seen = data.shape[2 + axis], span[positions[:, axis]]
        # a field clipped at the top or left began outside
        first = torch.where(seen[:, 1] < full, seen[:, 1] - canvas.field.size[axis], seen[:, 0])
        starts.append((first - begin).clamp(0, full - side))
    return _cut(data, rows, torch.stack(starts, 1), canvas.shape[1:])


def _cut(data: Tensor, rows: Tensor, starts: Tensor, space: tuple[int, ...]) -> Tensor:
    cut = [
        data[(row, slice(None), *(slice(s, s + side) for s, side in zip(start, space, strict=True)))]
        for row, start in zip(rows.tolist(), starts.tolist(), strict=True)
    ]
    return torch.stack(cut)


def samples(data: Tensor, canvas: Canvas, seed: int) -> tuple[Tensor, Tensor]:
    """Up to 2,000 real pieces of the canvas size ``[n, *shape]``, and the row each comes from.

    Pieces are cut at random; those with less than a tenth of the mean variance (plain background) are left
    out, for they would pass for typical.
    """
    generator = torch.Generator().manual_seed(seed)
    if tuple(data.shape[1:]) == canvas.shape:
        rows = torch.randperm(len(data), generator=generator)[:MOST_PIECES]
        return data[rows.to(data.device)], rows
    each = math.ceil(2 * MOST_PIECES / len(data))
    rows = torch.randperm(len(data), generator=generator).repeat(each)[: 2 * MOST_PIECES]
    limits = [full - side + 1 for full, side in zip(data.shape[2:], canvas.shape[1:], strict=True)]
    starts = torch.stack([torch.randint(limit, (len(rows),), generator=generator) for limit in limits], 1)
    found = _cut(data, rows, starts, canvas.shape[1:])
    spread = found.float().flatten(1).var(1).cpu()
    kept = (spread >= PLAIN * spread.mean()).nonzero().flatten()[:MOST_PIECES]
    return found[kept.to(found.device)], rows[kept]
