"""One progress over several pieces of work, each of which counts for itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pellucid._core import Compute

FINE = 1000
PIECES = 8  # a part of so many pieces is told as half done after them


class Stages:
    """Parts of a piece of work by name, in order, each with its share of the time; progress never goes back.

    Every report of a part is one of the whole, so that a progress that raises ends the work in any part.

    Example:
        >>> told = []
        >>> stages = Stages(Compute(progress=lambda done, total: told.append(done / total)), {"a": 1, "b": 3})
        >>> stages.of("a").progress(5, 10)
        >>> stages.of("b").progress(1, 3)
        >>> stages.end()
        >>> told
        [0.0, 0.125, 0.25, 0.5, 1.0]
    """

    def __init__(self, how: Compute, shares: Mapping[str, int]) -> None:
        self._how, self._shares = how, dict(shares)
        self._told, self._total = 0, FINE * sum(self._shares.values())

    def of(self, name: str) -> Compute:
        """How to run one part, whose own progress becomes its share of the whole."""
        names = list(self._shares)
        before = FINE * sum(self._shares[each] for each in names[: names.index(name)])
        mine = FINE * self._shares[name]
        self._tell(before)

        def progress(done: int, total: int) -> None:
            self._tell(before + mine * min(done, total) // max(total, 1))

        return dataclasses.replace(self._how, progress=progress)

    def pieces(self, name: str) -> Compute:
        """The same for a part that counts each of its pieces for itself, and nobody knows how many come."""
        within, piece, last = self.of(name), 0, -1.0

        def progress(done: int, total: int) -> None:
            nonlocal piece, last
            share = min(done / max(total, 1), 1.0)
            piece, last = piece + (share <= last), share
            within.progress(round(FINE * (piece + share)), round(FINE * (piece + share + PIECES)))

        return dataclasses.replace(within, progress=progress)

    def end(self) -> None:
        """All is done."""
        self._tell(self._total)

    def _tell(self, done: int) -> None:
        self._told = max(self._told, done)
        self._how.progress(self._told, self._total)
