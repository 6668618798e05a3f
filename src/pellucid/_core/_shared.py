"""Several targets of one input in one pass: what of the points that pass is whose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pellucid._core._pass import Pass, Slope

# (weight of each score [c * n], whether there will be another time) -> values of the points that passed
Back = Callable[[Tensor, bool], Tensor]


class Apart(Exception):  # noqa: N818
    """The targets of one input have gone different ways, so they share no pass."""


class Sharing:
    """A slope that goes back by ``work.targets.back``: several targets of an input share its way there."""

    def __init__(self, slope: Slope) -> None:
        self._slope = slope

    def __call__(self, work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """Values and scores of one chunk."""
        return self._slope(work, points, ks, rows)


def shares(by: Slope | None) -> bool:
    """Whether targets of one input may share a pass."""
    return by is None or isinstance(by, Sharing)


class Alone:
    """One target of each point that passes."""

    def back(self, score: Tensor, back: Back) -> Tensor:
        """What goes back from every score to its own point: ``[c * n, *anything]``."""
        return back(torch.ones_like(score), False)

    def each(self, passed: Tensor) -> Tensor:
        """What belongs to the points that pass, for every score: ``[c * n, …]``."""
        return passed

    def asks(self, rows: slice) -> slice:
        """Rows of the question whose points pass."""
        return rows

    def once(self, values: Callable[[slice], Tensor], rows: slice) -> Tensor:
        """``values`` of rows of the question ``[c * n, …]``, for the points that pass.

        Raises:
            Apart: where targets of one point have other values.
        """
        return values(rows)


SINGLY = Alone()


@dataclass(frozen=True, slots=True)
class Shared(Alone):
    """Several targets of each point that passes.

    Args:
        question: rows that are asked.
        which: int64 ``[c * n]``, which of the points that pass each score is of.
        turn: int64 ``[c * n]``, which of the targets of its point it is.
    """

    question: slice
    which: Tensor
    turn: Tensor

    def back(self, score: Tensor, back: Back) -> Tensor:
        """One target of each point after the other."""
        last = int(self.turn.max())
        found = self.each(back((self.turn == 0).to(score), last > 0))
        for number in range(1, last + 1):
            mine = self.turn == number
            found[mine] = back(mine.to(score), number < last)[self.which[mine]]
        return found

    def each(self, passed: Tensor) -> Tensor:
        """Every score's own."""
        return passed.index_select(0, self.which.to(passed.device))

    def asks(self, rows: slice) -> slice:
        """Those of all targets."""
        return self.question

    def once(self, values: Callable[[slice], Tensor], rows: slice) -> Tensor:
        """Those of the first target of each point."""
        every = values(self.question)
        found = every[(self.turn == 0).to(every.device)]
        if not torch.equal(self.each(found), every):
            raise Apart
        return found
