"""Pairs of columns: cells of a coarse grid, found by a test on what the single columns leave unexplained."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from pellucid.networks._shape_nets import placed

MOST_LEVELS = 16  # categories with more levels do not join pairs: their cells hold too few rows
CANDIDATES = 12  # columns with the largest effects of their own are looked at first (heredity)
ALL_COST = 40_000_000  # pairs times rows up to which all are looked at where these have none: seconds
BINS = 4  # of a number in the test
TABLE_STEP = 10.0  # tables start at 0 and move by whole steps; their steps are this many times a network's
SURE = 0.05  # chance of adding any pair where there is none, over all that are tested
SURER = 0.005  # the same in the second look, at all pairs


class Cells(nn.Module):
    """``φ_a(x)ᵀ T φ_b(x)`` for each pair: φ are a column's states, which add up to 1.

    They are hats over the coarse knots of a number and "is missing", or the levels of a category.

    Args:
        parts: slots of each column, as :class:`Additive` has them.
        pairs: numbers of the columns.
        cells: coarse knots of a number.
        width: numbers in a cell.
        gain: by which the parameter is multiplied, so that AdamW moves cells faster than weights.
    """

    density: Tensor

    def __init__(
        self,
        parts: Sequence[tuple[int, tuple[int, ...]]],
        pairs: Sequence[tuple[int, int]],
        cells: int,
        width: int,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.parts, self.pairs, self.cells = list(parts), list(pairs), cells
        self.gain = gain
        joined = [parts[k][1] for pair in pairs for k in pair if parts[k][0] < 0]
        self.states = max([cells + 1, *(len(levels) for levels in joined)])
        shape = (len(self.pairs), self.states, self.states)
        self.table = nn.Parameter(torch.zeros(*shape, width))
        self.register_buffer("density", torch.zeros(shape))

    def values(self) -> Tensor:
        """What the cells hold ``[pairs, states, states, R]``."""
        return self.table * self.gain

    def settle(self, values: Tensor) -> None:
        """These values are the table from now on."""
        self.table, self.gain = nn.Parameter(values), 1.0

    def forward(self, x: Tensor, coarse: Tensor, values: Tensor | None = None) -> Tensor:
        """Contributions ``[N, pairs, R]``; of other ``values`` than its own where given."""
        values = self.values() if values is None else values
        if not self.pairs:
            return x.new_zeros(len(x), 0, values.shape[-1])
        columns = sorted({k for pair in self.pairs for k in pair})
        states = {k: states_of(x, self.parts, k, coarse, self.states) for k in columns}
        first = torch.stack([states[a] for a, _ in self.pairs], 1)
        second = torch.stack([states[b] for _, b in self.pairs], 1)
        return torch.einsum("nqb,nqc,qbcr->nqr", first, second, values)

    def summed(self, x: Tensor, coarse: Tensor) -> Tensor:
        """The sum over pairs ``[N, R]`` of rows as they are encoded, in which a category is one level: in no
        pair more than four cells count, so these are looked up."""
        if not self.pairs:
            return x.new_zeros(len(x), self.table.shape[-1])
        columns = sorted({k for pair in self.pairs for k in pair})
        at = {k: _states_at(x, self.parts, k, coarse, self.states) for k in columns}
        rows, weights = list[Tensor](), list[Tensor]()
        for q, (a, b) in enumerate(self.pairs):
            for row, share in at[a]:
                for column, other in at[b]:
                    rows.append((q * self.states + row) * self.states + column)
                    weights.append(share * other)
        return torch.nn.functional.embedding_bag(
            torch.stack(rows, 1),
            self.values().flatten(0, 2),
            per_sample_weights=torch.stack(weights, 1),
            mode="sum",
        )

    def measure(self, x: Tensor, coarse: Tensor) -> None:
        """Share of the training rows in each cell."""
        for q, (a, b) in enumerate(self.pairs):
            first = states_of(x, self.parts, a, coarse, self.states)
            second = states_of(x, self.parts, b, coarse, self.states)
            self.density[q] = first.T @ second / len(x)

    def size(self) -> Tensor:
        """Mean square over the training rows ``[R]``."""
        return (self.density[..., None] * self.values().square()).sum((0, 1, 2))


def states_of(
    x: Tensor, parts: Sequence[tuple[int, tuple[int, ...]]], column: int, coarse: Tensor, width: int
) -> Tensor:
    """The states of a column ``[N, width]``, adding up to 1 in each row."""
    number, flat = parts[column]
    out = x.new_zeros(len(x), width)
    if number < 0:
        out[:, : len(flat)] = x[:, list(flat)]
        return out
    row = sum(1 for slot, _ in parts[:column] if slot >= 0)
    left, way = placed(x[:, [number]], coarse[[row]])
    gone = x[:, [flat[0]]] if flat else torch.zeros_like(way)
    out = out.scatter_add(1, left, (1 - way) * (1 - gone)).scatter_add(1, left + 1, way * (1 - gone))
    return torch.cat([out[:, :-1], gone], 1) if flat else out


def _states_at(
    x: Tensor, parts: Sequence[tuple[int, tuple[int, ...]]], column: int, coarse: Tensor, width: int
) -> list[tuple[Tensor, Tensor]]:
    """The states that :func:`states_of` counts, each ``[N]`` with its share ``[N]``: one of a category, two
    of a number."""
    number, flat = parts[column]
    if number < 0:
        shares, at = x[:, list(flat)].max(1)
        return [(at, shares)]
    row = sum(1 for slot, _ in parts[:column] if slot >= 0)
    left, way = (each[:, 0] for each in placed(x[:, [number]], coarse[[row]]))
    if not flat:
        return [(left, 1 - way), (left + 1, way)]
    gone = x[:, flat[0]] > 0.5
    last = torch.full_like(left, width - 1)
    return [
        (torch.where(gone, last, left), torch.where(gone, 1.0, 1 - way)),
        (torch.where(gone, last, left + 1), torch.where(gone, 0.0, way)),
    ]


def screened(
    x: Tensor,
    residuals: Tensor,
    information: Tensor,
    parts: Sequence[tuple[int, tuple[int, ...]]],
    coarse: Tensor,
    eligible: Sequence[int],
    most: int,
) -> list[tuple[int, int]]:
    """Pairs whose cells explain what the single columns leave, the surest first.

    A score test for each pair: residuals are summed in the cells of a coarse grid, what rows and columns of
    the grid explain is taken away, the rest is χ² where there is no interaction. Kept where p times the
    number of pairs tested is at most 5 %. Pairs of the columns with the largest effects of their own come
    first; only where none of them passes, and all pairs take no more than seconds, all are tested (at 0.5 %),
    so that columns which only count together (exclusive or) are found.

    Args:
        x: training rows ``[N, D]``.
        residuals: answer − expectation ``[N]``.
        information: variance of the answer ``[N]``.
        parts, coarse: as in :class:`Cells`.
        eligible: columns that may join, those with the largest effects first.
        most: pairs kept.
    """

    def tested(columns: Sequence[int], level: float) -> list[tuple[int, int]]:
        bins = {k: _binned(x, parts, k, coarse) for k in columns}
        pairs = list(combinations(sorted(bins), 2))
        found = [
            (_p_value(bins[a], bins[b], residuals.double(), information.double()), a, b) for a, b in pairs
        ]
        return [(a, b) for p, a, b in sorted(found) if p * len(pairs) <= level][:most]

    found = tested(eligible[:CANDIDATES], SURE)
    every = len(eligible) * (len(eligible) - 1) // 2
    if found or len(eligible) <= CANDIDATES or every * len(x) > ALL_COST:
        return found
    return tested(eligible, SURER)


def _binned(x: Tensor, parts: Sequence[tuple[int, tuple[int, ...]]], column: int, coarse: Tensor) -> Tensor:
    """A few groups of a column's rows: 0/1 ``[N, groups]``."""
    number, flat = parts[column]
    width = max(coarse.shape[1] + 1, len(flat))
    states = states_of(x, parts, column, coarse, width)
    if number < 0:
        return states[:, states.mean(0) > 0].double()
    row = sum(1 for slot, _ in parts[:column] if slot >= 0)
    count = int(torch.isfinite(coarse[row]).sum())
    nearest = states.argmax(1)
    gone = nearest == width - 1 if flat else torch.zeros_like(nearest, dtype=torch.bool)
    group = torch.where(gone, BINS, nearest * BINS // max(count, 1))
    groups = torch.nn.functional.one_hot(group, BINS + 1).double()
    return groups[:, groups.sum(0) > 0]


def _p_value(first: Tensor, second: Tensor, residuals: Tensor, information: Tensor) -> float:
    weight = first.T @ (second * information[:, None])
    score = first.T @ (second * residuals[:, None])
    rest = torch.where(weight > 0, score / weight.clamp_min(1e-12), 0)
    for _ in range(20):
        rest = rest - (weight * rest).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp_min(1e-12)
        rest = rest - (weight * rest).sum(0) / weight.sum(0).clamp_min(1e-12)
    gain = (weight * rest.square()).sum()
    freedom = int((weight > 0).sum()) - first.shape[1] - second.shape[1] + 1
    if freedom < 1:
        return 1.0
    return float(torch.special.gammaincc(torch.tensor(freedom / 2, dtype=torch.double), gain / 2))


def without_main_effects(table: Tensor, density: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One pair's cells ``[B, B, R]`` with mean 0 along either column given a state of the other, and what was
    taken out: ``[B, R]`` for the first column and ``[B, R]`` for the second. The sum stays the same.

    Source:
        Lengerich et al. 2020, Purifying Interaction Effects with the Functional ANOVA.
    """
    first, second = torch.zeros_like(table[:, 0]), torch.zeros_like(table[0])
    weight = density[..., None]
    for _ in range(100):
        rows = (weight * table).sum(1) / weight.sum(1).clamp_min(1e-12)
        table, first = table - rows[:, None], first + rows
        columns = (weight * table).sum(0) / weight.sum(0).clamp_min(1e-12)
        table, second = table - columns[None], second + columns
        if float(columns.abs().max()) < 1e-7:
            break
    return table, first, second
