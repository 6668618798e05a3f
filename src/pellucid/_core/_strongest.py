"""The inputs that move each unit most, found in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core._compute import Compute
from pellucid._core._feed import Inputs
from pellucid._core._outputs import activations
from pellucid._core._spec import InputSpec
from pellucid._core._units import along, places, unit_axis
from pellucid.errors import InputError, TargetError

OFFERS, SLACK = 4, 2**16  # offers of k rows per unit that wait to be merged, and some more
SHORT = (torch.float32, torch.float16, torch.bfloat16)


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
    if isinstance(units, int) or (isinstance(units, Tensor) and units.ndim != 1):
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


def _ordered(values: Tensor) -> Tensor | None:
    """Whole numbers below 2³¹ in the order of floats of up to 32 bits; ``None`` for other numbers."""
    if values.dtype not in SHORT:
        return None
    # a float's bits, read as a whole number, keep its order, or turn it below zero; NaN is the largest
    bits = (values.float() + 0.0).view(torch.int32).long().masked_fill_(values.isnan(), 0x7FC00000)
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def _first(values: Tensor, k: int) -> Tensor:
    """Columns of the ``k`` largest of each row, largest first; of equal ones the earlier column."""
    count, ordered = values.shape[1], _ordered(values)
    if ordered is None:
        return values.sort(dim=1, descending=True, stable=True).indices[:, :k]
    # the column in the lower half parts equal ones
    column = torch.arange(count - 1, -1, -1, device=values.device)
    return count - 1 - ((ordered << 32 | column).topk(k, dim=1).values & 0xFFFFFFFF)


def _by_unit(unit: Tensor, values: Tensor) -> Tensor:
    """The order by unit, then by value from the largest, then as they come."""
    ordered = _ordered(values)
    if ordered is not None:
        return ((unit << 32) - ordered).argsort(stable=True)
    order = values.argsort(descending=True, stable=True)
    return order[unit[order].argsort(stable=True)]


Offer = tuple[Tensor, Tensor, Tensor]  # row · units + unit, value, place


def _maps(found: Tensor, worth: Tensor) -> Tensor:
    """Some of the rows' units of ``[b, U, positions]``."""
    if found.is_contiguous():
        return found.view(-1, found.shape[2]).index_select(0, worth)
    return found[worth // found.shape[1], worth % found.shape[1]]


class _Ranking:
    """The k best of one layer so far."""

    def __init__(
        self,
        model: nn.Module,
        site: str,
        k: int,
        units: Sequence[int] | Tensor | None,
        of: Callable[[Tensor], Tensor] | None,
        real: Tensor | None,
    ) -> None:
        self.model, self.site, self.k, self.wanted, self.of = model, site, k, units, of
        self.real = real
        self.axes = (0, 1)  # number of axes, and which of them holds units
        self.shape: tuple[int, ...] = ()
        self.total = self.n = self.picked = 0
        self.rows, self.dtype = 0, torch.float32
        self.found: Offer | None = None
        self.offers: list[Offer] = []
        self.best: Tensor | None = None
        self.floor: Tensor | None = None

    def look(self, activation: Tensor) -> Tensor:
        """Put down what a chunk has to offer, and give its values.

        What was put down is exchanged by the next look, so that a chunk may be tried again.
        """
        if self.axes[0] != activation.ndim:
            self.axes = activation.ndim, unit_axis(self.model, activation, self.site)
        axis = self.axes[1]
        activation = activation.detach() if self.of is None else self.of(activation.detach())
        found = along(activation, axis)
        if not len(found):
            raise InputError(f"{self.site!r}: expected at least one row, got none.")
        whole = found.shape[1]
        if self.wanted is not None:
            found = found[:, chosen_units(self.wanted, whole, self.site).to(found.device)]
        if self.real is not None and found.shape[2] == self.real.shape[1]:
            # rows come in order, and this chunk begins behind those taken in
            here = self.real[self.n : self.n + len(found)].to(found.device)
            found = found.masked_fill(~here[:, None], float("-inf"))
        values = found[:, :, 0] if found.shape[2] == 1 else found.amax(2)
        self._sizes(activation, axis, whole, values.shape[1])
        worth = self._worth(values)
        # the place matters for the few rows that are kept, so only there is it looked for
        place = _maps(found, worth).argmax(1) if found.shape[2] > 1 else torch.zeros_like(worth)
        self.found = worth, values.reshape(-1)[worth], place
        return self.found[1]

    def _worth(self, values: Tensor) -> Tensor:
        """Which of the values ``[b, U]``, counted along rows, may be among the best."""
        if self.floor is not None:
            # later rows with a value that is there already do not count; NaN does
            return (values <= self.floor).logical_not_().view(-1).nonzero().squeeze(1)
        row = _first(values.T.contiguous(), min(self.k, len(values)))
        return (row * values.shape[1] + torch.arange(values.shape[1], device=row.device)[:, None]).flatten()

    def _sizes(self, activation: Tensor, axis: int, whole: int, picked: int) -> None:
        shape = places(activation, axis)
        if self.total and shape != self.shape:
            raise InputError(f"{self.site!r} changes its shape from {self.shape} to {shape} between rows.")
        self.picked = picked
        self.shape, self.total, self.rows, self.dtype = shape, whole, len(activation), activation.dtype

    def add(self, rows: slice) -> int:
        """Take in what a chunk offered; says how much."""
        if self.rows != rows.stop - rows.start or self.found is None:
            raise InputError(
                f"The activation at {self.site!r} has {self.rows} rows for {rows.stop - rows.start} "
                "inputs; only layers that keep the row axis first can be looked at."
            )
        worth, value, place = self.found
        self.n += self.rows
        self.offers.append((worth + rows.start * self.picked, value, place))
        self.found = None
        return len(worth)

    def keep(self, best: Tensor) -> None:
        """Go on with the best so far ``[3, U, k]``: values, rows, places."""
        self.best, self.offers = best, []
        full = best.shape[2] == self.k
        self.floor = best[0, :, -1].to(self.dtype) if full and self.dtype.is_floating_point else None

    def result(self) -> Strongest:
        if self.best is None:
            raise InputError(f"{self.site!r}: expected at least one row, got none.")
        values, rows, places_of = self.best.cpu()
        rows, places_of = rows.long(), places_of.long()
        axes = torch.unravel_index(places_of, self.shape) if self.shape else ()
        positions = torch.stack(list(axes), -1) if axes else places_of.new_empty((*places_of.shape, 0))
        units = chosen_units(self.wanted, self.total, self.site)
        return Strongest(units, values.to(self.dtype), rows, positions, self.total, self.n)


class _Board:
    """All layers' rankings, joined with new offers at once: small operations cost more than sorting does.

    Each time twice as many chunks may pass as before, since offers become rare; sooner where they do not.
    """

    def __init__(self, rankings: Sequence[_Ranking], k: int) -> None:
        self.rankings, self.k = rankings, k
        self.chunks = self.offered = 0
        self.due = 1

    def add(self, rows: slice) -> None:
        """Take in what a chunk offered to every layer."""
        self.offered += sum(ranking.add(rows) for ranking in self.rankings)
        self.chunks += 1
        units = sum(ranking.picked for ranking in self.rankings)
        if self.chunks >= self.due or self.offered > SLACK + OFFERS * self.k * units:
            self.merge()

    def merge(self) -> None:
        """Keep the best of what there is; of equal values the earlier row."""
        device = self.rankings[0].offers[0][0].device if self.rankings[0].offers else None
        if device is None:
            return
        units: list[Tensor] = []
        flat: list[Tensor] = []
        before = 0
        for ranking in self.rankings:
            if ranking.best is not None:
                kept = ranking.best.shape[2]
                units.append(torch.arange(ranking.picked, device=device).repeat_interleave(kept) + before)
                flat.append(ranking.best.flatten(1).to(device))
            worth, value, place = (torch.cat(part) for part in zip(*ranking.offers, strict=True))
            units.append((worth % ranking.picked).to(device) + before)
            row = worth // ranking.picked
            flat.append(torch.stack([value.double(), row.double(), place.double()]).to(device))
            before += ranking.picked
        unit, every = torch.cat(units), torch.cat(flat, 1)
        # stable, so that equal values keep the order of the rows for any batch size
        short = all(ranking.dtype in SHORT for ranking in self.rankings)
        order = _by_unit(unit, every[0].float() if short else every[0])
        count = unit.bincount(minlength=before)
        place = torch.arange(len(order), device=device) - (count.cumsum(0) - count)[unit[order]]
        best = every[:, order[place < self.k]].unflatten(1, (before, -1))
        for ranking, own in zip(self.rankings, best.split([r.picked for r in self.rankings], 1), strict=True):
            ranking.keep(own)
        self.offered, self.due = 0, 2 * self.chunks


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
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}.")
    rankings = {site: _Ranking(model, site, k, units, of, real) for site in sites}
    if not rankings:
        raise InputError("Expected at least one layer, got none.")
    stop = sites[0] if len(rankings) == 1 else None
    looks = {site: ranking.look for site, ranking in rankings.items()}
    board = _Board(list(rankings.values()), k)
    for rows, seen in activations(model, inputs, looks, stop=stop, spec=spec, compute=compute):
        for site in rankings:
            seen[site]  # raises where it was not reached, or several times
        board.add(rows)
    board.merge()
    return {site: ranking.result() for site, ranking in rankings.items()}


__all__ = ["Strongest", "chosen_units", "strongest"]
