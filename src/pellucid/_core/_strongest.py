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

OFFERS = 8  # of chunks, before they are merged


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


def _first(values: Tensor, k: int) -> Tensor:
    """Columns of the ``k`` largest of each row, largest first; of equal ones the earlier column."""
    count = values.shape[1]
    if values.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        return values.sort(dim=1, descending=True, stable=True).indices[:, :k]
    # a float's bits, read as a whole number, keep its order; the column in the lower half parts equal ones
    bits = (values.float() + 0.0).view(torch.int32).long()
    key = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits) << 32
    column = torch.arange(count - 1, -1, -1, device=values.device)
    return count - 1 - ((key | column).topk(k, dim=1).values & 0xFFFFFFFF)


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
        self.shape: tuple[int, ...] = ()
        self.total = self.n = self.picked = 0
        self.rows, self.dtype = 0, torch.float32
        self.offers: list[Tensor] = []
        self.best: Tensor | None = None
        self.floor: Tensor | None = None

    def look(self, activation: Tensor) -> Tensor:
        """What a chunk has to offer: float64 ``[4, m]``, unit, value, row inside the chunk, place.

        It leaves no trace here, so that a chunk may be tried again.
        """
        axis = unit_axis(self.model, activation, self.site)
        activation = activation.detach() if self.of is None else self.of(activation.detach())
        found = along(activation, axis)
        if not len(found):
            raise InputError(f"{self.site!r}: expected at least one row, got none.")
        if self.wanted is not None:
            picked = chosen_units(self.wanted, found.shape[1], self.site)
            found = found[:, picked.to(found.device)]
        if self.real is not None and found.shape[2] == self.real.shape[1]:
            # rows come in order, and this chunk begins behind those taken in
            here = self.real[self.n : self.n + len(found)].to(found.device)
            found = found.masked_fill(~here[:, None], float("-inf"))
        values = found.amax(2).T.contiguous()
        self._sizes(activation, axis, len(values))
        if self.floor is None:
            row = _first(values, min(self.k, values.shape[1]))
            unit = torch.arange(len(values), device=row.device)[:, None].expand_as(row)
            unit, row = unit.flatten(), row.flatten()
        else:
            # later rows with a value that is there already do not count; NaN does
            unit, row = (~(values <= self.floor[:, None])).nonzero(as_tuple=True)
        # the place matters for the few rows that are kept, so only there is it looked for
        place = torch.zeros_like(row) if found.shape[2] == 1 else found[row, unit].argmax(1)
        return torch.stack([unit.double(), values[unit, row].double(), row.double(), place.double()])

    def _sizes(self, activation: Tensor, axis: int, picked: int) -> None:
        shape = places(activation, axis)
        if self.total and shape != self.shape:
            raise InputError(f"{self.site!r} changes its shape from {self.shape} to {shape} between rows.")
        whole = picked if self.wanted is None else along(activation[:1], axis).shape[1]
        self.picked = picked
        self.shape, self.total, self.rows, self.dtype = shape, whole, len(activation), activation.dtype

    def add(self, offer: Tensor, rows: slice) -> None:
        """Take in what a chunk offered."""
        if self.rows != rows.stop - rows.start:
            raise InputError(
                f"The activation at {self.site!r} has {self.rows} rows for {rows.stop - rows.start} "
                "inputs; only layers that keep the row axis first can be looked at."
            )
        self.n += self.rows
        offer[2] += rows.start
        self.offers.append(offer)
        if self.floor is None or len(self.offers) == OFFERS:
            self._merge()

    def _merge(self) -> None:
        """Join what chunks offered with the best so far ``[3, U, k]``: values, rows, places."""
        flat = torch.cat(self.offers, 1)
        unit = flat[0].long()
        order = unit.argsort(stable=True)
        unit, flat = unit[order], flat[1:, order]
        count = unit.bincount(minlength=self.picked)
        place = torch.arange(len(unit), device=unit.device) - (count.cumsum(0) - count)[unit]
        every = flat.new_full((3, self.picked, int(count.max())), float("-inf"))
        every[:, unit, place] = flat
        every = every if self.best is None else torch.cat([self.best, every], 2)
        # stable, so that equal values keep the order of the rows for any batch size
        order = every[0].sort(dim=1, descending=True, stable=True).indices[:, : self.k]
        self.best, self.offers = every.gather(2, order.expand(3, -1, -1)), []
        full = self.best.shape[2] == self.k
        self.floor = self.best[0, :, -1].to(self.dtype) if full and self.dtype.is_floating_point else None

    def result(self) -> Strongest:
        if self.offers:
            self._merge()
        if self.best is None:
            raise InputError(f"{self.site!r}: expected at least one row, got none.")
        values, rows, places = self.best.cpu()
        rows, places = rows.long(), places.long()
        axes = torch.unravel_index(places, self.shape) if self.shape else ()
        positions = torch.stack(list(axes), -1) if axes else places.new_empty((*places.shape, 0))
        units = chosen_units(self.wanted, self.total, self.site)
        return Strongest(units, values.to(self.dtype), rows, positions, self.total, self.n)


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
    for rows, seen in activations(model, inputs, looks, stop=stop, spec=spec, compute=compute):
        for site, ranking in rankings.items():
            ranking.add(seen[site], rows)
    return {site: ranking.result() for site, ranking in rankings.items()}


__all__ = ["Strongest", "chosen_units", "strongest"]
