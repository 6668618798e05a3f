"""How far a made input is from the real ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.features._shifts import over_shifts

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
        signal: channels and samples of 1-D signals, which are alike wherever the same stands; ``None`` for
            other inputs, which are compared number by number.
    """

    real: Tensor
    scale: Tensor
    typical: Tensor
    far: float
    mean: Tensor
    signal: tuple[int, int] | None = None

    @classmethod
    def of(cls, real: Tensor, rows: Tensor, *, standardised: bool, shifts: bool = True) -> Nearness:
        """From real inputs ``[n, …]``; pieces of one and the same row are not neighbours.

        With ``shifts``, ``[n, C, T]`` are signals, alike wherever the same stands along T.
        """
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
        far = float(nearest.quantile(FAR) / typical)
        signal = (real.shape[1], real.shape[2]) if shifts and real.ndim == 3 else None
        return cls(flat, scale, typical, far, flat.mean(0), signal)

    def distance(self, made: Tensor) -> Tensor:
        """``[b]`` for inputs ``[b, …]``: to the nearest real one ÷ typical."""
        return distances(made.flatten(1).float() / self.scale, self.real).amin(1) / self.typical

    def apart(self, made: Tensor, origins: Tensor) -> Tensor:
        """``[U, S]`` for ``[U, S, …]``: distance to each one's origin ÷ typical."""
        away = made.flatten(2).float() - origins.flatten(1).float()[:, None].to(made.device)
        return (away / self.scale).norm(dim=2) / self.typical

    def agreement(self, made: Tensor, origins: Tensor | None = None) -> Tensor:
        """``[U]`` for ``[U, S, …]``: mean cosine between different starts, the data's mean taken off.

        Of inputs that began at ``origins [U, …]`` the changes are compared, number by number. Of signals it
        is the largest cosine over shifts.
        """
        centre = self.mean if origins is None else origins.flatten(1).float()[:, None] / self.scale
        away = torch.nn.functional.normalize(made.flatten(2).float() / self.scale - centre, dim=2)
        count = made.shape[1]
        if count < 2:
            return away.new_full((len(made),), float("nan"))
        if origins is None and self.signal is not None:
            alike = torch.stack([over_shifts(starts, starts, self.signal) for starts in away])
            apart = alike.sum((1, 2)) - alike.diagonal(dim1=1, dim2=2).sum(1)
        else:
            apart = away.sum(1).square().sum(1) - away.square().sum((1, 2))
        return (apart / (count * (count - 1))).cpu()

    def likeness(self, shown: Tensor, most: int | None = None) -> Tensor:
        """``[U, n]``: mean cosine of real inputs with pictures ``[U, S, …]``, the data's mean taken off.

        Of signals it is the largest cosine over shifts, as in :meth:`agreement`.
        """
        real = torch.nn.functional.normalize(self.real[:most] - self.mean, dim=1)
        flat = shown.flatten(2).float().to(real) / self.scale - self.mean
        flat = torch.nn.functional.normalize(flat, dim=2)
        if self.signal is None:
            return (flat.mean(1) @ real.T).cpu()
        alike = over_shifts(flat.flatten(0, 1), real, self.signal)
        return alike.unflatten(0, flat.shape[:2]).mean(1).cpu()


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances ``[n, m]``."""
    return (
        torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
        if len(a) * len(b) < 1e5
        else torch.cdist(a, b)
    )
