"""Pictures that keep the data's own statistics: what is learned is a point inside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

KEPT_SMALL, KEPT = 0.98, 0.9
SMALL = 256
EDGE = 0.95
MOST_ELEMENTS = 1024
Kind = Literal["covariance", "spectrum", "marginals"]


class Statistics(Protocol):
    """A map from free latent numbers to inputs that look like the data in a stated way."""

    @property
    def kind(self) -> Kind:
        """Which statistics are kept."""
        ...

    @property
    def latent(self) -> tuple[int, ...]:
        """Shape of the latent numbers of one input."""
        ...

    def make(self, latents: Tensor) -> Tensor:
        """Inputs ``[b, *shape]`` from latents ``[b, *latent]``; differentiable."""
        ...

    def settle(self, latents: Tensor) -> Tensor:
        """As :meth:`make`, with what must be whole made whole."""
        ...

    def find(self, inputs: Tensor) -> Tensor:
        """Latents close to real inputs."""
        ...


def within(length: Tensor, most: Tensor) -> Tensor:
    """Factor that shortens to at most ``most``: 1 where it is shorter."""
    return (most / length.clamp_min(1e-12)).clamp(max=1)


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """``[b]`` with axes of size 1 to go with ``like`` ``[b, …]``."""
    return values.view(-1, *[1] * (like.ndim - 1))


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
        values, vectors = torch.linalg.eigh(away.T.double() @ away.double() / len(flat))
        values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
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
        pixels = away.movedim(1, -1).flatten(0, -2)
        values, vectors = torch.linalg.eigh(pixels.T.double() @ pixels.double() / len(pixels))
        mix = (vectors * values.clamp_min(values.max() * 1e-8 + 1e-30).sqrt()).to(data.dtype)
        magnitude = _forward(_mixed(away, torch.linalg.inv(mix))).abs()
        low, high = channel_range(data)
        return cls(
            tuple(data.shape[1:]),
            mean,
            mix,
            magnitude.quantile(1 - EDGE, dim=0),
            magnitude.quantile(EDGE, dim=0),
            away.flatten(1).norm(dim=1).quantile(EDGE),
            low,
            high,
        )

    @property
    def latent(self) -> tuple[int, ...]:
        """Two numbers per frequency: a point whose angle is the phase."""
        return (*self.small.shape, 2)

    def make(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        radius = latents.norm(dim=-1).clamp_min(1e-6)
        magnitude = self.small + (self.large - self.small) * torch.sigmoid(2 * (radius - 1.25))
        waves = torch.view_as_complex(latents.contiguous()) * (magnitude / radius)
        axes = tuple(range(-len(self.shape) + 1, 0))
        away = _mixed(torch.fft.irfftn(waves, s=self.shape[1:], dim=axes, norm="ortho"), self.mix)
        away = away * per_row(within(away.flatten(1).norm(dim=1), self.reach), away)
        return (self.mean + away).clamp(self.low, self.high)

    def settle(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        return self.make(latents)

    def find(self, inputs: Tensor) -> Tensor:
        """The same phases, magnitudes moved into the band."""
        waves = _forward(_mixed(inputs - self.mean, torch.linalg.inv(self.mix)))
        share = (waves.abs() - self.small) / (self.large - self.small).clamp_min(1e-12)
        radius = (1.25 + torch.logit(share.clamp(0.02, 0.98)) / 2).clamp_min(0.05)
        return torch.view_as_real(waves / waves.abs().clamp_min(1e-12) * radius)


def _forward(away: Tensor) -> Tensor:
    return torch.fft.rfftn(away, dim=tuple(range(2, away.ndim)), norm="ortho")


def _mixed(away: Tensor, mix: Tensor) -> Tensor:
    return torch.einsum("kc,nc...->nk...", mix, away)


def channel_range(data: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of each channel, ``[C, 1, …]``."""
    axes = tuple(k for k in range(data.ndim) if k != 1)
    shape = (data.shape[1], *[1] * (data.ndim - 2))
    return data.amin(axes).view(shape), data.amax(axes).view(shape)


def of_pictures(data: Tensor, kind: str) -> Statistics:
    """Statistics of pictures or signals; ``"auto"`` takes the full covariance where it can be estimated."""
    if kind == "auto":
        kind = "covariance" if data[0].numel() <= MOST_ELEMENTS else "spectrum"
    return Covariance.of(data) if kind == "covariance" else Spectrum.of(data)


def normal_share(z: Tensor) -> Tensor:
    """Share of a standard normal below ``z``."""
    return 0.5 * (1 + torch.erf(z / math.sqrt(2)))


def normal_quantile(share: Tensor) -> Tensor:
    """Inverse of :func:`normal_share`."""
    return math.sqrt(2) * torch.erfinv(2 * share - 1)


__all__: Sequence[str] = [
    "Covariance",
    "Kind",
    "Spectrum",
    "Statistics",
    "channel_range",
    "normal_quantile",
    "normal_share",
    "of_pictures",
    "within",
]
