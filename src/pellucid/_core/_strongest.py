"""The inputs that move each unit most, found in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core._best import Best, Numbers, Offers, Whole, first, joined
from pellucid._core._compute import Compute
from pellucid._core._feed import Inputs
from pellucid._core._order import SAME, Order, Trail, keeps_order, module_at
from pellucid._core._outputs import activations, listen
from pellucid._core._peaks import at_places, largest, numbers_of, peaks
from pellucid._core._probe import Knowing, Probe
from pellucid._core._spec import InputSpec
from pellucid._core._units import along, other_rows, places, unit_axis
from pellucid.errors import InputError, TargetError

OFFERS, SLACK = 4, 2**16  # offers of k rows per unit that wait to be merged, and some more
NEAR = 1e-5  # rounding of a norm, of its largest value


@dataclass(frozen=True, slots=True, eq=False)
class Strongest:
    """Per unit the rows with its largest values, strongest first.

    Args:
        units: int64 ``[U]``.
        values: ``[U, k]``, the largest over the positions of a row.
        rows: int64 ``[U, k]``.
        positions: int64 ``[U, k, axes]``, where in the layer.
        total: number of units of the layer.
        n: number of rows looked at.
    """

    units: Tensor
    values: Tensor
    rows: Tensor
    positions: Tensor
    total: int
    n: int


def chosen_units(units: Sequence[int] | Tensor | None, total: int, site: str) -> Tensor:
    """Unit numbers as int64 ``[U]``; all where ``None``; raises :class:`TargetError` out of range."""
    if units is None:
        return torch.arange(total)
    if isinstance(units, int | str) or (isinstance(units, Tensor) and units.ndim != 1):
        raise TargetError(f"units: expected several unit numbers, such as [3, 7], got {units!r}.")
    picked = torch.as_tensor(units)
    if not picked.numel():
        raise TargetError("units: expected at least one unit number, got none. Leave it away for all units.")
    if picked.is_floating_point() or picked.dtype == torch.bool:
        raise TargetError(f"units: expected whole unit numbers, got {picked.dtype}.")
    wrong = picked[(picked < 0) | (picked >= total)]
    if len(wrong):
        raise TargetError(
            f"Unit {int(wrong[0])} does not exist in {site!r}: it has {total} units, "
            f"numbered 0 to {total - 1}."
        )
    return picked.to(torch.int64).cpu()


class _Found(NamedTuple):
    """What a chunk offers: rows, units, values and places.

    Layers that keep an earlier one's order share the first two with it.
    """

    row: Whole
    unit: Whole
    values: Numbers
    place: Whole


class _Ranking:
    """What one layer has to offer, chunk by chunk."""

    def __init__(
        self,
        model: nn.Module,
        site: str,
        k: int,
        units: Sequence[int] | Tensor | None,
        of: Callable[[Tensor], Tensor] | None,
        real: Tensor | None,
        trail: Trail[_Ranking],
    ) -> None:
        self.model, self.site, self.k, self.wanted, self.of = model, site, k, units, of
        self.real, self.trail = real, trail
        self.module = module_at(model, site)
        self.each: torch.Size | None = None  # of one row
        self.axis = 1  # which holds units
        self.index: Tensor | None = None
        self.nothing = torch.empty(0)  # is kept of a look
        self.looks = 0  # since the last chunk was taken in
        self.shape: tuple[int, ...] = ()
        self.total = self.n = self.picked = 0
        self.rows, self.dtype = 0, torch.float32
        self.found: _Found | None = None
        self.values: Tensor | None = None  # of all rows of this chunk, where they were looked for
        self.trusted = False  # whether an earlier layer's order has been this one's in a chunk looked at
        self.order: Order | None = None
        self.shapes: tuple[torch.Size, torch.Size] | None = None  # before and behind, for which that holds
        self.offers: list[_Found] = []
        self.best = Best.none(0)
        self.floor: Numbers | None = None  # what a unit's value must exceed, where there are k of each

    def look(self, activation: Tensor, given: tuple[object, ...] = ()) -> Tensor:
        """Put down what a chunk has to offer.

        What was put down is exchanged by the next look, so that a chunk may be tried again.
        """
        shown = activation.detach() if self.of is None else self.of(activation.detach())
        self._sizes(activation, shown)
        self.looks += 1
        before, order = self._before(activation, given)
        if before is None or order is None or before.found is None or not self.trusted or self.floor is None:
            self._all(shown, before, order)
        else:
            self._some(shown, before.found, order)
        self.trail.keep(activation, self)
        return self.nothing

    def _some(self, shown: Tensor, found: _Found, order: Order) -> None:
        """Look only at what was worth it in the layer before: nothing else can be worth it here."""
        self.values, self.found = None, found
        if not len(found.values):
            return
        if order.turned:
            # numbers keep their places, so one is read of each unit
            self.found = found._replace(
                values=at_places(self._units(shown), found.row, found.unit, found.place)
            )
            return
        # what lies between both is what it was, and where it was
        if order.placed and order.low < found.values.min() and found.values.max() < order.high:
            return
        kept = (order.low < found.values) & (found.values < order.high) & order.placed
        values, place = found.values.copy(), found.place.copy()
        if order.flat:
            # where the largest is not above, all are the same, and the first is the first of all
            below = found.values <= order.low
            values[below], place[below] = order.low, 0
            kept |= below
        again = np.flatnonzero(~kept)
        if len(again):
            units, row, unit = self._units(shown), found.row[again], found.unit[again]
            place[again] = peaks(units, row, unit)
            values[again] = at_places(units, row, unit, place[again])
        self.found = found._replace(values=values, place=place)

    def _all(self, shown: Tensor, before: _Ranking | None, order: Order | None) -> None:
        """Look at every row."""
        found = self._units(shown)
        self.values = largest(found)
        worth, values = self._worth(self.values)
        row, unit = np.divmod(worth, self.picked)
        # the place matters for the few rows that are kept, so only there is it looked for
        few = found.shape[2] == 1 or not len(worth)
        place = np.zeros(len(worth), np.int64) if few else peaks(found, row, unit)
        self.found = _Found(row, unit, values, place)
        self.trusted = False
        if before is not None and order is not None and before.values is not None:
            made = order.of(before.values)
            near = float(self.values.abs().nan_to_num(0.0, posinf=0.0).max()) * NEAR if order.turned else 0.0
            self.trusted = torch.allclose(made, self.values, rtol=0.0, atol=near)

    def _units(self, shown: Tensor) -> Tensor:
        """The wanted units ``[b, U, positions]``, at positions that count."""
        found = along(shown, self.axis)
        if self.index is not None:
            found = found[:, self.index.to(found.device)]
        if self.real is not None and found.shape[2] == self.real.shape[1]:
            # rows come in order, and this chunk begins behind those taken in
            here = self.real[self.n : self.n + len(found)].to(found.device)
            found = found.masked_fill(~here[:, None], float("-inf"))
        return found

    def _sizes(self, activation: Tensor, shown: Tensor) -> None:
        """What is the same in every chunk: which axis holds units, how many there are, and the positions."""
        shape = shown.shape
        self.rows, self.dtype = shape[0], shown.dtype
        if not self.rows:
            raise InputError(f"{self.site!r}: expected at least one row, got none.")
        if shape[1:] == self.each:
            return
        # what was made of a whole map has no positions left
        axis = 1 if shown.ndim < 3 else unit_axis(self.model, activation, self.site)
        where = places(shown, axis)
        if self.each is not None and where != self.shape:
            raise InputError(f"{self.site!r} changes its shape from {self.shape} to {where} between rows.")
        self.each, self.axis, self.shape = shape[1:], axis, where
        self.total = 1 if shown.ndim == 1 else shape[axis]
        self.index = None if self.wanted is None else chosen_units(self.wanted, self.total, self.site)
        self.picked = self.total if self.index is None else len(self.index)
        if not self.n:
            self.best = Best.none(self.picked)

    def _before(self, activation: Tensor, given: tuple[object, ...]) -> tuple[_Ranking | None, Order | None]:
        """The layer whose order is also this one's, and how; keyed to what really went in."""
        if self.of is not None or self.real is not None:
            return None, None
        ranking, order = self.trail.of(activation), SAME
        if ranking is None and self.module is not None:
            found = self.trail.before(activation, given)
            if found is not None:
                ranking, went = found
                shapes = went.shape[1:], activation.shape[1:]
                if shapes != self.shapes:
                    self.shapes, self.order = shapes, keeps_order(self.module, went, activation)
                order = self.order
        if ranking is None or (ranking.axis, ranking.picked) != (self.axis, self.picked):
            return None, None
        return ranking, order

    def _worth(self, values: Tensor) -> tuple[Whole, Numbers]:
        """Which of the values ``[b, U]``, counted along rows, may be among the best; and these values."""
        if self.floor is not None and not values.is_cpu:
            # later rows with a value that is there already do not count; NaN does
            below = values <= torch.from_numpy(self.floor).to(values.device)
            at = below.logical_not_().flatten().nonzero().squeeze(1)
            return at.cpu().numpy(), numbers_of(values.flatten()[at])
        numbers = numbers_of(values)
        if self.floor is not None:
            worth = np.flatnonzero(~(numbers <= self.floor))
        else:
            row = first(np.ascontiguousarray(numbers.T), min(self.k, len(numbers)))
            worth = (row * numbers.shape[1] + np.arange(numbers.shape[1])[:, None]).ravel()
        return worth, numbers.reshape(-1)[worth]

    def add(self, rows: slice) -> _Found:
        """Take in what a chunk offered."""
        found, self.found = self.found, None
        if self.rows != rows.stop - rows.start or found is None:
            raise other_rows(self.site, self.rows, rows.stop - rows.start)
        self.n += self.rows
        self.offers.append(found)
        return found

    def begin(self) -> None:
        """Keep what the first chunk offered: that is the best of it, unit by unit."""
        found, shape = self.offers[0], (self.picked, -1)
        self.keep(Best(found.values.reshape(shape), found.row.reshape(shape), found.place.reshape(shape)))

    def keep(self, best: Best) -> None:
        """The best of all offers."""
        self.offers.clear()
        self.best = best
        self.floor = best.values[:, -1].copy() if best.rows.shape[1] == self.k else None

    def result(self) -> Strongest:
        """The best of this layer's units."""
        best = self.best
        axes = np.unravel_index(best.places, self.shape) if self.shape else ()
        positions = np.stack(axes, -1) if axes else np.empty((*best.places.shape, 0), np.int64)
        units = chosen_units(self.wanted, self.total, self.site)
        values = torch.from_numpy(best.values).to(self.dtype)
        return Strongest(
            units, values, torch.from_numpy(best.rows), torch.from_numpy(positions), self.total, self.n
        )


class _Board:
    """All layers' rankings, joined with new offers at once: small operations cost more than sorting does.

    Each time twice as many chunks may pass as before, since offers become rare; sooner where they do not.
    """

    def __init__(self, rankings: Mapping[str, _Ranking], k: int) -> None:
        self.rankings, self.k = rankings, k
        self.chains: list[list[_Ranking]] = []  # rankings that share their offers' rows, longest first
        self.begins: list[int] = []  # of the chunks whose offers wait
        self.chunks = self.offered = 0
        self.due = 1

    def add(self, rows: slice) -> None:
        """Take in what a chunk offered to every layer."""
        shared: dict[int, list[_Ranking]] = {}
        for ranking in self.rankings.values():
            found = ranking.found
            shared.setdefault(id(found and found.row), []).append(ranking)
        chains = sorted(shared.values(), key=len, reverse=True)
        if chains != self.chains:
            self.merge()
            self.chains = chains
        self.begins.append(rows.start)
        self.offered += sum(len(ranking.add(rows).values) for ranking in self.rankings.values())
        self.chunks += 1
        units = sum(ranking.picked for ranking in self.rankings.values())
        if self.chunks >= self.due or self.offered > SLACK + OFFERS * self.k * units:
            self.merge()
            self.due = 2 * self.chunks

    def merge(self) -> None:
        """Keep the best of what there is; of equal values the earlier row."""
        if not self.begins:
            return
        if self.chunks == 1:
            for ranking in self.rankings.values():
                ranking.begin()
        else:
            self._join()
        self.begins.clear()
        self.offered = 0

    def _join(self) -> None:
        """The offers that wait with the best before them."""
        units, rows = list[Whole](), list[Whole]()
        start = 0
        for leader, *_ in self.chains:
            units += [found.unit + start for found in leader.offers]
            rows += [found.row + begin for found, begin in zip(leader.offers, self.begins, strict=True)]
            start += leader.picked
        # first of each chain, then second …
        layers = [[ranking for ranking in layer if ranking] for layer in zip_longest(*self.chains)]
        waiting = [[found for ranking in layer for found in ranking.offers] for layer in layers]
        offers = Offers(
            np.concatenate(units),
            np.concatenate(rows),
            [np.concatenate([found.values for found in layer]) for layer in waiting],
            [np.concatenate([found.place for found in layer]) for layer in waiting],
        )
        best = [Best.together([ranking.best for ranking in layer]) for layer in layers]
        for layer, found in zip(layers, joined(best, offers, self.k), strict=True):
            ends = accumulate(ranking.picked for ranking in layer)
            for end, ranking in zip(ends, layer, strict=True):
                ranking.keep(found.of(slice(end - ranking.picked, end)))

    def results(self) -> dict[str, Strongest]:
        """What came out, by layer."""
        self.merge()
        if not self.chunks:
            raise InputError("Expected at least one row, got none.")
        return {site: ranking.result() for site, ranking in self.rankings.items()}


def strongest(
    model: nn.Module,
    inputs: Inputs,
    sites: Sequence[str],
    *,
    k: int,
    units: Sequence[int] | Tensor | None = None,
    of: Callable[[Tensor], Tensor] | None = None,
    spec: InputSpec | None = None,
    real: Tensor | None = None,
    compute: Compute | None = None,
) -> dict[str, Strongest]:
    """Top ``k`` rows of every unit of several layers, in one pass that keeps no activation.

    ``of`` makes other units of an activation first, such as the elements of a dictionary; ``spec`` says what
    goes along with the inputs; ``real`` bool ``[N, T]`` says which positions count in layers that have T.

    Example:
        >>> seen = strongest(nn.Identity(), torch.tensor([[1.0, 5.0], [2.0, 4.0]]), ["."], k=1)
        >>> seen["."].rows.tolist()
        [[1], [0]]
    """
    if not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k must be a whole number of at least 1, got {k!r}.")
    trail: Trail[_Ranking] = Trail()
    rankings = {site: _Ranking(model, site, k, units, of, real, trail) for site in sites}
    if not rankings:
        raise InputError("Expected at least one layer, got none.")
    looks = {site: Knowing(ranking.look) for site, ranking in rankings.items()}
    board = _Board(rankings, k)

    def add(rows: slice, seen: Probe) -> list[int]:
        for site, ranking in rankings.items():
            if ranking.looks != 1:
                seen[site]  # raises where it was not reached, or several times
            ranking.looks = 0
        board.add(rows)
        trail.clear()
        return [ranking.each.numel() for ranking in rankings.values() if ranking.each is not None]

    if len(rankings) == 1:
        for rows, seen in activations(model, inputs, looks, stop=sites[0], spec=spec, compute=compute):
            add(rows, seen)
    else:
        listen(model, inputs, looks, add, spec=spec, compute=compute or Compute(batch_size=256))
    return board.results()


__all__ = ["Strongest", "chosen_units", "strongest"]
