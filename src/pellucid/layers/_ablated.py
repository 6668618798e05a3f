"""What one number of a network loses when units before it are held at what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Question, Target, activations
from pellucid._core._units import by_unit, unit_axis
from pellucid.layers._reach import tokens_of

MOST = 1024  # units of a layer that are taken away one by one


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What stands in the place of a unit: its mean, or its activation in other real inputs.

    Args:
        mean: ``[U]`` for each site, over inputs and positions.
        swaps: ``[draws, *shape]`` for each site; empty where the mean is used.
    """

    mean: dict[str, Tensor]
    swaps: dict[str, Tensor]

    def instead(self, site: str, point: Tensor, axis: int) -> Tensor:
        """Activations ``[draws, *shape]`` from which a unit is taken."""
        if site in self.swaps:
            return self.swaps[site]
        shape = [1] * point.ndim
        shape[axis] = -1
        return self.mean[site].to(point).reshape(shape).expand_as(point)


def usual(
    model: nn.Module,
    inputs: Tensor | Batch,
    sites: Sequence[str],
    swapped: Tensor | Batch | None,
    spec: InputSpec | None,
    how: Compute,
) -> Usual:
    """Means of all units over the inputs in one pass; activations of ``swapped`` inputs in another."""
    real = tokens_of(inputs, spec)
    total: dict[str, Tensor] = {}
    count: dict[str, int] = dict.fromkeys(sites, 0)
    for rows, seen in activations(model, inputs, sites, spec=spec, compute=how):
        for site in sites:
            found = by_unit(model, seen[site].detach(), site).double()
            if real is not None and found.shape[2] == real.shape[1]:
                keep = real[rows].to(found.device)
                found, places = found * keep[:, None], int(keep.sum())
            else:
                places = found.shape[0] * found.shape[2]
            total[site] = total.get(site, 0) + found.sum((0, 2)).cpu()
            count[site] += places
    swaps: dict[str, Tensor] = {}
    if swapped is not None:
        parts: dict[str, list[Tensor]] = {site: [] for site in sites}
        quiet = Compute(how.batch_size, how.seed, how.device)
        for _, seen in activations(model, swapped, sites, spec=spec, compute=quiet):
            for site in sites:
                parts[site].append(seen[site].detach())
        swaps = {site: torch.cat(part) for site, part in parts.items()}
    return Usual({site: total[site] / count[site] for site in sites}, swaps)


def unit_target(model: nn.Module, site: str, unit: int, place: int) -> Target:
    """One unit at one position of a layer."""

    def score(output: Tensor, rows: Tensor) -> Tensor:
        return by_unit(model, output, site)[:, unit, place]

    return Target(f"unit {unit} of {site}", score, site=site)


def drops(question: Question, site: str, stand_in: Usual) -> tuple[Tensor, Tensor]:
    """Units looked at int64 ``[u]``, and what the target loses without each ``[u]``.

    Of a layer with many units those are looked at that matter most to first order.
    """
    point = question.point
    axis = unit_axis(question.model, point, site)
    instead = stand_in.instead(site, point, axis)
    total = point.shape[axis]
    units = torch.arange(total)
    if total > MOST:
        away = (point - instead.mean(0, keepdim=True)) * question.gradient()
        weight = by_unit(question.model, away, site).sum((0, 2)).abs()
        units = weight.argsort(descending=True, stable=True)[:MOST].sort().values.cpu()
    shape = [1] * (point.ndim + 1)
    draws = len(instead)

    def without(ks: Tensor, rows: slice) -> Tensor:
        on = torch.zeros(len(ks), total, dtype=torch.bool)
        on[torch.arange(len(ks)), units[ks // draws]] = True
        shape[0], shape[axis + 1] = len(ks), total
        put = instead[(ks % draws).to(instead.device)][:, None]
        return torch.where(on.to(point.device).reshape(shape), put, point[rows])

    left = question.scores(without, len(units) * draws).double().reshape(len(units), draws).mean(1)
    return units, (question.base.double() - left).cpu()


def all_gone(question: Question, site: str, stand_in: Usual) -> float:
    """What the target loses when the whole layer is held at what is usual."""
    instead = stand_in.instead(site, question.point, unit_axis(question.model, question.point, site))
    left = question.scores(lambda ks, _: instead[ks.to(instead.device)][:, None], len(instead))
    return float(question.base.double().mean() - left.double().mean())
