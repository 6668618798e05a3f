"""Targets of one input that share its way through the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid._core._fold import turns
from pellucid.errors import MethodError

if TYPE_CHECKING:
    from pellucid._core._pass import Pass

# a slope of a method's own: (pass, points [c * n, *shape], ks [c], rows of n)
# -> (values [c * n, *anything], scores [c * n])
Slope = Callable[["Pass", Tensor, Tensor, slice], tuple[Tensor, Tensor]]
# (weight of each score [c * n], whether there will be another time) -> values of the points that passed
Back = Callable[[Tensor, bool], Tensor]


class Apart(Exception):  # noqa: N818
    """The targets of one input have gone different ways, so a chunk is larger than it was cut to be."""


class Sharing:
    """A slope that goes back by ``Pass.back``: several targets of an input share its way there."""

    def __init__(self, slope: Slope) -> None:
        self._slope = slope

    def __call__(self, work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """Values and scores of one chunk."""
        return self._slope(work, points, ks, rows)


def shares(by: Slope | None) -> bool:
    """Whether targets of one input may share a pass."""
    return by is None or isinstance(by, Sharing)


def slope_of(score: Tensor, start: Tensor, outer: Tensor, *, keep: bool) -> Tensor | None:
    """Slope of ``outer · score`` by ``start``, ``None`` where there is none; ``keep`` leaves the graph."""
    if not (score.requires_grad and start.requires_grad):
        return None
    return torch.autograd.grad(score, start, outer, allow_unused=True, retain_graph=keep or None)[0]


def back_to(work: Pass, score: Tensor, start: Tensor, how: str) -> Tensor:
    """What goes back from every score to its own point at ``start``.

    Raises:
        MethodError: where nothing does; ``how`` ends the sentence that the score does not depend …
    """

    def back(outer: Tensor, keep: bool) -> Tensor:
        found = slope_of(score, start, outer, keep=keep)
        if found is None:
            raise MethodError(f"{work.target.label} does not depend {how}")
        return found

    return work.back(score, back)


@dataclass(frozen=True, slots=True)
class Sharers:
    """The targets that are asked of points which pass once each.

    Args:
        rows: of the question, one for each target of an input.
        which: int64 ``[c * n]``, which of the points that pass each score is of.
        turn: int64 ``[c * n]``, which of the targets of its point it is.
    """

    rows: slice
    which: Tensor
    turn: Tensor

    @classmethod
    def of(cls, rows: slice, copies: int, inputs: int, place: Tensor) -> Sharers:
        """Of rows that are the inputs ``place``, of which there are ``copies``."""
        which = torch.arange(copies, device=place.device)[:, None] * inputs + place
        return cls(rows, which.flatten(), turns(place).repeat(copies))

    @property
    def turns(self) -> int:
        """How often one goes back."""
        return int(self.turn.max()) + 1

    def each(self, passed: Tensor) -> Tensor:
        """What belongs to the points that pass, for every score."""
        return passed.index_select(0, self.which.to(passed.device))

    def once(self, every: Tensor) -> Tensor:
        """What belongs to the first target of each point; raises :class:`Apart` where others have another."""
        found = every[(self.turn == 0).to(every.device)]
        if not torch.equal(self.each(found), every):
            raise Apart
        return found

    def back(self, score: Tensor, back: Back) -> Tensor:
        """One target of each point after the other."""
        count = self.turns
        found = self.each(back((self.turn == 0).to(score), count > 1))
        for number in range(1, count):
            mine = self.turn == number
            found[mine] = back(mine.to(score), number + 1 < count)[self.which[mine]]
        return found
