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
    Sharing,
    Slope,
    TargetLike,
    back_to,
    probe,
)
from pellucid.errors import InputError

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
        share = torch.from_numpy(weights / 2).to(total)
        along = self.along(torch.from_numpy((nodes + 1) / 2))
        for ks, rows, slopes in self.moved.gradients(along, steps, by=_slope_at(self.at, [])):
            total[rows] += torch.tensordot(share[ks.to(share.device)], slopes.to(self.exact), 1)
        return total.to(self.q.point.dtype)

    def conductance(self, steps: int) -> tuple[Tensor, Tensor]:
        """Sum of the slope of each stretch times the layer's change over it, and scores at the baseline.

        A stretch has the mean of the slopes at its ends, which are found in the pass that reads the layer.
        """
        total, last, before = (torch.zeros_like(self.q.point, dtype=self.exact) for _ in range(3))
        reference = self.q.point.new_empty(self.q.rows)
        along = self.along(torch.arange(_counted(steps) + 1, dtype=torch.float64) / steps)
        seen: list[Tensor] = []
        passes = self.moved.passes(along, steps + 1, by=_slope_at(self.at, seen))
        for ks, rows, slope, scores in passes:
            layer, slope = seen.pop().view(slope.shape).to(self.exact), slope.to(self.exact)
            if int(ks[0]) == 0:
                reference[rows] = scores[0].to(reference)
            else:
                total[rows] += (before[rows] + slope[0]) * (layer[0] - last[rows])
            change = layer[1:] - layer[:-1]
            total[rows] += change.mul_(slope[1:] + slope[:-1]).sum(0)
            last[rows], before[rows] = layer[-1], slope[-1]
        return (total / 2).to(self.q.point.dtype), reference

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


def _slope_at(at: str | None, seen: list[Tensor]) -> Slope:
    """Slope with respect to a layer ``[b, *s]``; what the layer is comes last in ``seen``."""

    def cut(layer: Tensor) -> Tensor:
        # what lies below the layer needs no way back
        return layer.detach().requires_grad_() if layer.is_floating_point() else layer

    def slope(work: Pass, points: Tensor, ks: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        for parameter in work.feed.guard.parameters:
            parameter.requires_grad_(False)
        moving = points.detach().requires_grad_(at is None)
        with torch.enable_grad():
            fed = work.laid(moving, rows, len(ks))
        with (
            torch.enable_grad(),
            probe(
                work.feed.model, read=[] if at is None else [at], write={} if at is None else {at: cut}
            ) as probed,
        ):
            score = work.score(fed, rows, len(ks))
        layer = moving if at is None else probed[at]
        how = f"on {at or 'the input'} in a differentiable way. Explain another layer."
        found = back_to(work, score, layer, how)
        seen[:] = [work.each(layer.detach()).contiguous()]
        return found, score.detach()

    return Sharing(slope)


def _counted(steps: int) -> int:
    if steps < 1:
        raise InputError(f"steps must be at least 1, got {steps}.")
    return steps
