"""Made inputs moved, stretched and turned at random, each by itself, on a canvas that keeps its size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.errors import InputError, near_misses
from pellucid.inputs import AudioSpec

Transforms = Literal["auto", "none", "jitter", "full"]
KNOWN = ("auto", "none", "jitter", "full")
SMALLEST = 16
STRETCH = 0.1
TURN = 10.0


@dataclass(frozen=True, slots=True)
class Views:
    """How far an input is changed at most before the network looks at it.

    Args:
        jitter: pixels along each spatial axis.
        stretch: along each spatial axis, as a share of its size; one factor for all of them.
        turn: degrees, in pictures.
    """

    jitter: tuple[int, ...]
    stretch: tuple[float, ...]
    turn: float

    @classmethod
    def of(cls, transforms: Transforms, shape: tuple[int, ...], spec: InputSpec | None) -> Views | None:
        """For inputs ``[C, *space]``; ``None`` where nothing is to be changed."""
        if transforms not in KNOWN:
            raise InputError(f"transforms={transforms!r} is not known. {near_misses(transforms, KNOWN)}")
        space = shape[1:]
        if transforms == "none" or not 0 < len(space) <= 3:
            return None
        # a sound may come later or slower; higher it would be another sound
        free = [k == len(space) - 1 or not isinstance(spec, AudioSpec) for k in range(len(space))]
        free = [may and side >= SMALLEST for may, side in zip(free, space, strict=True)]
        if not any(free):
            return None
        full = transforms == "full"
        return cls(
            tuple(side // SMALLEST * may for side, may in zip(space, free, strict=True)),
            tuple(STRETCH * full * may for may in free),
            TURN * full * (len(space) == 2 and all(free)),
        )

    def drawn(self, seeds: Tensor, steps: int) -> Tensor:
        """Chance ``[B, steps, axes + 2]`` in -1..1: each input has its own, whatever climbs beside it."""
        draws = [
            torch.rand(steps, len(self.jitter) + 2, generator=torch.Generator().manual_seed(seed))
            for seed in seeds.tolist()
        ]
        return 2 * torch.stack(draws) - 1

    def __call__(self, made: Tensor, chance: Tensor) -> Tensor:
        """Inputs ``[b, C, *space]`` changed by ``chance [b, axes + 2]``; mirrored at the border."""
        flat = made.ndim == 3
        if flat:
            made = made[:, :, None]
        where = F.affine_grid(
            self._matrix(chance, made.shape[2:], flat=flat), list(made.shape), align_corners=False
        )
        seen = F.grid_sample(made, where.to(made), padding_mode="reflection", align_corners=False)
        return seen[:, :, 0] if flat else seen

    def _matrix(self, chance: Tensor, space: torch.Size, *, flat: bool) -> Tensor:
        """``[b, d, d + 1]``: where on the input, from -1 to 1 along each axis, each output pixel looks."""
        axes = len(self.jitter)
        jitter, stretch = list(self.jitter), list(self.stretch)
        if flat:
            jitter, stretch = [0, *jitter], [0.0, *stretch]
            chance = torch.cat([chance[:, :1] * 0, chance], 1)
            axes += 1
        matrix = chance.new_zeros(len(chance), axes, axes + 1)
        for k in range(axes):
            # the last axis of the input is the first coordinate
            row = axes - 1 - k
            matrix[:, row, row] = 1 / (1 + stretch[k] * chance[:, axes])
            matrix[:, row, axes] = 2 * jitter[k] / space[k] * chance[:, k]
        if self.turn:
            angle = math.radians(self.turn) * chance[:, axes + 1]
            high, wide = space
            # an angle in pixels, whatever the canvas's sides
            turn = torch.stack(
                [
                    torch.stack([angle.cos(), -angle.sin() * high / wide], 1),
                    torch.stack([angle.sin() * wide / high, angle.cos()], 1),
                ],
                1,
            )
            matrix = torch.cat([turn @ matrix[:, :, :2], matrix[:, :, 2:]], 2)
        return matrix


__all__ = ["Transforms", "Views"]
