"""``dead-units``: whether layers hold units that never change."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, final

from pellucid._core import Subject
from pellucid.errors import InputError, near_misses
from pellucid.layers import LayerRow
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._expectation import Expectation, line
from pellucid.tasks._check._grouped import limit_text
from pellucid.tasks._check._outcome import Bound, Line, Measured
from pellucid.tasks._layers import layers


@final
@dataclass(frozen=True, slots=True)
class DeadUnits(Expectation):
    """No layer has more than this many units that give the same number for every row.

    Args:
        at_most: units per layer.
        layer: the only layer to look at; left out, every one.
        rows: most held-out rows to look at.

    Cost:
        Two forward passes of ``rows`` rows: the network and its untrained copy.

    Limits:
        A count over the rows looked at, so it has no interval: with few rows a rarely active unit looks dead.
        Beside it stands the count of an untrained copy.

    Example:
        >>> DeadUnits(2).expected()
        'at most 2 dead units in every layer'
    """

    kind: ClassVar[str] = "dead-units"
    at_most: int
    layer: str = ""
    rows: int = 512

    @property
    def bound(self) -> Bound:
        """The most units."""
        return Bound("at most", self.at_most, "count")

    def expected(self) -> str:
        """In words."""
        where = f"in {self.layer}" if self.layer else "in every layer"
        return f"{limit_text(self.bound)} dead unit{'' if self.at_most == 1 else 's'} {where}"

    def fits(self, subject: Subject) -> None:
        """Needs the layer to be there."""
        if self.at_most < 0 or self.rows < 1:
            raise InputError(f"at_most is 0 or more and rows 1 or more, got {self.at_most} and {self.rows}.")
        if self.layer:
            known = [each.site for each in subject.layer_map().layers]
            if self.layer not in known:
                raise InputError(f"No layer is called {self.layer!r}. {near_misses(self.layer, known)}")

    def measure(self, seen: Examined) -> Measured:
        """How many units of each layer are dead."""
        found = layers(seen.subject, rows=self.rows, compute=seen.compute)
        rows = [each for each in found.rows if self.layer in ("", each.site)]
        if not rows:
            sites = [each.site for each in found.rows]
            raise InputError(f"{self.layer!r} was not measured. {near_misses(self.layer, sites)}")
        return Measured([self._line(each, found.n) for each in rows], (), [found], found.note)

    def _line(self, row: LayerRow, n: int) -> Line:
        made = line(self.bound, row.site, round(row.dead * row.units), (None, None), n)
        if row.untrained_dead is None:
            return made
        control = round(row.untrained_dead * row.units)
        return dataclasses.replace(made, control=control, control_name="an untrained copy")
