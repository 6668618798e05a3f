"""Pictures and signals inside the band of magnitudes that the data have at each frequency."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features._statistics import (
    EDGE,
    Kind,
    channel_range,
    from_waves,
    mixed,
    mixing,
    per_row,
    quantiles,
    to_waves,
    within,
)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """A free phase and, at every frequency, a magnitude between the 5 % and 95 % quantiles of the data.

    Channels are decorrelated by the data's channel covariance first; the distance from the mean is capped at
    the data's 95 % quantile; values are clipped to each channel's range.
    """

    shape: tuple[int, ...]
    mean: Tensor
    mix: Tensor
    small: Tensor
    large: Tensor
    reach: Tensor
    low: Tensor
    high: Tensor
    kind: Kind = "spectrum"

    @classmethod
    def of(cls, data: Tensor) -> Spectrum:
        """Take the statistics of data ``[n, C, *space]``."""
        mean = data.mean(0)
        away = data - mean
        mix = mixing(away)
        small, large = quantiles(to_waves(mixed(away, torch.linalg.inv(mix))).abs(), (1 - EDGE, EDGE))
        reach = away.flatten(1).norm(dim=1).quantile(EDGE)
        return cls(tuple(data.shape[1:]), mean, mix, small, large, reach, *channel_range(data))

    @property
    def latent(self) -> tuple[int, ...]:
        """Two numbers per frequency: a point whose angle is the phase."""
        return (*self.small.shape, 2)

    def make(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        radius = latents.norm(dim=-1).clamp_min(1e-6)
        magnitude = self.small + (self.large - self.small) * torch.sigmoid(2 * (radius - 1.25))
        waves = torch.view_as_complex(latents.contiguous()) * (magnitude / radius)
        away = mixed(from_waves(waves, self.shape[1:]), self.mix)
        away = away * per_row(within(away.flatten(1).norm(dim=1), self.reach), away)
        return (self.mean + away).clamp(self.low, self.high)

    def settle(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        return self.make(latents)

    def find(self, inputs: Tensor) -> Tensor:
        """The same phases, magnitudes moved into the band."""
        waves = to_waves(mixed(inputs - self.mean, torch.linalg.inv(self.mix)))
        share = (waves.abs() - self.small) / (self.large - self.small).clamp_min(1e-12)
        radius = (1.25 + torch.logit(share.clamp(0.02, 0.98)) / 2).clamp_min(0.05)
        return torch.view_as_real(waves / waves.abs().clamp_min(1e-12) * radius)
