"""One progress over several pieces of work, each of which counts for itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pellucid._core import Compute

FINE = 1000


class Stages:
    """Parts of a piece of work by name, in order, each with its share of the time; progress never goes back.

    Example:
        >>> told = []
        >>> stages = Stages(Compute(progress=lambda done, total: told.append(done / total)), {"a": 1, "b": 3})
        >>> stages.of("a").progress(5, 10)
        >>> stages.of("b").progress(1, 3)
        >>> stages.end()
        >>> told
        [0.125, 0.25, 0.5, 1.0]
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

    def end(self) -> None:
        """All is done."""
        self._tell(self._total)

    def _tell(self, done: int) -> None:
        if done > self._told:
            self._told = done
            self._how.progress(done, self._total)
