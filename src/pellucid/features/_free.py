"""Inputs without any bound: the control that shows why the others have one."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pellucid.features._statistics import Kind


@dataclass(frozen=True, slots=True, eq=False)
class Free:
    """Every number for itself, as far as the climb goes, in standard deviations of its channel or column."""

    mean: Tensor
    scale: Tensor
    kind: Kind = "free"

    @classmethod
    def of(cls, data: Tensor) -> Free:
        """Take mean and spread of data ``[n, C, *space]`` or rows ``[n, D]``."""
        axes = [k for k in range(data.ndim) if k != 1]
        shape = (data.shape[1], *[1] * (data.ndim - 2))
        scale = data.std(axes).clamp_min(1e-12).view(shape)
        return cls(data.mean(0), scale)

    @property
    def latent(self) -> tuple[int, ...]:
        """One number per number of the input."""
        return tuple(self.mean.shape)

    def make(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        return self.mean + latents * self.scale

    def settle(self, latents: Tensor) -> Tensor:
        """Inputs from latents."""
        return self.make(latents)

    def find(self, inputs: Tensor) -> Tensor:
        """Latents of real inputs."""
        return (inputs - self.mean) / self.scale
