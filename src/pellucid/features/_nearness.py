"""How far a made input is from the real ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import InputError

TYPICAL_ROWS = 500
FAR = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Nearness:
    """Distances to real inputs, in units of the typical distance between neighbours among them.

    Args:
        real: the real inputs, flat and scaled.
        scale: what each number is divided by.
        typical: median distance from a real input to its nearest neighbour.
        far: 95 % quantile of that distance, ÷ ``typical``.
        mean: of the real inputs.
    """

    real: Tensor
    scale: Tensor
    typical: Tensor
    far: float
    mean: Tensor

    @classmethod
    def of(cls, real: Tensor, rows: Tensor, *, standardised: bool) -> Nearness:
        """From real inputs ``[n, …]``; pieces of one and the same row are not neighbours."""
        flat = real.flatten(1).float()
        scale = flat.std(0).clamp_min(1e-6) if standardised else flat.new_ones(())
        flat = flat / scale
        some = flat[:TYPICAL_ROWS]
        gaps = distances(some, flat)
        rows = rows.to(flat.device)
        gaps[rows[: len(some), None] == rows] = float("inf")
        nearest = gaps.amin(1)
        nearest = nearest[nearest.isfinite()]
        if not len(nearest):
            raise InputError(
                "data: expected inputs from at least two rows that differ, to know how far they lie."
            )
        typical = nearest.median().clamp_min(1e-12)
        return cls(flat, scale, typical, float(nearest.quantile(FAR) / typical), flat.mean(0))

    def distance(self, made: Tensor) -> Tensor:
        """``[b]`` for inputs ``[b, …]``: to the nearest real one ÷ typical."""
        return distances(made.flatten(1).float() / self.scale, self.real).amin(1) / self.typical

    def apart(self, made: Tensor, origins: Tensor) -> Tensor:
        """``[U, S]`` for ``[U, S, …]``: distance to each one's origin ÷ typical."""
        away = made.flatten(2).float() - origins.flatten(1).float()[:, None].to(made.device)
        return (away / self.scale).norm(dim=2) / self.typical

    def agreement(self, made: Tensor, origins: Tensor | None = None) -> Tensor:
        """``[U]`` for ``[U, S, …]``: mean cosine between different starts, the data's mean taken off.

        Of inputs that began at ``origins [U, …]`` the changes are compared.
        """
        centre = self.mean if origins is None else origins.flatten(1).float()[:, None] / self.scale
        away = torch.nn.functional.normalize(made.flatten(2).float() / self.scale - centre, dim=2)
        count = made.shape[1]
        if count < 2:
            return away.new_full((len(made),), float("nan"))
        return ((away.sum(1).square().sum(1) - away.square().sum((1, 2))) / (count * (count - 1))).cpu()


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances ``[n, m]``."""
    return (
        torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
        if len(a) * len(b) < 1e5
        else torch.cdist(a, b)
    )
