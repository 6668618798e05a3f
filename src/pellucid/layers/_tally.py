"""What one layer does over the data, added up chunk by chunk."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Reached
from pellucid._core._units import by_unit

RANK_UNITS = 256
RANK_POSITIONS = 64
STILL = 1e-6
EDGE = 0.97


@dataclass(frozen=True, slots=True)
class Measures:
    """Numbers of one layer over the data."""

    mean: float
    sd: float
    dead: float
    saturated: float | None
    rank: float
    units: int
    rank_units: int
    gamma: float


class Tally:
    """Streaming sums of one layer; keeps one number per unit and one small covariance.

    Of texts only positions count where ``real`` ``[N, T]`` has tokens.
    """

    def __init__(self, model: nn.Module, call: Reached, seed: int, real: Tensor | None = None) -> None:
        self._real, self._taken = real, 0
        self._model, self._site, self._seed = model, call.site, seed
        self._bounds = _bounds(call)
        self._count = self._mean = self._squares = self._outside = self._points = 0.0
        self._low = self._high = self._picked = self._shift = self._total = self._cross = torch.empty(0)

    def look(self, activation: Tensor) -> Tensor:
        """What the activation ``[b, …]`` of one chunk adds, as one row of numbers.

        It leaves no trace here, so that a chunk may be tried again.
        """
        found = by_unit(self._model, activation.detach(), self._site)
        if self._real is not None and found.shape[2] == self._real.shape[1]:
            # rows come in order, and this chunk begins behind those taken in
            here = self._real[self._taken : self._taken + len(found)].to(found.device)
            found = found.movedim(1, 2)[here][:, :, None]
        found = found.float() if found.dtype in (torch.float16, torch.bfloat16) else found
        found = found if found.is_floating_point() else found.double()
        if not self._count:
            self._begin(found)
        mean = found.mean()
        away = (found - mean).flatten()
        outside = 0.0
        if self._bounds is not None:
            low, high = self._bounds
            outside = float(((found <= low) | (found >= high)).sum())
        points = self._scattered(found)
        facts = (found.numel(), float(mean), float(away @ away), outside, len(points))
        return torch.cat(
            [
                torch.tensor(facts, dtype=torch.float64, device=found.device),
                found.amin((0, 2)).double(),
                found.amax((0, 2)).double(),
                points.sum(0),
                (points.T @ points).flatten(),
            ]
        )

    def add(self, seen: Tensor, rows: slice) -> None:
        """Take in what a chunk of these rows adds."""
        self._taken = rows.stop
        units, picked = len(self._low), len(self._picked)
        count, mean, squares, outside, points = seen[:5].tolist()
        low, high, total, cross = seen[5:].split([units, units, picked, picked * picked])
        whole = self._count + count
        step = mean - self._mean
        # chunks are merged by their means, so that no digits are lost in large sums
        self._squares += squares + step**2 * count * self._count / whole
        self._mean += step * count / whole
        self._count = whole
        self._low, self._high = torch.minimum(self._low, low), torch.maximum(self._high, high)
        self._outside += outside
        self._total += total
        self._cross += cross.view(picked, picked)
        self._points += points

    def _begin(self, found: Tensor) -> None:
        units = found.shape[1]
        self._low, self._high = (part.double() for part in (found.amin((0, 2)), found.amax((0, 2))))
        generator = torch.Generator().manual_seed(self._seed)
        picked = torch.randperm(units, generator=generator)[:RANK_UNITS].sort().values
        self._picked = picked.to(found.device)
        self._shift = found[:, self._picked].mean((0, 2)).double()
        self._total = torch.zeros_like(self._shift)
        self._cross = self._shift.new_zeros(len(picked), len(picked))

    def _scattered(self, found: Tensor) -> Tensor:
        """Some units at some positions ``[points, units]``, less a mean."""
        places = found.shape[2]
        if places > RANK_POSITIONS:
            found = found[:, :, torch.linspace(0, places - 1, RANK_POSITIONS).long().to(found.device)]
        if found.shape[1] > len(self._picked):
            found = found[:, self._picked]
        return found.movedim(1, 2).flatten(0, 1).double() - self._shift

    def result(self) -> Measures:
        """All numbers over what was added."""
        largest = torch.maximum(self._high.abs().max(), self._low.abs().max())
        still = (self._high - self._low) <= STILL * largest
        centre = self._total / self._points
        covariance = self._cross / self._points - centre[:, None] * centre
        middle, spread = (centre + self._shift).norm(), covariance.trace().clamp_min(0).sqrt()
        return Measures(
            self._mean,
            (self._squares / self._count) ** 0.5,
            float(still.double().mean()) if math.isfinite(self._mean) else math.nan,
            None if self._bounds is None else self._outside / self._count,
            effective_rank(covariance),
            len(self._low),
            len(self._picked),
            float(middle / spread) if float(spread) > 0 else float("nan"),
        )


def effective_rank(covariance: Tensor) -> float:
    """``exp`` of the entropy of the eigenvalues' shares: 1 for one direction, n for n equal ones, 0 for none.

    Example:
        >>> round(effective_rank(torch.eye(4)), 6)
        4.0
    """
    if not bool(covariance.isfinite().all()):
        return math.nan
    values = torch.linalg.eigvalsh(covariance.double()).clamp_min(0)
    total = values.sum()
    if not float(total) > 0:
        return 0.0
    share = values / total
    return float(torch.special.entr(share).sum().exp())


def _bounds(call: Reached) -> tuple[float, float] | None:
    if call.kind in ("Tanh", "Hardtanh", "Softsign", "tanh()", "hardtanh()", "softsign()"):
        return -EDGE, EDGE
    if call.kind in ("Sigmoid", "Hardsigmoid", "sigmoid()", "hardsigmoid()"):
        return 1 - EDGE, EDGE
    return None
