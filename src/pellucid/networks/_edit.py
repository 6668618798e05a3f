"""Changes by hand to a shape function: what a person who knows the field flattens, and says why."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import InputError
from pellucid.networks._additive import Additive
from pellucid.networks._shape_nets import placed


def flattened(
    network: Additive, column: int, low: float, high: float, *, value: float | None, note: tuple[str, ...]
) -> tuple[Additive, float, float]:
    """A copy whose function of a number is flat from ``low`` to ``high`` (encoded units).

    Knots are added at both ends; between them and the knots beside them the function runs straight as before.

    Args:
        network: trained; it stays as it is.
        column: which one.
        low, high: the stretch.
        value: what the function says there; ``None`` takes its mean over the training rows there.
        note: kept with the network in ``plan.edits``.

    Returns:
        The copy, the value, and the largest change at any place.

    Raises:
        InputError: if the column holds no number, or the change goes against its direction.
    """
    if network.shape is None:
        raise InputError("Only a trained additive model can be changed by hand.")
    if column not in network.plan.numbers:
        raise InputError("Only functions of numbers are flattened over a stretch.")
    k = network.plan.numbers.index(column)
    before = network.shape.detach()
    wider = [_with_knots(network, j, (low, high) if j == k else ()) for j in range(len(before))]
    knots, density, shape, members = (torch.stack(parts) for parts in zip(*wider, strict=True))
    inside = (knots[k] >= low) & (knots[k] <= high)
    weight = density[k, inside, None]
    mean = (
        (weight * shape[k, inside]).sum(0) / weight.sum() if float(weight.sum()) else shape[k, inside].mean(0)
    )
    said = mean if value is None else torch.full_like(mean, value)
    change = float((shape[k, inside] - said).abs().max())
    shape[k, inside], members[k, inside] = said, said
    _check(shape[k, knots[k].isfinite()], network.plan.monotone[column])
    twin = copy.deepcopy(network)
    plan = dataclasses.replace(network.plan, knots=knots.shape[1], edits=(*network.plan.edits, note))
    twin.plan, twin.architecture = plan, plan.architecture()
    twin.knots, twin.density, twin.shape = knots, density, nn.Parameter(shape)
    twin.member_shape = members
    return twin, float(said.mean()), change


def _with_knots(network: Additive, j: int, new: tuple[float, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A column's knots, shares and values with two more places, new knots among them where there is none."""
    knots, density = network.knots[j], network.density[j]
    shape, members = network.shape[j].detach(), network.member_shape[j]  # pyright: ignore[reportOptionalSubscript]
    at = torch.tensor([v for v in new if v not in knots.tolist()], dtype=knots.dtype)
    left, way = placed(at[:, None], knots[None])
    left, way = left[:, 0], way[:, 0]
    order = torch.cat([knots, at]).sort(stable=True).indices

    def joined(old: Tensor) -> Tensor:
        part = way.view(-1, *[1] * (old.ndim - 1))
        added = (1 - part) * old[left] + part * old[left + 1]
        found = torch.cat([old, added])[order]
        return F.pad(found, [0, 0] * (old.ndim - 1) + [0, 2 - len(at)])

    places = F.pad(torch.cat([knots, at])[order], (0, 2 - len(at)), value=float("inf"))
    shares = F.pad(torch.cat([density, torch.zeros_like(at)])[order], (0, 2 - len(at)))
    return places, shares, joined(shape), joined(members)


def _check(values: Tensor, direction: int) -> None:
    if direction and bool((direction * values.diff(dim=0) < 0).any()):
        way = "rise" if direction > 0 else "fall"
        raise InputError(
            f"With this value the function would not only {way} any more, which its column asks for. "
            "Give a value between those at the ends of the stretch."
        )
