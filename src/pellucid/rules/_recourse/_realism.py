"""How ordinary a row is among real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.rules._recourse._codes import Codes, Numbers

NEAR = 5
MOST = 2048  # real rows that are compared with


@dataclass(frozen=True, slots=True, eq=False)
class Realism:
    """Real rows, and how far each of them lies from its nearest others.

    Args:
        codes: the way from arrays to rows.
        real: ``[N, C]``.
        numbers: int64 ``[N]``, their numbers in the data set.
        own: ``[n]``, mean distance of real rows to their five nearest others, ascending.
    """

    codes: Codes
    real: Numbers
    numbers: NDArray[np.int64]
    own: Numbers

    def of(self, rows: Numbers, now: Numbers) -> tuple[Numbers, Numbers, NDArray[np.int64]]:
        """``[M]`` each: share of real rows that lie at least as far from their nearest as a row does, the
        distance to its nearest real row, and the number of that one. A real row equal to ``now`` is left
        aside: everything made from it is near it."""
        apart = self.codes.distances(rows, self.real)
        apart[:, self.codes.distances(now[None], self.real)[0] <= 1e-12] = np.inf
        near = min(NEAR, apart.shape[1])
        part = np.sort(np.partition(apart, near - 1, axis=1)[:, :near], axis=1)
        mean = np.where(np.isfinite(part), part, 0).sum(1) / np.maximum(np.isfinite(part).sum(1), 1)
        beyond = len(self.own) - np.searchsorted(self.own, mean - 1e-12)
        return beyond / max(1, len(self.own)), part[:, 0], self.numbers[apart.argmin(1)]


def realism_of(codes: Codes, real: Numbers, numbers: NDArray[np.int64], seed: int) -> Realism:
    """Of at most 2,048 real rows, drawn with a seed."""
    if len(real) > MOST:
        drawn = np.sort(np.random.default_rng(seed).permutation(len(real))[:MOST])
        real, numbers = real[drawn], numbers[drawn]
    apart = codes.distances(real, real)
    np.fill_diagonal(apart, np.inf)
    near = min(NEAR, max(1, len(real) - 1))
    own = np.partition(apart, near - 1, axis=1)[:, :near].mean(1)
    return Realism(codes, real, numbers, np.sort(own[np.isfinite(own)]))
