"""Rows of a table that keep each column's own distribution and the columns' correlation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.features._statistics import EDGE, Kind, normal_quantile, normal_share, within
from pellucid.inputs import TabularSpec

LEVELS = 257
FEW = 20


@dataclass(frozen=True, slots=True)
class Slots:
    """Roles of the slots of an encoded row."""

    numbers: tuple[int, ...]
    categories: tuple[tuple[int, ...], ...]
    held: tuple[int, ...]

    @classmethod
    def of(cls, spec: InputSpec | None, width: int) -> Slots:
        """As the spec says; all numbers where nothing is known."""
        if not isinstance(spec, TabularSpec):
            return cls(tuple(range(width)), (), ())
        numbers: list[int] = []
        categories: list[tuple[int, ...]] = []
        held: list[int] = []
        start = 0
        for column in spec.columns:
            slots = range(start, start + column.width)
            start = slots.stop
            if column.levels:
                categories.append(tuple(slots))
            else:
                numbers.append(slots[0])
                held.extend(slots[1:])
        return cls(tuple(numbers), tuple(categories), tuple(held))


@dataclass(frozen=True, slots=True, eq=False)
class Marginals:
    """Each number through its own quantiles, all of them inside the ball that holds 95 % of the data.

    Numbers are mapped to normal scores by rank, where the latent point is whitened. Each score goes back
    through its column's quantiles, so no value leaves its column's range; then the numbers are drawn towards
    their mean until their Mahalanobis distance is at most the data's 95 % quantile. A category is a softmax
    over its levels, started at their frequencies and made one level at the end. Slots that say "missing" are
    kept at zero.
    """

    slots: Slots
    width: int
    quantiles: Tensor
    centre: Tensor
    basis: Tensor
    back: Tensor
    radius: Tensor
    mean: Tensor
    whiten: Tensor
    reach: Tensor
    shares: tuple[Tensor, ...]
    whole: tuple[Tensor | None, ...]
    kind: Kind = "marginals"

    @classmethod
    def of(cls, data: Tensor, spec: InputSpec | None) -> Marginals:
        """Take the statistics of encoded rows ``[n, D]``."""
        slots = Slots.of(spec, data.shape[1])
        numbers = data[:, list(slots.numbers)]
        levels = torch.linspace(0, 1, LEVELS, dtype=data.dtype, device=data.device)
        centre, basis, back, lengths = whitened(_scores(numbers))
        mean, _, whiten, outlying = whitened(numbers)
        return cls(
            slots,
            data.shape[1],
            torch.quantile(numbers, levels, dim=0) if slots.numbers else numbers[:1].expand(LEVELS, 0),
            centre,
            basis,
            back,
            lengths.quantile(EDGE),
            mean,
            whiten,
            outlying.quantile(EDGE),
            tuple(data[:, list(group)].mean(0).clamp_min(1e-3).log() for group in slots.categories),
            tuple(_few(column) for column in numbers.T),
        )

    @property
    def latent(self) -> tuple[int, ...]:
        """One number per kept direction and one per level."""
        return (self.basis.shape[1] + sum(map(len, self.slots.categories)),)

    def make(self, latents: Tensor) -> Tensor:
        """Rows from latents; categories are between levels."""
        return self._rows(latents, settled=False)

    def settle(self, latents: Tensor) -> Tensor:
        """Rows from latents; categories are one level, columns with few values take one of them."""
        return self._rows(latents, settled=True)

    def find(self, inputs: Tensor) -> Tensor:
        """Latents of real rows."""
        numbers = inputs[:, list(self.slots.numbers)]
        share = (
            torch.stack(
                [_rank(self.quantiles[:, j].contiguous(), numbers[:, j]) for j in range(numbers.shape[1])], 1
            )
            if numbers.shape[1]
            else numbers
        )
        free = (normal_quantile(share) - self.centre) @ self.back
        return torch.cat([free, *(inputs[:, list(group)] * 4 for group in self.slots.categories)], 1)

    def _rows(self, latents: Tensor, *, settled: bool) -> Tensor:
        sizes = [self.basis.shape[1], *map(len, self.slots.categories)]
        free, *groups = latents.split(sizes, dim=1)
        free = free * within(free.norm(dim=1, keepdim=True), self.radius)
        numbers = self._numbers(self.centre + free @ self.basis.T)
        if settled:
            numbers = (
                torch.stack(
                    [_snapped(column, few) for column, few in zip(numbers.T, self.whole, strict=True)], 1
                )
                if numbers.shape[1]
                else numbers
            )
        parts = [numbers, latents.new_zeros(len(latents), len(self.slots.held))]
        for group, share in zip(groups, self.shares, strict=True):
            level = (group + share).softmax(1)
            parts.append(F.one_hot(level.argmax(1), len(share)).to(level) if settled else level)
        order = [
            *self.slots.numbers,
            *self.slots.held,
            *(i for group in self.slots.categories for i in group),
        ]
        place = torch.tensor(order, device=latents.device).argsort()
        return torch.cat(parts, 1)[:, place]

    def _numbers(self, scores: Tensor) -> Tensor:
        place = normal_share(scores) * (LEVELS - 1)
        below = place.detach().floor().clamp(0, LEVELS - 2).long()
        start = self.quantiles.gather(0, below)
        away = start + (self.quantiles.gather(0, below + 1) - start) * (place - below) - self.mean
        return self.mean + away * within((away @ self.whiten).norm(dim=1, keepdim=True), self.reach)


def whitened(points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean ``[D]``, map from white noise ``[D, d]``, map to it ``[D, d]``, and Mahalanobis distances ``[n]``.

    Directions with less than 1e-6 of the largest variance are left out: there, columns repeat each other.
    """
    mean = points.mean(0)
    away = points - mean
    values, vectors = torch.linalg.eigh(away.T.double() @ away.double() / len(points))
    kept = values > 1e-6 * values.max().clamp_min(1e-12) if len(values) else values > 0
    values, vectors = values[kept], vectors[:, kept]
    back = (vectors / values.sqrt()).to(points.dtype)
    return mean, (vectors * values.sqrt()).to(points.dtype), back, (away @ back).norm(dim=1)


def _scores(numbers: Tensor) -> Tensor:
    """Normal scores of each column, equal values sharing their mean rank."""
    if not numbers.shape[1]:
        return numbers
    order = numbers.T.sort(dim=1).values.contiguous()
    own = numbers.T.contiguous()
    rank = torch.searchsorted(order, own) + torch.searchsorted(order, own, right=True)
    return normal_quantile((rank.to(numbers.dtype) / (2 * len(numbers))).T)


def _rank(quantiles: Tensor, values: Tensor) -> Tensor:
    values = values.contiguous()
    both = torch.searchsorted(quantiles, values) + torch.searchsorted(quantiles, values, right=True)
    return (both.to(values.dtype) / (2 * len(quantiles))).clamp(1e-3, 1 - 1e-3)


def _few(column: Tensor) -> Tensor | None:
    values = column.unique()
    return values if len(values) <= FEW else None


def _snapped(column: Tensor, few: Tensor | None) -> Tensor:
    if few is None:
        return column
    return few[(column[:, None] - few).abs().argmin(1)]
