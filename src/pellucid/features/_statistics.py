"""Pictures that keep the data's own statistics: what is learned is a point inside them."""

from __future__ import annotations

import math
from typing import Literal, Protocol

import torch
from torch import Tensor

EDGE = 0.95
PORTION = 4_000_000  # numbers whose quantiles are taken at once; torch refuses more than 16 million
Kind = Literal["covariance", "spectrum", "fourier", "phase", "marginals", "free"]


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


def quantiles(values: Tensor, shares: tuple[float, ...]) -> tuple[Tensor, ...]:
    """Quantiles over the rows of ``[n, *shape]``, each ``[*shape]``, in portions of the columns."""
    flat = values.flatten(1)
    wanted = torch.tensor(shares, dtype=values.dtype, device=values.device)
    parts = [part.quantile(wanted, dim=0) for part in flat.split(max(1, PORTION // len(flat)), dim=1)]
    return tuple(part.view(values.shape[1:]) for part in torch.cat(parts, 1))


def mixing(plain: Tensor) -> Tensor:
    """Map ``[C, C]`` from decorrelated channels of variance 1 to those of ``[n, C, *space]`` of mean zero."""
    shared = plain.new_zeros(plain.shape[1], plain.shape[1], dtype=torch.float64)
    for part in plain.split(64):
        pixels = part.movedim(1, -1).flatten(0, -2).double()
        shared += pixels.T @ pixels
    values, vectors = torch.linalg.eigh(shared * plain.shape[1] / plain.numel())
    return (vectors * values.clamp_min(values.max() * 1e-8 + 1e-30).sqrt()).to(plain.dtype)


def mixed(channels: Tensor, mix: Tensor) -> Tensor:
    """Channels of ``[n, C, *space]`` combined by ``[C, C]``."""
    return torch.einsum("kc,nc...->nk...", mix, channels)


def to_waves(values: Tensor) -> Tensor:
    """Complex numbers ``[n, C, *frequencies]``, of unit gain."""
    return torch.fft.rfftn(values, dim=tuple(range(2, values.ndim)), norm="ortho")


def from_waves(waves: Tensor, space: tuple[int, ...]) -> Tensor:
    """Inverse of :func:`to_waves`."""
    return torch.fft.irfftn(waves, s=space, dim=tuple(range(-len(space), 0)), norm="ortho")


def channel_range(data: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of each channel, ``[C, 1, …]``."""
    axes = tuple(k for k in range(data.ndim) if k != 1)
    shape = (data.shape[1], *[1] * (data.ndim - 2))
    return data.amin(axes).view(shape), data.amax(axes).view(shape)


def normal_share(z: Tensor) -> Tensor:
    """Share of a standard normal below ``z``."""
    return 0.5 * (1 + torch.erf(z / math.sqrt(2)))


def normal_quantile(share: Tensor) -> Tensor:
    """Inverse of :func:`normal_share`."""
    return math.sqrt(2) * torch.erfinv(2 * share - 1)
