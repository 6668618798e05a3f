"""Several targets of the same rows: the network is asked once where their points are the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core._feed import Feed
from pellucid._core._target import Target, TargetLike, as_target
from pellucid.errors import MethodError, TargetError

Given = float | Tensor | Mapping[str, float | Tensor]


def together(targets: Sequence[TargetLike]) -> Target:
    """Several definite targets as the columns of one: row ``r`` asks column ``r % K`` of input ``r // K``."""
    each = [as_target(one) for one in targets]
    count, first = len(each), each[0]
    for one in each:
        if one.settle is not None:
            raise TargetError(f"{one.label} must be settled before it goes together with others.")
        if (one.site, one.output) != (first.site, first.output):
            raise TargetError(
                f"{first.label} and {one.label} speak of different outputs of the network, so they share no "
                "pass. Explain them one by one."
            )

    def score(output: Tensor, rows: Tensor) -> Tensor:
        column, row = rows % count, rows // count
        order = column.argsort(stable=True)
        sizes = torch.bincount(column, minlength=count).tolist()
        parts = [
            _asked(one, output.index_select(0, some), row[some])
            for one, some in zip(each, order.split(sizes), strict=True)
            if len(some)
        ]
        return torch.cat(parts).index_select(0, order.argsort())

    label = f"{count} targets, {first.label} first"
    return Target(label, score, first.site, first.output, columns=count)


def _asked(target: Target, output: Tensor, rows: Tensor) -> Tensor:
    score = target.score(output, rows)
    if output.requires_grad and not score.requires_grad:
        # beside others it would pass for a slope of 0
        raise MethodError(
            f"{target.label} does not depend on the network in a differentiable way. "
            "Use a method that only needs scores, such as occlusion."
        )
    return score


@dataclass(frozen=True, slots=True)
class Fold:
    """Which rows of a question are the same input, explained for another target.

    Args:
        feed: the inputs, each once.
        origin: int64 ``[N]``, which of them each row is; equal ones are neighbours, numbered without gaps.
        columns: most rows of one input.
    """

    feed: Feed
    origin: Tensor
    columns: int

    def inputs(self, rows: slice) -> slice:
        """The inputs that some rows of the question are."""
        return slice(int(self.origin[rows.start]), int(self.origin[rows.stop - 1]) + 1)

    def only(self, rows: Tensor) -> Fold | None:
        """The same for some of the rows; ``None`` where they no longer lie side by side."""
        kept = self.origin[rows]
        if not len(kept) or bool((kept.diff() < 0).any()):
            return None
        inputs, origin = kept.unique_consecutive(return_inverse=True)
        columns = int(torch.bincount(origin).max())
        return Fold(_taken(self.feed, inputs), origin, columns) if columns > 1 else None

    def each(self, value: Given) -> Given:
        """What was given for every input, for every row."""
        if isinstance(value, Mapping):
            return {name: self._row_by_row(part) for name, part in value.items()}
        return self._row_by_row(value)

    def _row_by_row(self, value: float | Tensor) -> float | Tensor:
        if not isinstance(value, Tensor) or value.ndim == 0 or len(value) != self.feed.rows:
            return value
        return value.index_select(0, self.origin.to(value.device))

    def shared(self, points: Tensor, rows: slice) -> tuple[Tensor, Tensor] | None:
        """Points ``[c, n, …]`` of some rows with each input once ``[c, g, …]``, and whose each row is.

        ``None`` where the targets of one input have gone different ways.
        """
        place = self.origin[rows] - self.origin[rows.start]
        first = torch.cat([place.new_zeros(1), (place.diff() != 0).nonzero()[:, 0] + 1])
        place, first = place.to(points.device), first.to(points.device)
        once = points.index_select(1, first)
        return (once, place) if torch.equal(once.index_select(1, place), points) else None


def folded(feed: Feed, columns: int) -> tuple[Feed, Fold]:
    """The inputs with each row ``columns`` times, and how to undo it."""
    origin = torch.arange(feed.rows).repeat_interleave(columns)
    return _taken(feed, origin), Fold(feed, origin, columns)


def turns(place: Tensor) -> Tensor:
    """How many times each number of a sorted list was there before: int64.

    Example:
        >>> turns(torch.tensor([0, 0, 1, 2, 2, 2])).tolist()
        [0, 1, 0, 0, 1, 2]
    """
    counts = torch.bincount(place)
    starts = counts.cumsum(0) - counts
    return torch.arange(len(place), device=place.device) - starts[place]


def _taken(feed: Feed, rows: Tensor) -> Feed:
    def take(part: Tensor) -> Tensor:
        return part.index_select(0, rows.to(part.device))

    held = {name: take(part) for name, part in feed.held.items()}
    return dataclasses.replace(feed, packed=take(feed.packed), held=held)
