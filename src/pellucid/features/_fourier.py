"""Pictures of the scale-free spectrum 1/f, in the data's own colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features._colour import Colour
from pellucid.features._statistics import Kind, from_waves, to_waves


@dataclass(frozen=True, slots=True, eq=False)
class Fourier:
    """Waves whose magnitude is free but weighed by ``1 / max(f, 1 / longest side)``.

    Latents of variance 1 give plain channels of variance 1; they take the data's colour covariance, for any
    number of channels, and stay in each channel's range. Nothing else of the data is kept.
    """

    shape: tuple[int, ...]
    colour: Colour
    weight: Tensor
    kind: Kind = "fourier"

    @classmethod
    def of(cls, data: Tensor) -> Fourier:
        """Take the colours of data ``[n, C, *space]``."""
        return cls(tuple(data.shape[1:]), Colour.of(data), weights(tuple(data.shape[2:])).to(data))

    @property
    def latent(self) -> tuple[int, ...]:
        """Two numbers per channel and frequency: a complex number before it is weighed."""
        return (self.shape[0], *self.weight.shape, 2)

    def make(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        waves = torch.view_as_complex(latents.contiguous()) * self.weight
        return self.colour.paint(from_waves(waves, self.shape[1:]))

    def settle(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        return self.make(latents)

    def find(self, inputs: Tensor) -> Tensor:
        """The waves of real inputs; values at the very ends of the range move a little inwards."""
        return torch.view_as_real(to_waves(self.colour.plain(inputs)) / self.weight)


def weights(space: tuple[int, ...]) -> Tensor:
    """What a wave of each frequency ``[*frequencies]`` is multiplied by, so that pixels have variance 1."""
    whole = [torch.fft.fftfreq(side) for side in space]
    falling = 1 / _length(whole).clamp_min(1 / max(space))
    half = [*whole[:-1], torch.fft.rfftfreq(space[-1])]
    gain = math.sqrt(2 * float(falling.square().mean()))  # a complex latent has variance 2
    return 1 / _length(half).clamp_min(1 / max(space)) / gain


def _length(axes: list[Tensor]) -> Tensor:
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).square().sum(0).sqrt()
