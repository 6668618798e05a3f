"""Slopes with respect to a hidden layer, while the inputs go from a baseline to where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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

    def mean_slope(self, steps: int) -> Tensor:
        """Average slope with respect to the layer, by Gauss-Legendre nodes."""
        nodes, weights = np.polynomial.legendre.leggauss(_counted(steps))
        total = torch.zeros_like(self.q.point, dtype=self.exact)
        along = self.along(torch.from_numpy((nodes + 1) / 2))
        for ks, rows, slopes in self.moved.gradients(along, steps, by=_slope_at(self.at)):
            for k, slope in zip(ks.tolist(), slopes, strict=True):
                total[rows] += float(weights[k]) / 2 * slope.to(self.exact)
        return total.to(self.q.point.dtype)

    def conductance(self, steps: int) -> tuple[Tensor, Tensor]:
        """Sum of the slope of each stretch times the layer's change over it, and scores at the baseline.

        A stretch has the mean of the slopes at its ends, which are found in the pass that reads the layer.
        """
        total, last, slope = (torch.zeros_like(self.q.point, dtype=self.exact) for _ in range(3))
        reference = self.q.point.new_empty(self.q.rows)
        along = self.along(torch.arange(_counted(steps) + 1, dtype=torch.float64) / steps)
        for ks, rows, found, scores in self.moved.passes(along, steps + 1, by=_both_at(self.at)):
            for k, both, score in zip(ks.tolist(), found.to(self.exact), scores, strict=True):
                layer, now = both.unbind(1)
                if k:
                    total[rows] += (slope[rows] + now) / 2 * (layer - last[rows])
                else:
                    reference[rows] = score.to(reference)
                last[rows], slope[rows] = layer, now
        return total.to(self.q.point.dtype), reference

    @property
    def exact(self) -> torch.dtype:
        """In what is summed."""
        return torch.promote_types(self.q.point.dtype, torch.float32)

    def along(self, places: Tensor):
        """Inputs at places on the way."""
        share = places.to(self.start).view(-1, *[1] * self.start.ndim)

        def points(ks: Tensor, rows: slice) -> Tensor:
            # lerp() meets both ends exactly
            return torch.lerp(self.start[rows], self.moved.point[rows], share[ks.to(share.device)])

        return points


def _both_at(at: str | None) -> Slope:
    """What a layer is and the slope with respect to it: ``[b, 2, *s]``."""
    look = _looked(at)

    def both(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        layer, slope, score = look(work, points, ks, rows)
        return torch.stack([layer.detach(), slope], 1), score

    return both


def _slope_at(at: str | None) -> Slope:
    """Slope with respect to a layer ``[b, *s]``."""
    look = _looked(at)

    def slope(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        return look(work, points, ks, rows)[1:]

    return slope


def _looked(at: str | None) -> Callable[[Pass, Tensor, Tensor, slice], tuple[Tensor, Tensor, Tensor]]:
    """Layer, slope with respect to it and scores, in one pass."""

    def look(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
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
        return layer, found, score.detach()

    return look


def _counted(steps: int) -> int:
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}.")
    return steps
