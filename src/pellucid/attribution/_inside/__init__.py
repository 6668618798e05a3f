"""Slopes with respect to a hidden layer, while the inputs go from a baseline to where they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pellucid._core import (
    Batch,
    Compute,
    InputSpec,
    Param,
    Pass,
    Question,
    Slope,
    TargetLike,
    probe,
)
from pellucid.errors import InputError, MethodError

Baseline = float | Tensor | Mapping[str, float | Tensor] | None


class Inside:
    """A question about a hidden layer, and the same question about the inputs that reach it."""

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor | Batch,
        target: TargetLike,
        at: str | None,
        spec: InputSpec | None,
        baseline: Baseline,
        compute: Compute | None,
    ) -> None:
        self.moved = Question(model, inputs, target, spec=spec, compute=compute)
        self.at, self.baseline = at, baseline
        self.q = self.moved if at is None else self.moved.at_site(at)
        self.start = self.moved.filled(baseline)

    def params(self, steps: int) -> dict[str, Param]:
        """What shapes the numbers."""
        kept = self.start if isinstance(self.baseline, Mapping) else self.baseline
        return {"baseline": kept, "steps": steps}

    def reference(self) -> Tensor:
        """Scores at the baseline."""
        return self.moved.scores(lambda _, rows: self.start[rows])[0]

    def mean_slope(self, steps: int) -> Tensor:
        """Average slope with respect to the layer, by Gauss-Legendre nodes."""
        nodes, weights = np.polynomial.legendre.leggauss(_counted(steps))
        total = torch.zeros_like(self.q.point, dtype=self.exact)
        along = self.along(torch.from_numpy((nodes + 1) / 2))
        for ks, rows, slopes in self.moved.gradients(along, steps, by=_slope_at(self.at)):
            for k, slope in zip(ks.tolist(), slopes, strict=True):
                total[rows] += float(weights[k]) / 2 * slope.to(self.exact)
        return total.to(self.q.point.dtype)

    def conductance(self, steps: int) -> Tensor:
        """Sum of slopes halfway through each stretch times the layer's change over the stretch."""
        total, last = (torch.zeros_like(self.q.point, dtype=self.exact) for _ in range(2))
        # a place and its neighbour half a step on take turns: 0, ½, 1, 1½, …
        along = self.along(torch.arange(2 * _counted(steps) + 1, dtype=torch.float64) / (2 * steps))
        slope = torch.zeros_like(last)
        for ks, rows, found in self.moved.gradients(along, 2 * steps + 1, by=_by_turns(self.at)):
            for k, each in zip(ks.tolist(), found.to(self.exact).unbind(0), strict=True):
                if k % 2:
                    slope[rows] = each
                    continue
                if k:
                    total[rows] += slope[rows] * (each - last[rows])
                last[rows] = each
        return total.to(self.q.point.dtype)

    @property
    def exact(self) -> torch.dtype:
        """In what is summed."""
        return torch.promote_types(self.q.point.dtype, torch.float32)

    def along(self, places: Tensor):
        """Inputs at places on the way."""
        way = self.moved.point - self.start
        share = places.to(way).view(-1, *[1] * way.ndim)

        def points(ks: Tensor, rows: slice) -> Tensor:
            return torch.addcmul(self.start[rows], share[ks.to(share.device)], way[rows])

        return points


def _by_turns(at: str | None) -> Slope:
    """What the layer is at even places, where a pass ends there, and the slope by it at odd ones."""

    def either(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        each = points.view(len(ks), -1, *points.shape[1:])
        odd = (ks % 2 == 1).to(points.device)
        found: Tensor | None = None
        score = points.new_zeros(each.shape[:2])
        for which, do in ((odd, _slope_at(at)), (~odd, _layer_at(at))):
            count = int(which.sum())
            if not count:
                continue
            chosen = each if count == len(ks) else each[which]
            part, scored = do(work, chosen.reshape(-1, *points.shape[1:]), ks[which.to(ks.device)], rows)
            part = part.view(count, -1, *part.shape[1:])
            found = part.new_empty((len(ks), *part.shape[1:])) if found is None else found
            found[which], score[which] = part, scored.view(count, -1).to(score)
        assert found is not None
        return found.flatten(0, 1), score.flatten()

    return either


def _layer_at(at: str | None) -> Slope:
    """What the layer is; no scores are known where a pass ends there."""

    def seen(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        unknown = points.new_full((len(points),), torch.nan)
        if at is None:
            return points.detach(), unknown
        with torch.no_grad(), probe(work.feed.model, read=[at], stop=at) as probed:
            work.feed.run(points.clone(), rows, len(ks))
        return probed[at].detach(), unknown

    return seen


def _slope_at(at: str | None) -> Slope:
    """Slope with respect to a layer ``[b, *s]``."""

    def slope(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        read = [] if at is None else [at]
        with torch.enable_grad(), probe(work.feed.model, read=read) as probed:
            moving = points.detach().requires_grad_()
            score = work.score(moving.clone(), rows, len(ks))
        layer = moving if at is None else probed[at]
        found = None
        if score.requires_grad and layer.requires_grad:
            (found,) = torch.autograd.grad(score, layer, torch.ones_like(score), allow_unused=True)
        if found is None:
            raise MethodError(
                f"{work.target.label} does not depend on {at or 'the input'} in a differentiable way. "
                "Explain another layer."
            )
        return found, score.detach()

    return slope


def _counted(steps: int) -> int:
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}.")
    return steps
