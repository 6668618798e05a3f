"""DeepLIFT contributions of one chunk, pair by pair."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid._core import Pass, Slope
from pellucid.attribution._multipliers._differences import Differences, Rule
from pellucid.attribution._multipliers._pairing import Pairing
from pellucid.attribution._operations import frozen, unseen
from pellucid.errors import MethodError

# (ks [c], rows of n) -> references that broadcast to [c, n, *shape]
References = Callable[[Tensor, slice], Tensor]
# (ks [c], rows of n, scores at the references [c, n], elementwise operations rescaled, operations that the
# input steers otherwise than the reference)
Heard = Callable[[Tensor, slice, Tensor, int, set[str]], None]


def by_pairs(method: str, references: References, rule: Rule, heard: Heard) -> Slope:
    """Each row with its own reference, both passed through."""

    def contributions(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        count, shape = len(ks), points.shape[1:]
        pairing = Pairing()
        start = references(ks, rows).expand(count, rows.stop - rows.start, *shape).reshape(points.shape)
        with frozen(work, method), torch.enable_grad():
            first = leaf(start)
            with Differences(method, pairing, remember=True, rule=rule):
                base = work.score(first.clone(), rows, count).detach()
            x = leaf(points)
            with Differences(method, pairing, remember=False, rule=rule) as seen:
                score = work.score(x.clone(), rows, count)
            pairing.compare()
            multiplier = graded(work, score, x, method, torch.ones_like(score))
        heard(ks, rows, base.view(count, -1), seen.rescaled, pairing.torn)
        return multiplier * (x - first).detach(), score.detach()

    return contributions


def leaf(points: Tensor) -> Tensor:
    """Points that a graph may begin with."""
    return (points.clone() if points.is_inference() else points.detach()).requires_grad_()


def graded(
    work: Pass, score: Tensor, x: Tensor, method: str, outer: Tensor, *, again: bool = False
) -> Tensor:
    """Multipliers of a score; raises where there are none. ``again`` keeps the graph for another time."""
    unseen(score, method)
    found = None
    if score.requires_grad:
        (found,) = torch.autograd.grad(score, x, outer, allow_unused=True, retain_graph=again)
    if found is None:
        raise MethodError(
            f"{work.target.label} does not depend on {work.at or 'the input'} in a way that {method} "
            "can follow."
        )
    return found
