"""One small network per column and member, read at the column's knots: where shape functions come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from pellucid.networks._additive import Plan

STEP = 10.0  # offsets start at 0; their steps are this many times those of weights
FAR = 4.0  # standard deviations beyond which a knot's place says no more


class ShapeNets(nn.Module):
    """Values of K members' shape functions at all knots: ``[columns, knots, members · outputs]``.

    The networks are asked at the knots, not at the rows: between two knots a shape function runs straight, so
    what is trained, drawn and exported is one and the same table. All members and columns are one batched
    matrix product. A knot that many rows share may also have an offset of its own: a network of this size
    draws no spike, and a sum such as a capital gain is made of them.

    Args:
        plan: of the additive model; its monotone columns get shapes that only rise or fall.
        members: how many shapes each column has.
    """

    directions: Tensor

    def __init__(self, plan: Plan, members: int) -> None:
        super().__init__()
        self.columns, self.members, self.outputs = len(plan.numbers), members, plan.width
        chance = torch.Generator().manual_seed(plan.seed)
        first, second = plan.hidden
        nets, outputs = members * self.columns, plan.width
        directions = [plan.monotone[k] for k in plan.numbers]

        def drawn(*shape: int, sd: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=chance) * sd)

        self.weight1, self.bias1 = drawn(nets, 2, first, sd=1.5), drawn(nets, 1, first, sd=1.0)
        self.weight2, self.bias2 = (
            drawn(nets, first, second, sd=(2 / first) ** 0.5),
            drawn(nets, 1, second, sd=0),
        )
        self.weight3 = drawn(nets, second, outputs, sd=0.1 / second**0.5)
        shape = (self.columns, plan.knots, nets // max(self.columns, 1) * outputs)
        self.offsets = nn.Parameter(torch.zeros(shape)) if plan.crowded else None
        self.crowded = plan.crowded
        self.register_buffer("directions", torch.tensor(directions, dtype=torch.long), persistent=False)

    def forward(self, knots: Tensor, density: Tensor) -> Tensor:
        """Values at ``knots [columns, M]`` whose shares of the training rows are ``density [columns, M]``,
        each with mean 0 over those rows."""
        ranks = 2 * (density.cumsum(1) - density / 2) - 1
        places = torch.stack([ranks, knots.clamp(-FAR, FAR)], -1).repeat(self.members, 1, 1)
        hidden = F.relu(torch.baddbmm(self.bias1, places, self.weight1))
        hidden = F.relu(torch.baddbmm(self.bias2, hidden, self.weight2))
        raw = torch.bmm(hidden, self.weight3)
        raw = raw.view(self.members, self.columns, -1, self.outputs).permute(1, 2, 0, 3).flatten(2)
        values = self._directed(raw, ranks)
        if self.offsets is not None:
            free = (density >= self.crowded) & (self.directions[:, None] == 0)
            values = values + self.offsets * (STEP * free[..., None])
        return values - (density[..., None] * values).sum(1, keepdim=True)

    def _directed(self, raw: Tensor, ranks: Tensor) -> Tensor:
        """Columns with a direction take what the network says as steps, none of them against it."""
        if not bool(self.directions.any()):
            return raw
        steps = F.softplus(raw[:, 1:]) * ranks.diff(dim=1).clamp_min(0)[..., None]
        climbed = F.pad(steps.cumsum(1), (0, 0, 1, 0)) * self.directions[:, None, None]
        return torch.where(self.directions[:, None, None] != 0, climbed, raw)

    def keep(self, chosen: list[int]) -> None:
        """Only these members go on."""
        if self.offsets is not None:
            by_member = self.offsets.data.unflatten(-1, (self.members, self.outputs))
            self.offsets.data = by_member[:, :, chosen].flatten(2).clone()
        for parameter in [p for p in self.parameters() if p is not self.offsets]:
            by_member = parameter.data.view(self.members, self.columns, *parameter.shape[1:])
            parameter.data = by_member[chosen].flatten(0, 1).clone()
        self.members = len(chosen)


def knots_of(values: Tensor, most: int) -> Tensor:
    """At most ``most`` places for knots among numbers ``[N]``: values that more than one in ``most`` rows
    has, and quantiles of the rest; all different values where they are few.

    Example:
        >>> knots_of(torch.tensor([0.0, 0, 0, 1, 2, 3]), 3).tolist()
        [0.0, 1.0, 3.0]
    """
    different, counts = values.unique(return_counts=True)
    if len(different) <= most:
        return different
    common = different[counts > len(values) / most]
    rest = values[~torch.isin(values, common)].sort().values
    free = most - len(common)
    places = torch.linspace(0, len(rest) - 1, free, dtype=torch.double).round().long()
    return torch.cat([common, rest[places]]).unique()


def padded(knots: list[Tensor], most: int) -> Tensor:
    """Knots of all columns ``[columns, most]``; where a column has fewer, the rest lie at infinity, so that
    what is beyond its last one stays there."""
    rows = [F.pad(k, (0, most - len(k)), value=float("inf")) for k in knots]
    return torch.stack(rows) if rows else torch.zeros(0, most)


def placed(x: Tensor, knots: Tensor) -> tuple[Tensor, Tensor]:
    """For numbers ``[N, columns]`` the knot to their left, and how far they are on the way to the next one
    (0 to 1; held at both ends, so shape functions are flat beyond them)."""
    left = torch.searchsorted(knots, x.detach().T.contiguous(), right=True)
    left = left.clamp(1, knots.shape[1] - 1) - 1
    low, high = knots.gather(1, left), knots.gather(1, left + 1)
    return left.T, ((x.T - low) / (high - low)).clamp(0, 1).T


def shares_at(x: Tensor, there: Tensor, knots: Tensor) -> Tensor:
    """Share of the rows at each knot ``[columns, M]``, rows between two knots shared between them; ``there``
    is 0 where a number is missing."""
    left, way = placed(x, knots)
    shares = torch.zeros_like(knots)
    for at, weight in ((left, 1 - way), (left + 1, way)):
        shares.scatter_add_(1, at.T, (weight * there).T.contiguous())
    return shares / shares.sum(1, keepdim=True).clamp_min(1e-12)
