"""Pictures inside the data's own covariance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features._statistics import EDGE, Kind, channel_range, within

KEPT_SMALL, KEPT = 0.98, 0.9
SMALL = 256


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """Mean plus a combination of principal components, no further out than 95 % of the data.

    The leading components that hold 90 % of the variance (98 % of inputs up to 256 numbers, whose fine detail
    is not noise but most of what there is); the Mahalanobis radius inside them and the distance from the mean
    are capped at the data's 95 % quantiles; values are clipped to each channel's range.
    """

    shape: tuple[int, ...]
    mean: Tensor
    basis: Tensor
    scale: Tensor
    radius: Tensor
    reach: Tensor
    low: Tensor
    high: Tensor
    kind: Kind = "covariance"

    @classmethod
    def of(cls, data: Tensor) -> Covariance:
        """Take the statistics of data ``[n, C, *space]``."""
        flat = data.flatten(1)
        mean = flat.mean(0)
        away = flat - mean
        values, vectors = _components(away.double())
        share = values.cumsum(0) / values.sum().clamp_min(1e-30)
        kept = KEPT_SMALL if flat.shape[1] <= SMALL else KEPT
        count = min(int((share < kept).sum()) + 1, max(1, len(flat) - 1))
        scale = values[:count].sqrt().clamp_min(1e-12).to(flat.dtype)
        basis = vectors[:, :count].to(flat.dtype)
        inside = away @ basis
        low, high = channel_range(data)
        return cls(
            tuple(data.shape[1:]),
            mean,
            basis,
            scale,
            (inside / scale).norm(dim=1).quantile(EDGE),
            inside.norm(dim=1).quantile(EDGE),
            low,
            high,
        )

    @property
    def latent(self) -> tuple[int, ...]:
        """One number per component."""
        return (len(self.scale),)

    def make(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        inside = latents * within(latents.norm(dim=1, keepdim=True), self.radius) * self.scale
        inside = inside * within(inside.norm(dim=1, keepdim=True), self.reach)
        made = self.mean + inside @ self.basis.T
        return made.view(-1, *self.shape).clamp(self.low, self.high)

    def settle(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        return self.make(latents)

    def find(self, inputs: Tensor) -> Tensor:
        """The projection on the components."""
        return (inputs.flatten(1) - self.mean) @ self.basis / self.scale


def _components(away: Tensor) -> tuple[Tensor, Tensor]:
    """Variances, largest first, and unit directions ``[D, k]`` of rows ``[n, D]`` of mean zero."""
    n, width = away.shape
    if width <= n:
        values, vectors = torch.linalg.eigh(away.T @ away / n)
        return values.flip(0).clamp_min(0), vectors.flip(1)
    # fewer rows than numbers: the rows' own products have the same variances
    values, rows = torch.linalg.eigh(away @ away.T / n)
    values, rows = values.flip(0).clamp_min(0), rows.flip(1)
    return values, away.T @ rows / (values * n).sqrt().clamp_min(1e-12)
