"""``monotone``: whether more of a column can only raise, or only lower, the answer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Subject, Target, logit, wilson
from pellucid.errors import InputError
from pellucid.importance import PartialDependence, partial_dependence
from pellucid.tasks._check._examined import CASES, Examined, class_named, table_of
from pellucid.tasks._check._expectation import Expectation, line
from pellucid.tasks._check._grouped import check_share, limit_text
from pellucid.tasks._check._outcome import Bound, CheckedRow, Measured

SLACK = 1e-6  # of single precision: a smaller fall is none
CURVES = 40


@final
@dataclass(frozen=True, slots=True)
class Monotone(Expectation):
    """More of a column only raises (or only lowers) the answer, except in at most this share of rows.

    Each looked row is answered with the column set to every point of a grid, everything else kept. A row
    breaks it where the answer falls anywhere from a lower to a higher point by more than the tolerance.

    Args:
        column: a number of the table.
        direction: ``"up"`` where more may only raise, ``"down"`` where it may only lower.
        of: the class whose probability is meant; left out, the second of two; in regression the answer.
        at_most: share of rows that may break it, 0 to 1.
        tolerance: how far it may fall and still count as level: in probability, or the answer's unit.
        between: lowest and highest value of the grid, in the column's unit; left out, those of the rows.
        points: of the grid, at quantiles of the rows' values.

    Cost:
        ``points`` forward passes over the rows looked at.

    Limits:
        Looks at the points of the grid, at these rows and at one column alone; a network that is monotone by
        design needs no such test. Strict is ``tolerance = 0``, up to single precision. Codes among numbers
        (such as −9 for "no record") are values like others: keep them out with ``between``.

    Example:
        >>> Monotone("income", "up", of="good").expected()
        'more income only raises good, but for at most 0\\xa0% of rows'
    """

    kind: ClassVar[str] = "monotone"
    column: str
    direction: Literal["up", "down"]
    of: str = ""
    at_most: float = 0.0
    tolerance: float = 0.0
    between: tuple[float, ...] = ()
    points: int = 20

    @property
    def bound(self) -> Bound:
        """The most rows."""
        return Bound("at most", self.at_most)

    def expected(self) -> str:
        """In words."""
        verb = "raises" if self.direction == "up" else "lowers"
        slack = f" by more than {self.tolerance:g}" if self.tolerance else ""
        rows = f"but for {limit_text(self.bound)} of rows"
        return f"more {self.column} only {verb} {self.of or 'the answer'}, {rows}" + (
            f" that turn{slack}" if slack else ""
        )

    def fits(self, subject: Subject) -> None:
        """Needs a column of numbers, and a class where there are more than two."""
        check_share("at_most", self.at_most)
        column = table_of(subject, self.column).column(self.column)
        if column.levels:
            raise InputError(
                f"{self.column} has levels ({', '.join(column.levels[:3])} …), which have no order."
            )
        if self.of:
            class_named(subject, self.of)
        elif len(subject.classes) > 2:
            raise InputError(f"of names one of {len(subject.classes)} classes, such as {subject.classes[0]}.")
        if self.tolerance < 0 or self.points < 2:
            raise InputError("tolerance is 0 or more and points 2 or more.")
        if self.between and (len(self.between) != 2 or self.between[0] >= self.between[1]):
            raise InputError(f"between takes a lower and a higher value, got {list(self.between)}.")

    def measure(self, seen: Examined) -> Measured:
        """Share of rows that break it."""
        grid = self._grid(seen)
        x = seen.held.inputs[seen.looked]
        found = partial_dependence(
            seen.subject.model, x, self._target(seen), self.column,
            spec=seen.subject.spec, grid=grid, compute=seen.compute,
        )  # fmt: skip
        sign = 1 if self.direction == "up" else -1
        curves = sign * found.curves
        fall = curves.cummax(0).values - curves
        deepest, end = fall.max(0)
        slack = SLACK * max(1.0, float(curves.abs().max()))
        each = (deepest > self.tolerance + slack).double()
        made = line(
            self.bound, self.column, float(each.mean()), wilson(float(each.sum()), len(each)), len(each)
        )
        made = dataclasses.replace(made, each=each, rows=seen.looked)
        order = deepest.argsort(descending=True, stable=True)
        broken = order[: int(each.sum())]
        cases = [self._case(seen, found, curves, int(i), int(end[i])) for i in broken[:CASES]]
        drawn = broken[:CURVES] if len(broken) else order[:CURVES]
        named = dataclasses.replace(found, curves=found.curves[:, drawn], what=self._what(seen))
        return Measured([made], cases, [named], self._note(len(broken), len(drawn), grid))

    def _note(self, broken: int, drawn: int, grid: Tensor) -> str:
        which = (
            "come nearest to breaking it" if not broken else "break it" + (" most" if broken > drawn else "")
        )
        return f"{len(grid)} points; thin lines are the {drawn} rows that {which}."

    def _grid(self, seen: Examined) -> Tensor:
        values, _ = seen.column(self.column)
        known = np.array([float(str(v)) for v in values if v is not None])
        if self.between:
            known = known[(known >= self.between[0]) & (known <= self.between[1])]
        if len(np.unique(known)) < 2:
            raise InputError(f"The rows hold fewer than two values of {self.column} to go between.")
        # quantiles are values that rows hold, so a column of few values is walked through whole
        points = np.unique(np.quantile(known, np.linspace(0, 1, self.points), method="nearest"))
        if len(np.unique(known)) <= self.points:
            points = np.unique(known)
        column = table_of(seen.subject, self.column).column(self.column)
        return torch.from_numpy(column.encode(points.tolist()))

    def _target(self, seen: Examined) -> Target:
        if not seen.subject.classes:
            return logit(0)
        k = class_named(seen.subject, self.of) if self.of else 1

        def share(output: Tensor, rows: Tensor) -> Tensor:
            return seen.probabilities(output)[:, k]

        return Target(f"probability({k})", share)

    def _what(self, seen: Examined) -> str:
        if not seen.subject.classes:
            return seen.held.answer
        return f"probability of {self.of or seen.subject.classes[1]}"

    def _case(self, seen: Examined, found: PartialDependence, curves: Tensor, i: int, end: int) -> CheckedRow:
        start = int(curves[: end + 1, i].argmax())
        a, b = float(found.curves[start, i]), float(found.curves[end, i])
        shown = [found.shown[k] for k in (start, end)] if found.shown else [start, end]
        said = f"{self.column} from {shown[0]:g} to {shown[1]:g}: {self._what(seen)} from {a:.3g} to {b:.3g}"
        return seen.case(int(seen.looked[i]), said)
