"""Pictures with the data's mean magnitude at each frequency, whose phase alone is learned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features._colour import Colour
from pellucid.features._statistics import Kind, from_waves, per_row, to_waves


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """Magnitude-constrained: ``irfft(r · e^{iφ})`` with ``r`` the data's mean magnitude, brought to mean 0
    and variance 1, given the data's colour covariance, inside each channel's range.

    The paper standardises φ as well, which keeps phases near zero so that no real input can be found among
    the pictures; here a phase is the angle of a point and goes all round.
    """

    shape: tuple[int, ...]
    colour: Colour
    magnitude: Tensor
    kind: Kind = "phase"

    @classmethod
    def of(cls, data: Tensor) -> Phase:
        """Take mean magnitude and colours of data ``[n, C, *space]``."""
        colour = Colour.of(data)
        return cls(tuple(data.shape[1:]), colour, to_waves(colour.plain(data)).abs().mean(0))

    @property
    def latent(self) -> tuple[int, ...]:
        """Two numbers per channel and frequency: a point whose angle is the phase."""
        return (*self.magnitude.shape, 2)

    def make(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        points = torch.view_as_complex(latents.contiguous())
        plain = from_waves(points * (self.magnitude / points.abs().clamp_min(1e-6)), self.shape[1:])
        flat = plain.flatten(1)
        spread = flat.std(1, correction=0).clamp_min(1e-12)
        return self.colour.paint((plain - per_row(flat.mean(1), plain)) / per_row(spread, plain))

    def settle(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        return self.make(latents)

    def find(self, inputs: Tensor) -> Tensor:
        """The phases of real inputs."""
        waves = to_waves(self.colour.plain(inputs))
        return torch.view_as_real(waves / waves.abs().clamp_min(1e-12))
