"""DeepLIFT contributions of one chunk, pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Pass, Sharing, Slope, slope_of
from pellucid.attribution._multipliers._differences import Differences, Rule
from pellucid.attribution._multipliers._pairing import Pairing, RowsMixedError
from pellucid.attribution._operations import frozen, unseen
from pellucid.errors import MethodError

# (ks [c], rows of n) -> references that broadcast to [c, n, *shape]
References = Callable[[Tensor, slice], Tensor]
# (ks [c], rows of n, scores at the references [c, n], elementwise operations rescaled, operations that the
# input steers otherwise than the reference)
Heard = Callable[[Tensor, slice, Tensor, int, set[str]], None]


def by_pairs(method: str, references: References, rule: Rule, heard: Heard) -> Slope:
    """Each row with its own reference, both passed through; references that are all equal pass once."""

    def contributions(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        count, shape = len(ks), points.shape[1:]

        def of(some: slice) -> Tensor:
            return references(ks, some).expand(count, some.stop - some.start, *shape).flatten(0, 1)

        start = work.once(of, rows)
        # what goes along belongs to its own row, and so does what reaches the score past a hidden site
        alike = rule == "rescale" and work.at is None and not work.feed.held and len(start) > 1
        with frozen(work, method), torch.enable_grad():
            found = None
            if alike and bool((start == start[:1]).all()):
                with suppress(RowsMixedError):
                    found = _found(work, points, start[:1], rows, count, method, rule)
            if found is None:
                found = _found(work, points, start, rows, count, method, rule)
        heard(ks, work.asks(rows), found.base.view(count, -1), found.rescaled, found.torn)
        return found.values, found.score

    return Sharing(contributions)


@dataclass(frozen=True, slots=True)
class _Found:
    """Contributions and scores of a chunk, and what is heard of it."""

    values: Tensor
    score: Tensor
    base: Tensor
    rescaled: int
    torn: set[str]


def _found(
    work: Pass, points: Tensor, start: Tensor, rows: slice, count: int, method: str, rule: Rule
) -> _Found:
    once = len(start) < len(points)
    pairing = Pairing(len(points) if once else None, once=once)
    first = leaf(start)
    there = Differences(method, pairing, remember=True, rule=rule)
    with there:
        output = work.output(
            first.clone(), slice(rows.start, rows.start + 1) if once else rows, 1 if once else count
        )
        if once:
            pairing.whole(output, 1)
            output = output.expand(len(points), *output.shape[1:])
    base = _asked(work, output, rows, count, there).detach()
    x = leaf(points)
    seen = Differences(method, pairing, remember=False, rule=rule)
    with seen:
        output = work.output(x.clone(), rows, count)
    score = _asked(work, output, rows, count, seen)
    pairing.compare()

    def back(outer: Tensor, keep: bool) -> Tensor:
        return graded(work, score, x, method, outer, again=keep) * (x - first).detach()

    return _Found(work.back(score, back), score.detach(), base, seen.rescaled, pairing.torn)


def _asked(work: Pass, output: Tensor, rows: slice, count: int, watch: Differences) -> Tensor:
    if work.picks:
        return work.scored(output, rows, count)  # one number of each row, as it is
    with watch:
        return work.scored(output, rows, count)


def leaf(points: Tensor) -> Tensor:
    """Points that a graph may begin with."""
    return (points.clone() if points.is_inference() else points.detach()).requires_grad_()


def graded(
    work: Pass, score: Tensor, x: Tensor, method: str, outer: Tensor, *, again: bool = False
) -> Tensor:
    """Multipliers of a score; raises where there are none. ``again`` keeps the graph for another time."""
    unseen(score, method)
    found = slope_of(score, x, outer, keep=again)
    if found is None:
        raise MethodError(
            f"{work.target.label} does not depend on {work.at or 'the input'} in a way that {method} "
            "can follow."
        )
    return found
