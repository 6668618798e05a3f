"""The inputs that move each unit most, found in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core._compute import Compute
from pellucid._core._feed import Inputs
from pellucid._core._outputs import activations
from pellucid._core._units import by_unit, position_shape
from pellucid.errors import InputError, TargetError


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


class _Ranking:
    """The k best of one layer so far."""

    def __init__(self, model: nn.Module, site: str, k: int, units: Sequence[int] | Tensor | None) -> None:
        self.model, self.site, self.k, self.wanted = model, site, k, units
        self.units = torch.empty(0, dtype=torch.int64)
        self.shape: tuple[int, ...] = ()
        self.total = self.n = 0
        self.best: tuple[Tensor, Tensor, Tensor] | None = None

    def add(self, activation: Tensor, rows: slice) -> None:
        if len(activation) != rows.stop - rows.start:
            raise InputError(
                f"The activation at {self.site!r} has {len(activation)} rows for {rows.stop - rows.start} "
                "inputs; only layers that keep the row axis first can be looked at."
            )
        found = by_unit(self.model, activation)
        if self.best is None:
            self.total = found.shape[1]
            self.units = chosen_units(self.wanted, self.total, self.site)
        self.n += len(found)
        self._merge(found[:, self.units.to(found.device)], rows, position_shape(self.model, activation))

    def _merge(self, found: Tensor, rows: slice, shape: tuple[int, ...]) -> None:
        if self.shape and shape != self.shape:
            raise InputError(f"{self.site!r} changes its shape from {self.shape} to {shape} between rows.")
        self.shape = shape
        value, place = found.max(2)
        row = torch.arange(rows.start, rows.stop, device=found.device)[:, None].expand_as(place)
        now = (value.T, row.T, place.T)
        if self.best is not None:
            now = tuple(torch.cat([a, b], 1) for a, b in zip(self.best, now, strict=True))
        # stable, so that equal values keep the order of the rows for any batch size
        order = now[0].sort(dim=1, descending=True, stable=True).indices[:, : self.k]
        self.best = (now[0].gather(1, order), now[1].gather(1, order), now[2].gather(1, order))

    def result(self) -> Strongest:
        if self.best is None:
            raise InputError(f"{self.site!r}: expected at least one row, got none.")
        values, rows, places = (part.cpu() for part in self.best)
        axes = torch.unravel_index(places, self.shape) if self.shape else ()
        positions = torch.stack(list(axes), -1) if axes else places.new_empty((*places.shape, 0))
        return Strongest(self.units, values, rows, positions, self.total, self.n)


def strongest(
    model: nn.Module,
    inputs: Inputs,
    sites: Sequence[str],
    *,
    k: int,
    units: Sequence[int] | Tensor | None = None,
    compute: Compute | None = None,
) -> dict[str, Strongest]:
    """Top ``k`` rows of every unit of several layers, in one pass that keeps no activation.

    Example:
        >>> seen = strongest(nn.Identity(), torch.tensor([[1.0, 5.0], [2.0, 4.0]]), ["."], k=1)
        >>> seen["."].rows.tolist()
        [[1], [0]]
    """
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}.")
    rankings = {site: _Ranking(model, site, k, units) for site in sites}
    if not rankings:
        raise InputError("Expected at least one layer, got none.")
    stop = sites[0] if len(rankings) == 1 else None
    for rows, seen in activations(model, inputs, list(rankings), stop=stop, compute=compute):
        for site, ranking in rankings.items():
            ranking.add(seen[site], rows)
    return {site: ranking.result() for site, ranking in rankings.items()}


__all__ = ["Strongest", "chosen_units", "strongest"]
