"""One number for each part over many rows, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pellucid._core import brief


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    """How much each part matters over many rows.

    Args:
        names: of the parts.
        values: float64 ``[P]``, in the unit that ``what`` names.
        low, high: float64 ``[P]``, the ends of the interval.
        level: of the interval, 0 to 1.
        what: what one number means, with its unit.
        rows: how many rows it rests on.
        note: which parts were not looked at, and why; empty where all were.
    """

    names: tuple[str, ...]
    values: Tensor
    low: Tensor
    high: Tensor
    level: float
    what: str
    rows: int
    note: str = ""

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)

    def ranked(self) -> list[tuple[str, float, float, float]]:
        """``(name, value, low, high)``, the largest first."""
        order = self.values.argsort(descending=True, stable=True).tolist()
        return [
            (self.names[i], float(self.values[i]), float(self.low[i]), float(self.high[i])) for i in order
        ]
