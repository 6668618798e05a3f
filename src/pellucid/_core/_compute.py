"""How a computation runs: never what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from pellucid.errors import InputError

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Compute:
    """How a computation runs; the answer does not depend on it, except through ``seed``.

    Args:
        batch_size: most rows that go through the network at once; halved by itself when memory runs out.
        seed: the only source of chance.
        device: where to compute, such as ``"cuda"``; ``None`` is where the network lies. Inputs are moved
            there; the network is not, so a device that differs from the network's raises.
        progress: called with (rows done, rows in all); raising :class:`~pellucid.errors.CancelledError`
            in it ends the computation and leaves everything as it was. Ctrl-C does too, once the chunk that
            is under way has passed; a second one at once.

    Raises:
        InputError: if ``batch_size`` is below 1.

    Example:
        >>> Compute(batch_size=8).seed
        0
    """

    batch_size: int = 64
    seed: int = 0
    device: str | torch.device | None = None
    progress: Progress = silent

    def __post_init__(self) -> None:
        """Refuse sizes that cannot run."""
        if self.batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {self.batch_size}.")

    def at(self, done: int, total: int) -> Compute:
        """The same for a part of the work that has no count of its own: each of its reports repeats this one.

        Example:
            >>> Compute(progress=lambda done, total: print(done, "of", total)).at(1, 4).progress(30, 64)
            1 of 4
        """
        return replace(self, progress=lambda *_: self.progress(done, total))
