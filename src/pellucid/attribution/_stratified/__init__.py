"""Every background row as often in a round, each at its own stratum of the way; and how sure the mean is."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pellucid._core import Question
from pellucid._core._student import student

GOLDEN = (5**0.5 - 1) / 2
ALIKE = 0.01  # spread of what ways miss, as a share of its mean, below which it is rounding
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
    one = q.folded(q.point)
    near, spread, mean, last = (torch.zeros_like(one, dtype=exact) for _ in range(4))

    def start(some: Tensor | slice, rows: slice) -> Tensor:
        return alone[None, rows] if background is None else background[numbers[some, rows]]

    rise = (q.base - there).to(exact)
    middle = alone if background is None else background.mean(0, keepdim=True).expand_as(alone)
    mean_way, terms = (q.point - middle).to(exact), _legendre(places)
    part, whole = _Sums(mean_way), _Sums(mean_way)

    def along(ks: Tensor, rows: slice) -> Tensor:
        k = ks.to(place)
        first = start(k, rows)
        return torch.lerp(first, q.point[rows], places[k].to(first).view(place_of))

    for ks, rows, slopes in q.gradients(along, rounds * count):
        for some in _by_round(ks, count):
            slope = slopes[some.start - int(ks[0]) : some.stop - int(ks[0])].to(exact)
            way = (q.point[rows] - start(some, rows)).expand_as(slope).to(exact)
            rises = rise[:, rows].gather(0, numbers[some, rows])
            part.add(rows, terms[some], slope, way, rises)
            if rounds == 1:
                found = q.folded(way * slope)
                before = found[:1] if some.start == 0 else last[None, rows]
                near[rows] += torch.cat([before, found]).diff(dim=0).square().sum(0)
                last[rows] = found[-1]
            if some.stop % count == 0:
                whole.join(rows, part)
                found = q.folded(part.mean(rows, count, *whole.fitted(rows, terms[: some.stop])))
                step = found - mean[rows]
                mean[rows] += step / (some.stop // count)
                spread[rows] += step * (found - mean[rows])
                part.clear(rows)
    # fitted over all rounds: fits of single rounds have a bias that more rounds do not average away
    all_rows = slice(0, q.rows)
    values = q.folded(whole.mean(all_rows, len(terms), *whole.fitted(all_rows, terms)))
    return values.to(q.point.dtype), _error(near, spread, count, rounds).to(q.point.dtype)


def _by_round(ks: Tensor, count: int) -> Iterator[slice]:
    """Neighbouring numbers, parted where a round ends."""
    at, end = int(ks[0]), int(ks[-1]) + 1
    while at < end:
        to = min(end, (at // count + 1) * count)
        yield slice(at, to)
        at = to


def _legendre(places: Tensor) -> Tensor:
    """Legendre's polynomials of degree 0 to 2 on the way, ``[places, 3]``."""
    t = 2 * places - 1
    return torch.stack([torch.ones_like(t), t, (3 * t * t - 1) / 2], 1)


class _Sums:
    """Sums over slopes and ways, and the mean that they give, freed of what is known without sampling.

    Two things are. The slope's course along the way, as a parabola common to all background rows, leaves
    only its rest to chance: the parabola's own mean over the way is exact. And on each way the values must
    add up to the score's rise from there; by how much they miss it on average shows which way the whole
    is off.
    """

    def __init__(self, way: Tensor) -> None:
        self.way = way
        # values, slopes and ways by the parabola's terms, each also by what is missing
        self.values, self.off_values = torch.zeros_like(way), torch.zeros_like(way)
        self.slopes, self.ways, self.off_ways = (way.new_zeros((3, *way.shape)) for _ in range(3))
        self.off, self.off_square = (way.new_zeros(len(way)) for _ in range(2))

    def add(self, rows: slice, terms: Tensor, slope: Tensor, way: Tensor, rise: Tensor) -> None:
        """Some slopes and ways ``[c, n, *shape]``, and what each way's values add up to."""
        value = way * slope
        off = value.flatten(2).sum(2) - rise
        wide = off.view(*off.shape, *[1] * (value.ndim - 2))
        self.values[rows] += value.sum(0)
        self.off_values[rows] += (value * wide).sum(0)
        self.off[rows] += off.sum(0)
        self.off_square[rows] += off.square().sum(0)
        for sums, each in ((self.slopes, slope), (self.ways, way), (self.off_ways, way * wide)):
            sums[:, rows] += torch.tensordot(terms.to(slope).T, each, 1)

    def join(self, rows: slice, other: _Sums) -> None:
        """What another holds of some rows, too."""
        for mine, its in zip(self._by_row, other._by_row, strict=True):
            mine[rows] += its[rows]

    def clear(self, rows: slice) -> None:
        """Nothing of some rows."""
        for mine in self._by_row:
            mine[rows] = 0

    @property
    def _by_row(self) -> tuple[Tensor, ...]:
        by_term = (part.transpose(0, 1) for part in (self.slopes, self.ways, self.off_ways))
        return self.values, self.off_values, self.off, self.off_square, *by_term

    def fitted(self, rows: slice, terms: Tensor) -> tuple[Tensor, Tensor]:
        """The parabola, and how far values are off for each unit that is missing, where the sums are over all
        places with these terms ``[n, 3]``."""
        undo = (terms.T @ terms).inverse().to(self.way)
        n, fit = len(terms), torch.tensordot(undo, self.slopes[:, rows], 1)
        rest, off = self._rest(rows, n, fit)
        width = (self.off_square[rows] / n).view(off.shape) - off.square()
        both = (self.off_values[rows] - (fit * self.off_ways[:, rows]).sum(0)) / n - rest * off
        # what all ways miss alike, as over a jump, tells no direction
        return fit, torch.where(width > (ALIKE * off).square(), both / width, 0.0)

    def mean(self, rows: slice, n: int, fit: Tensor, tilt: Tensor) -> Tensor:
        """What the sums over ``n`` places say about some rows."""
        rest, off = self._rest(rows, n, fit)
        # of the parabola's terms only the first has a mean over the way
        return self.way[rows] * fit[0] + rest - tilt * off

    def _rest(self, rows: slice, n: int, fit: Tensor) -> tuple[Tensor, Tensor]:
        """Means of what a parabola leaves over of the values, and of what is missing."""
        rest = (self.values[rows] - (fit * self.ways[:, rows]).sum(0)) / n
        return rest, (self.off[rows] / n).view(-1, *[1] * (rest.ndim - 1))


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
    places, order = list[Tensor](), list[Tensor]()
    golden = (torch.arange(count, dtype=torch.float64) * GOLDEN % 1).argsort()
    for _ in range(rounds):
        within, mixed = torch.rand((2, count), generator=generator, dtype=torch.float64)
        places.append((torch.arange(count) + within) / count)
        shift, turn, begin = torch.randint(count, (3,), generator=generator).tolist()
        steps = golden.flip(0) if turn % 2 else golden
        near = ((torch.arange(count) + begin) // MIXED + mixed).argsort()
        order.append(near[steps.roll(shift)] * rows // count)
    return torch.cat(places).to(device), torch.cat(order).to(device)
