"""A network as it was during its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The weights after one epoch.

    Args:
        epoch: index of the epoch, from 0.
        learning_rate: that of its steps.
        weights: parameters and persistent buffers, by name.
    """

    epoch: int
    learning_rate: float
    weights: Mapping[str, Tensor]


def spaced(epochs: int, most: int) -> frozenset[int]:
    """Which of so many epochs are kept, evenly spaced and at most so many: every one, every second, fourth …

    Whatever is kept after more epochs was kept after fewer.

    Example:
        >>> sorted(spaced(3, 5)), sorted(spaced(9, 5)), sorted(spaced(0, 5))
        ([0, 1, 2], [1, 3, 5, 7], [])
    """
    step = 1
    while most and epochs // step > most:
        step *= 2
    return frozenset(range(step - 1, epochs, step)) if most else frozenset()
