"""Curves of removal: the score while parts go, or come back, in the order of a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Question, Target, TargetLike
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank
from pellucid.evidence._fill import constant, filling
from pellucid.evidence._metrics._trial import Trial, usual
from pellucid.evidence._word_bank import WordBank, laid

Way = Literal["delete", "insert"]


@dataclass(frozen=True, slots=True, eq=False)
class Removals(Bank):
    """Masks of each row's own: bool ``[N, K, U]`` over units ``[N, *shape]``.

    Args:
        of: the bank that names the parts.
    """

    of: Bank

    @property
    def count(self) -> int:
        """Number of masks of each row."""
        return self.masks.shape[1]

    @property
    def width(self) -> int:
        """Number of units U."""
        return self.masks.shape[2]

    def reduce(self, values: Tensor, of: Tensor | None = None) -> Tensor:
        """Sum of values over each unit."""
        return self.of.reduce(values, of)

    def elements(self, ks: Tensor, rows: slice) -> Tensor:
        """Masks ``ks`` over the elements of some rows: bool ``[c, n, *shape]``."""
        return laid(self.masks, self.units, ks, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Scores along the order of several maps.

    Args:
        scores: ``[N, K + 1]`` by map; the first is nothing done, the last everything.
        shares: ``[N, K + 1]``, share of the parts that were handled, from 0 to 1.
        rows: rows of the network per input.
        fill: what stood in the place of removed parts, in words.
        target: what was scored, in words.
    """

    scores: Mapping[str, Tensor]
    shares: Tensor
    rows: int
    fill: str
    target: str

    def areas(self) -> dict[str, Tensor]:
        """Area under each curve by trapezoids over the shares, both ends included: ``[N]``."""
        return {name: torch.trapezoid(one.double(), self.shares, dim=1) for name, one in self.scores.items()}


def order_of(units: Tensor, seed: int) -> Tensor:
    """Units from the greatest value to the least, those that do not exist last; ties by lot: ``[N, U]``."""
    lots = torch.randperm(
        units.shape[1], generator=torch.Generator().manual_seed(seed * 1_000_003 + 961_748_941)
    )
    # the same lots for every row, so that a row's order is its own
    known = units[:, lots.to(units.device)].nan_to_num(nan=-torch.inf)
    return lots.to(units.device)[known.argsort(dim=1, descending=True, stable=True)]


def sizes_of(units: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """How many of each row's parts are handled after each step, int64 ``[N, K + 1]``, and all of them."""
    parts = (~units.isnan()).sum(1, keepdim=True)
    most = min(steps, int(parts.max()))
    return (torch.arange(most + 1, device=units.device) * parts * 2 + most) // (2 * most), parts


def first_of(order: Tensor, sizes: Tensor) -> Tensor:
    """Masks of the first so many units of an order: bool ``[N, K, U]``."""
    place = order.argsort(1)
    return place[:, None] < sizes[:, :, None]


@dataclass(frozen=True, slots=True, eq=False)
class Removing:
    """What is asked while parts go: made by :func:`removing`."""

    model: nn.Module
    inputs: Tensor
    target: Target
    spec: InputSpec | None
    fill: str | Tensor
    others: Tensor | None
    compute: Compute

    def curves(self, tried: Trial, way: Way, steps: int) -> Curves:
        """Scores while the parts that a map names first go, or come back onto the fill.

        Nothing done and everything done are the same for every map and asked once.
        """
        if steps < 1:
            raise InputError(f"Expected at least one step, got {steps}.")
        sizes, parts = sizes_of(tried.map, steps)
        inner = sizes[:, 1:-1]
        exist = ~tried.map.isnan()
        asked = [torch.zeros_like(exist)[:, None], exist[:, None]]
        for units in tried.units.values():
            first = first_of(order_of(units, self.compute.seed), inner)
            asked.append(first if way == "delete" else exist[:, None] & ~first)
        scores, words, label = self.scores(tried.bank, torch.cat(asked, 1))
        ends = (scores[:, :1], scores[:, 1:2]) if way == "delete" else (scores[:, 1:2], scores[:, :1])
        count, width = len(tried.units), inner.shape[1]
        between = scores[:, 2:].reshape(len(scores), count, width).unbind(1)
        whole = {
            name: torch.cat([ends[0], one, ends[1]], 1)
            for name, one in zip(tried.units, between, strict=True)
        }
        shares = sizes.double().cpu() / parts.clamp(min=1).cpu()
        return Curves(whole, shares, scores.shape[1], words, label)

    def scores(self, parts: Bank, masks: Tensor) -> tuple[Tensor, str, str]:
        """Scores ``[N, K]`` of each row under its own masks ``[N, K, U]``; fill and score in words."""
        q = Question(self.model, self.inputs, self.target, spec=self.spec, compute=self.compute)
        each = parts.units.expand(len(masks), *parts.units.shape)
        units = parts.units if isinstance(parts, WordBank) else each
        drawn = Removals(masks, units, parts.grid, self.compute.seed, parts)
        if isinstance(self.fill, Tensor):
            content, words = constant(q.filled(self.fill)), "the contents given"
        else:
            content, words = filling(self.fill, q, drawn, others=self.others, seed=self.compute.seed)

        def variants(ks: Tensor, rows: slice) -> Tensor:
            return torch.where(q.grouped(drawn.elements(ks, rows)), content(ks, rows), q.point[rows])

        return q.scores(variants, drawn.count).T.cpu(), words, q.target.label


def removing(
    model: nn.Module,
    inputs: Tensor,
    target: TargetLike | None,
    *,
    spec: InputSpec | None,
    fill: str | Tensor,
    others: Tensor | None,
    compute: Compute | None,
) -> Removing:
    """The question with what was left open settled."""
    how = compute or Compute(batch_size=256)
    return Removing(model, inputs, usual(model, inputs, target, spec, how), spec, fill, others, how)
