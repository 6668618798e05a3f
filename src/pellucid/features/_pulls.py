"""What is set against the climb: staying near a real input, keeping faces of one goal apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.features._nearness import Nearness

TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """Real inputs that made ones stay near: ``strength · (distance ÷ typical distance between neighbours)²``.

    Args:
        origins: ``[B, *shape]``.
        offset: ``[B, *shape]``, what the statistics leave out of each; put back, so that the climb starts at
            the very input. ``None`` where inputs must stay what the statistics make.
        low, high: of each channel.
        nearness: measures distances.
        strength: of the pull; 0 for none.
    """

    origins: Tensor
    offset: Tensor | None
    low: Tensor
    high: Tensor
    nearness: Nearness
    strength: float

    def rows(self, part: slice) -> Anchor:
        """Some of the inputs."""
        offset = None if self.offset is None else self.offset[part]
        return replace(self, origins=self.origins[part], offset=offset)

    def moved(self, made: Tensor, rows: Tensor) -> Tensor:
        """What the statistics made, moved to the origins."""
        if self.offset is None:
            return made
        return (made + self.offset[rows]).clamp(self.low, self.high)

    def pull(self, made: Tensor, rows: Tensor) -> Tensor:
        """``[b]``."""
        if not self.strength:
            return made.new_zeros(len(made))
        away = (made - self.origins[rows]).flatten(1) / self.nearness.scale
        return self.strength * away.square().sum(1) / self.nearness.typical**2


@dataclass(frozen=True, slots=True)
class Diversity:
    """Holds the faces of one goal apart: ``strength ·`` mean cosine between the Gram matrices of their
    activations.

    Args:
        strength: of the pull.
        site: layer whose channels' Gram matrices are compared.
        each: faces of one goal, neighbours in the batch.
    """

    strength: float
    site: str
    each: int

    def pull(self, found: Tensor) -> Tensor:
        """``[b]`` for activations ``[b, units, positions]``."""
        alike = gram_cosines(found.unflatten(0, (-1, self.each)))
        others = alike.sum(2) - alike.diagonal(dim1=1, dim2=2)
        return self.strength * (others / (self.each - 1)).flatten()


def gram_cosines(found: Tensor) -> Tensor:
    """``[g, s, s]`` for activations ``[g, s, units, positions]``: cosines between channel Gram matrices."""
    if found.shape[2] <= found.shape[3]:
        gram = found @ found.transpose(2, 3)
        inner = torch.einsum("gsuv,gtuv->gst", gram, gram)
    else:
        # the same number without the large matrices: <AA', BB'> = |A'B|²
        inner = torch.einsum("gsup,gtuq->gstpq", found, found).square().sum((3, 4))
    size = inner.diagonal(dim1=1, dim2=2).clamp_min(TINY).sqrt()
    return inner / (size[:, :, None] * size[:, None, :])


__all__ = ["Anchor", "Diversity", "gram_cosines"]
