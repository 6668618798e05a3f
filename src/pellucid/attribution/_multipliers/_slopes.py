"""DeepLIFT contributions of one chunk: pair by pair, or every row against every reference."""

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
# (ks [c], rows of n, scores at the references [c, n], who watched)
Heard = Callable[[Tensor, slice, Tensor, Differences], None]


def by_pairs(method: str, references: References, rule: Rule, heard: Heard) -> Slope:
    """Each row with its own reference, both passed through."""

    def contributions(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        count, shape = len(ks), points.shape[1:]
        pairing = Pairing()
        start = references(ks, rows).expand(count, rows.stop - rows.start, *shape).reshape(points.shape)
        with frozen(work.feed.model, method), torch.enable_grad():
            first = _leaf(start)
            with Differences(method, pairing, remember=True, rule=rule):
                base = work.score(first.clone(), rows, count).detach()
            x = _leaf(points)
            with Differences(method, pairing, remember=False, rule=rule) as seen:
                score = work.score(x.clone(), rows, count)
            (multiplier,) = _graded(work, score, x, method, torch.ones_like(score))
        heard(ks, rows, base.view(count, -1), seen)
        return multiplier * (x - first).detach(), score.detach()

    return contributions


def by_background(method: str, background: Tensor, heard: Heard) -> Slope:
    """Every row with every reference: rows and references pass once, only the backward goes by pairs."""

    def contributions(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        n, count = rows.stop - rows.start, len(ks)
        start = background[ks.to(background.device)]
        # one reference more where the counts agree, so that no tensor can pass for the other kind
        padded = torch.cat([start, start[:1]]) if n == count else start
        pairing = Pairing((n, len(padded)))
        with frozen(work.feed.model, method), torch.enable_grad():
            first = _leaf(padded)
            with Differences(method, pairing, remember=True):
                output = work.output(first.clone(), rows, 1)
                work.target.score(output, torch.full((len(padded),), rows.start, device=output.device))
            pairing.whole(output)
            x = _leaf(points[:n])
            with Differences(method, pairing, remember=False) as seen:
                score = work.score(x.clone(), rows, 1)
            each = torch.ones((count, n), dtype=score.dtype, device=score.device)
            there = [t[:count].unsqueeze(1) for t in pairing.all()]

            def back(ones: Tensor, *tensors: Tensor) -> Tensor:
                pairing.put(tensors)
                return _graded(work, score, x, method, ones)[0]

            multiplier = torch.func.vmap(back)(each, *there)
            base = work.scored(output[:count].detach().repeat_interleave(n, 0), rows, count)
        heard(ks, rows, base.detach().view(count, n), seen)
        values = multiplier * (x.detach() - start.unsqueeze(1))
        return values.reshape(points.shape), score.detach().repeat(count)

    return contributions


def _leaf(points: Tensor) -> Tensor:
    return (points.clone() if points.is_inference() else points.detach()).requires_grad_()


def _graded(work: Pass, score: Tensor, x: Tensor, method: str, outer: Tensor) -> tuple[Tensor]:
    unseen(score, method)
    found = torch.autograd.grad(score, x, outer, allow_unused=True) if score.requires_grad else (None,)
    if found[0] is None:
        raise MethodError(
            f"{work.target.label} does not depend on {work.at or 'the input'} in a way that {method} "
            "can follow."
        )
    return (found[0],)
