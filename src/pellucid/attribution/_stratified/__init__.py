"""Every background row as often in a round, each at its own stratum of the way; and how sure the mean is."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Question
from pellucid._core._student import student
from pellucid.attribution._stratified._rounds import Rounds

GOLDEN = (5**0.5 - 1) / 2
MIXED = 4  # neighbours in distance that change places
LEAST = 16  # places on the way in a round: a small background is gone through several times


def collected(q: Question, background: Tensor | None, there: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Mean of ``slope times way`` over rounds and background, and its standard error, both like the inputs.

    ``None`` is the one absent input of each row. Rounds are independent, so their spread says how large the
    error is. ``there`` ``[B, N]`` are the scores at the background.
    """
    rows_of = 1 if background is None else len(background)
    alone, place, place_of = q.absent, q.point.device, (-1, *[1] * q.point.ndim)
    count = -(-LEAST // rows_of) * rows_of
    exact = torch.promote_types(q.point.dtype, torch.float32)
    places, order = _places(q.compute.seed, count, rows_of, rounds, place)
    numbers = torch.zeros((len(order), q.rows), dtype=torch.int64, device=place)
    if background is not None:
        far = [(background - row).flatten(1).norm(dim=1) for row in q.point]
        numbers = torch.stack([distance.argsort() for distance in far], 1)[order]
    near, spread, mean, last = (torch.zeros_like(q.folded(q.point), dtype=exact) for _ in range(4))

    def start(some: Tensor | slice, rows: slice) -> Tensor:
        return alone[None, rows] if background is None else background[numbers[some, rows]]

    rise = (q.base - there).to(exact)
    middle = alone if background is None else background.mean(0, keepdim=True).expand_as(alone)
    said = Rounds((q.point - middle).to(exact).flatten(1), places, count)

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
                found = q.folded(way * slope)
                before = found[:1] if some.start == 0 else last[None, rows]
                near[rows] += torch.cat([before, found]).diff(dim=0).square().sum(0)
                last[rows] = found[-1]
            values = said.add(rows, some, slope.flatten(2), way.flatten(2), rises)
            _join(
                mean[rows],
                spread[rows],
                q.folded(values.unflatten(-1, q.point.shape[1:])),
                some.stop // count,
            )
    values = q.folded(said.values.view(q.point.shape))
    return values.to(q.point.dtype), _error(near, spread, count, rounds).to(q.point.dtype)


def _join(mean: Tensor, spread: Tensor, found: Tensor, total: int) -> None:
    """Mean and summed squares about it, in place, with more of what they are of: ``total`` then."""
    more = len(found)
    if more:
        centre = found.mean(0)
        step = centre - mean
        spread += (found - centre).square().sum(0) + step.square() * (more * (total - more) / total)
        mean += step * (more / total)


def _error(near: Tensor, spread: Tensor, count: int, rounds: int) -> Tensor:
    """Standard error from squared differences of rounds, or of neighbours where there is one round."""
    if rounds == 1:
        # as if rows were drawn independently: an upper estimate, for each row comes exactly once
        return (near / (2 * (count - 1) * count)).sqrt()
    return (spread / (rounds * (rounds - 1))).sqrt() * student(rounds - 1)


def _places(seed: int, count: int, rows: int, rounds: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Places on the way, rising in each round, and from which background row, counted near to far.

    Neighbours in distance are far apart on the way: by golden steps, which fill both evenly. Where these
    begin would alone decide most of a round's error, in waves, and few waves show too small a spread: so
    neighbours in distance change places at random.
    """
    generator = torch.Generator().manual_seed(seed)
    draws, turns = list[Tensor](), list[list[int]]()
    for _ in range(rounds):
        draws.append(torch.rand((2, count), generator=generator, dtype=torch.float64))
        turns.append(torch.randint(count, (3,), generator=generator).tolist())
    within, mixed = torch.stack(draws, 1)
    step = torch.arange(count)
    golden = (step.to(torch.float64) * GOLDEN % 1).argsort()
    both = torch.stack([golden, golden.flip(0)])
    shift, turn, begin = torch.tensor(turns)[:, :, None].unbind(1)
    steps = both[turn % 2, (step - shift) % count]
    near = ((step + begin) // MIXED + mixed).argsort(1)
    order = near.gather(1, steps) * rows // count
    places = (step + within) / count
    return places.flatten().to(device), order.flatten().to(device)
