"""Rows that meet conditions: what the precision of an anchor refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.rules._recourse._codes import Codes, Numbers
from pellucid.rules._rule import Condition

Sampling = Literal["neighbour", "marginal"]
DONORS = 10
Chosen = tuple[int, ...]
Seen = tuple[Tensor, NDArray[np.bool_]]


class Draws(Protocol):
    """Conditions that hold for one input, and inputs drawn under some of them."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that may be asked."""
        ...

    @property
    def words(self) -> str:
        """What is drawn, in words."""
        ...

    def draw(self, chosen: Chosen, n: int, chance: np.random.Generator) -> Tensor:
        """Inputs ``[n, *shape]`` that meet the chosen conditions."""
        ...

    def seen(self, chosen: Chosen, n: int, chance: np.random.Generator) -> Seen | None:
        """Inputs ``[n, *shape]`` as :meth:`draw`, and bool ``[n, P]``, which conditions each meets; ``None``
        where inputs that meet one more by chance are not drawn as those that are made to."""
        ...

    def coverage(self, chosen: Chosen) -> float:
        """How much the conditions leave: a share of what is drawn without any."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RowDraws:
    """Real rows of a table whose named columns are made to meet conditions.

    Args:
        codes: the way from arrays to rows.
        conditions: that hold for the row.
        columns: int64 ``[P]``, the column of each.
        real: ``[N + 1, C]``, real rows and, last, the row itself.
        met: bool ``[N + 1, P]``.
        apart: float32 ``[C, N + 1, N + 1]``, distances by column.
        whole: their sum over columns.
        sampling: how named columns get their values.
        like: device and dtype of the network's inputs.
    """

    codes: Codes
    conditions: tuple[Condition, ...]
    columns: NDArray[np.int64]
    real: Numbers
    met: NDArray[np.bool_]
    apart: NDArray[np.float32]
    whole: NDArray[np.float32]
    sampling: Sampling
    like: Tensor
    near: dict[Chosen, NDArray[np.int64]] = field(default_factory=dict[Chosen, NDArray[np.int64]])

    @property
    def words(self) -> str:
        """What is drawn, in words."""
        if self.sampling == "marginal":
            return (
                "real rows whose named columns take values of other rows, each column by itself (columns are "
                "taken as independent)"
            )
        return (
            "real rows; where one does not meet the conditions, its named columns are taken together from "
            f"one of the {DONORS} rows that do and are nearest to it in the other columns"
        )

    def coverage(self, chosen: Chosen) -> float:
        """Share of the real rows that meet the conditions."""
        return float(self.met[:-1][:, list(chosen)].all(1).mean())

    def draw(self, chosen: Chosen, n: int, chance: np.random.Generator) -> Tensor:
        """Encoded rows ``[n, D]``."""
        first = chance.integers(0, len(self.real) - 1, n)
        rows = self.real[first]
        named = sorted(set(self.columns[list(chosen)].tolist()))
        if named and self.sampling == "neighbour":
            donors = self._donors(tuple(sorted(chosen)), named)
            picked = donors[first, chance.integers(0, donors.shape[1], n)]
            rows[:, named] = self.real[picked][:, named]
        else:
            for column in named:
                mine = [p for p in chosen if self.columns[p] == column]
                fits = np.flatnonzero(self.met[:, mine].all(1))
                rows[:, column] = self.real[chance.choice(fits, n), column]
        return self.codes.encode(rows).to(self.like)

    def seen(self, chosen: Chosen, n: int, chance: np.random.Generator) -> Seen | None:
        """Rows that meet a condition already differ from those whose columns are taken from others."""
        return None

    def _donors(self, chosen: Chosen, named: Sequence[int]) -> NDArray[np.int64]:
        """For each real row the rows it may take the named columns from: itself where it meets them."""
        if chosen not in self.near:
            meets = np.asarray(self.met[:, list(chosen)].all(axis=1))
            fits = np.flatnonzero(meets)
            apart = self.whole[:-1][:, fits]
            for k in named:
                apart = apart - self.apart[k, :-1][:, fits]
            count = min(DONORS, len(fits))
            nearest = fits[np.argpartition(apart, count - 1, axis=1)[:, :count]]
            own = np.arange(len(self.real) - 1)
            self.near[chosen] = np.where(meets[:-1, None], own[:, None], nearest)
        return self.near[chosen]


@dataclass(frozen=True, slots=True, eq=False)
class PartDraws:
    """One input of which each part is there or taken away by the toss of a coin; named parts are there.

    Args:
        conditions: one for each part.
        x: ``[1, *shape]``.
        absent: ``[1, *shape]``, with every part taken away.
        parts: int64 ``[*shape]``, part of each element; -1 is always there.
        instead: what stands in the place of a part, in words.
    """

    conditions: tuple[Condition, ...]
    x: Tensor
    absent: Tensor
    parts: Tensor
    instead: str

    @property
    def words(self) -> str:
        """What is drawn, in words."""
        place = f" ({self.instead})" if self.instead else ""
        return f"this input with every other part taken away by the toss of a coin{place}"

    def coverage(self, chosen: Chosen) -> float:
        """Share of the draws without conditions that meet these."""
        return 0.5 ** len(chosen)

    def draw(self, chosen: Chosen, n: int, chance: np.random.Generator) -> Tensor:
        """Inputs ``[n, *shape]``."""
        return self.seen(chosen, n, chance)[0]

    def seen(self, chosen: Chosen, n: int, chance: np.random.Generator) -> Seen:
        """Inputs ``[n, *shape]`` and the parts that are there: each by a toss of its own."""
        kept = chance.random((n, len(self.conditions))) < 0.5
        kept[:, list(chosen)] = True
        # the part after the last is what is always there
        whole = torch.from_numpy(np.concatenate([kept, np.ones((n, 1), dtype=bool)], 1)).to(self.x.device)
        there = whole[:, self.parts]
        return torch.where(there, self.x, self.absent), kept


def part_draws(spec: InputSpec, x: Tensor) -> PartDraws:
    """Draws for the removable parts of one input: words, superpixels, stretches of sound."""
    parts = spec.groups(x)
    parts = parts[0] if parts.ndim == x.ndim else parts
    parts = parts.expand(x.shape[1:]).to(x.device)
    names = spec.group_names(x)
    conditions = tuple(Condition(name, "in", ("there",), "", ("absent",)) for name in names)
    return PartDraws(conditions, x, spec.absent(x), torch.where(parts < 0, len(names), parts), spec.absent_as)
