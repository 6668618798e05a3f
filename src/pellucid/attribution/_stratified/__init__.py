"""Every background row as often in a round, each at its own stratum of the way; and how sure the mean is."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Question
from pellucid._core._student import student
from pellucid.attribution._stratified._drawn import drawn
from pellucid.attribution._stratified._rounds import Rounds

LEAST = 16  # places on the way in a round: a small background is gone through several times


def collected(q: Question, background: Tensor | None, there: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Mean of ``slope times way`` over rounds and background, and its standard error, both like the inputs.

    ``None`` is the one absent input of each row. Rounds are independent, so their spread says how large the
    error is. ``there`` ``[B, N]`` are the scores at the background.
    """
    rows_of = 1 if background is None else len(background)
    alone = q.absent if background is None else background
    place, place_of = q.point.device, (-1, *[1] * q.point.ndim)
    count = -(-LEAST // rows_of) * rows_of
    exact = torch.promote_types(q.point.dtype, torch.float32)
    found = drawn(q.compute.seed, count, rows_of, rounds)
    places, order = (torch.from_numpy(each).to(place) for each in (found.places, found.order))
    numbers = torch.zeros((len(order), q.rows), dtype=torch.int64, device=place)
    if background is not None:
        far = [(background - row).flatten(1).norm(dim=1) for row in q.point]
        numbers = torch.stack([distance.argsort() for distance in far], 1)[order]

    def start(some: Tensor | slice, rows: slice) -> Tensor:
        return alone[None, rows] if background is None else background[numbers[some, rows]]

    rise = (q.base - there).to(exact)
    middle = alone if background is None else background.mean(0)
    said = Rounds((q.point - middle).to(exact).flatten(1), found)
    spread = _Spread(torch.zeros_like(q.folded(q.point), dtype=exact), count)

    def along(ks: Tensor, rows: slice) -> Tensor:
        k = ks.to(place)
        first = start(k, rows)
        return torch.lerp(first, q.point[rows], places[k].to(first).view(place_of))

    for ks, rows, slopes in q.gradients(along, rounds * count):
        for some in said.spans(ks):
            slope = slopes[some.start - int(ks[0]) : some.stop - int(ks[0])].to(exact)
            way = (q.point[rows] - start(some, rows)).expand_as(slope).to(exact)
            rises = rise[:, rows].gather(0, numbers[some, rows])
            if rounds == 1:
                spread.neighbours(rows, some, q.folded(way * slope))
            values = said.add(rows, some, slope.flatten(2), way.flatten(2), rises)
            if values is not None and rounds > 1:
                spread.join(rows, some, q.folded(values.unflatten(-1, q.point.shape[1:])))
    values = q.folded(said.values.view(q.point.shape))
    return values.to(q.point.dtype), spread.error(rounds).to(q.point.dtype)


class _Spread:
    """How far rounds, or neighbours where there is one round, lie apart.

    Args:
        nothing: zeros like the values.
        count: places in a round.
    """

    def __init__(self, nothing: Tensor, count: int) -> None:
        self._count = count
        self._mean, self._squares = nothing, nothing.clone()

    def join(self, rows: slice, some: slice, found: Tensor) -> None:
        """More rounds: summed squares about the mean of all so far."""
        total, more = some.stop // self._count, len(found)
        centre = found.mean(0)
        step, within = centre - self._mean[rows], (found - centre).square().sum(0)
        self._squares[rows] += within + step.square() * (more * (total - more) / total)
        self._mean[rows] += step * (more / total)

    def neighbours(self, rows: slice, some: slice, found: Tensor) -> None:
        """More places of the only round: squared differences to the one before."""
        before = self._mean[None, rows] if some.start else found[:1]
        self._squares[rows] += torch.cat([before, found]).diff(dim=0).square().sum(0)
        self._mean[rows] = found[-1]

    def error(self, rounds: int) -> Tensor:
        """The standard error."""
        if rounds == 1:
            # as if rows were drawn independently: an upper estimate, for each row comes exactly once
            return (self._squares / (2 * (self._count - 1) * self._count)).sqrt()
        return (self._squares / (rounds * (rounds - 1))).sqrt() * student(rounds - 1)
