"""``swap``: whether answers change when a part comes from another row."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid._core import Subject, wilson
from pellucid.errors import InputError
from pellucid.figures import percent
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.tasks._check._examined import CASES, Examined
from pellucid.tasks._check._expectation import Expectation, line
from pellucid.tasks._check._grouped import check_share, limit_text
from pellucid.tasks._check._outcome import Bound, CheckedRow, Measured
from pellucid.tasks._check._part import Part, check_part, part_of


@final
@dataclass(frozen=True, slots=True)
class Swap(Expectation):
    """When a part is taken from another row, at most this share of answers changes.

    Every looked row gets the part of another row whose part differs, drawn at random, everything else kept.

    Args:
        of: a column of a table or a word of a text by name, or a :class:`Part`. A word is replaced by
            words of other texts, drawn at random.
        at_most: share of answers that change, 0 to 1.
        more_than: in regression, an answer has changed when it moves by more than this, in its unit.
        repeats: how many other rows each row meets.

    Cost:
        ``repeats`` forward passes over the rows looked at.

    Limits:
        A column set without regard to the others can make rows that could not be, and says nothing of
        proxies that keep standing where they are. Only different values are swapped in, so that a column with
        one common value is not excused by it. Wilson's interval on rows: wide enough, as a row's mean over
        the repeats varies less than a single answer.

    Source:
        Fisher et al. 2019, All Models are Wrong, but Many are Useful, arXiv 1801.01489 (switching a variable
        between rows).

    Example:
        >>> Swap("sex", 0.01).expected()
        'swapping sex between rows changes at most 1\\xa0% of answers'
    """

    kind: ClassVar[str] = "swap"
    of: str | Part
    at_most: float
    more_than: float | None = None
    repeats: int = 5

    @property
    def bound(self) -> Bound:
        """The most."""
        return Bound("at most", self.at_most)

    def expected(self) -> str:
        """In words."""
        how = "" if self.more_than is None else f" by more than {self.more_than:g}"
        return f"swapping {self.of} between rows changes {limit_text(self.bound)} of answers{how}"

    def fits(self, subject: Subject) -> None:
        """Needs the part to be there, and in regression what counts as a change."""
        check_share("at_most", self.at_most)
        check_part(self.of, subject)
        if self.repeats < 1:
            raise InputError(f"repeats is 1 or more, got {self.repeats}.")
        if subject.classes and self.more_than is not None:
            raise InputError("more_than belongs to networks that give a number; answers here are classes.")
        if not subject.classes and (self.more_than is None or self.more_than < 0):
            raise InputError("A number always moves a little: say more_than, in the unit of the answer.")

    def measure(self, seen: Examined) -> Measured:
        """Share of answers that change."""
        part, spec = part_of(self.of, seen.subject.spec), seen.subject.spec
        x = seen.held.inputs[seen.looked]
        mask = part.mask(x, spec)
        has = mask.flatten(1).any(1).expand(len(x)).nonzero().flatten()
        if len(has) < 2:
            raise InputError(f"{len(has)} of {len(x)} rows looked at have {part}; nothing can be swapped.")
        x, looked = x[has], seen.looked[has]
        mask = mask[has] if len(mask) > 1 else mask
        generator = torch.Generator().manual_seed(seen.compute.seed)
        changed = torch.zeros(self.repeats, len(x), dtype=torch.float64)
        moved = torch.zeros_like(changed)
        tried = list[Tensor]()
        for k in range(self.repeats):
            other = (
                _words(x, mask, spec, generator)
                if isinstance(spec, TextSpec)
                else _elsewhere(x, mask, generator)
            )
            tried.append(other)
            outputs = seen.predicted(other)
            changed[k], moved[k] = self._changed(seen, looked, outputs)
        each = changed.mean(0)
        made = line(
            self.bound, str(part), float(each.mean()), wilson(float(each.sum()), len(each)), len(each)
        )
        made = dataclasses.replace(made, each=each, rows=looked)
        return Measured([made], self._cases(seen, looked, changed, moved, tried, mask))

    def _changed(self, seen: Examined, rows: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Which answers changed ``[n]``, and how far the answer (its probability) moved."""
        new = seen.answers(outputs)
        if self.more_than is not None:
            moved = (new - seen.given[rows]).abs()
            return (moved > self.more_than).double(), moved
        before = seen.shares[rows].gather(1, seen.given[rows][:, None])[:, 0]
        after = seen.probabilities(outputs).gather(1, seen.given[rows][:, None])[:, 0]
        return (new != seen.given[rows]).double(), (before - after).abs()

    def _cases(
        self, seen: Examined, rows: Tensor, changed: Tensor, moved: Tensor, tried: list[Tensor], mask: Tensor
    ) -> list[CheckedRow]:
        most = torch.where(changed > 0, moved, -1.0)
        best, which = most.max(0)
        order = [int(i) for i in best.argsort(descending=True, stable=True)[:CASES] if best[i] >= 0]
        asked = [(int(rows[i]), tried[int(which[i])][i], float(best[i])) for i in order]
        return [seen.case(row, self._said(seen, row, other, moved), other) for row, other, moved in asked]

    def _said(self, seen: Examined, row: int, other: Tensor, moved: float) -> str:
        how = f"{self.of} swapped"
        spec, part = seen.subject.spec, part_of(self.of, seen.subject.spec)
        if isinstance(spec, TabularSpec):
            was, now = spec.decode(seen.held.inputs[row][None])[0], spec.decode(other[None])[0]
            names = part.columns or (part.column,)
            how = ", ".join(
                f"{n}: {spec.column(n).text(was[n])} → {spec.column(n).text(now[n])}" for n in names
            )
        if self.more_than is not None:
            return f"{how}; the answer moves by {moved:.4g}"
        new = seen.answers(seen.predicted(other[None]))[0]
        turned = f"{seen.answer_text(seen.given[row])} → {seen.answer_text(new)}"
        return f"{how}; {turned}, probability moves {percent(moved, 0)}"


def _elsewhere(x: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    """Rows with the masked part of another row, one whose part differs, drawn with equal chances.

    Raises:
        InputError: where all rows have the same part.
    """
    part = x[:, mask[0]]
    _, kind, counts = part.unique(dim=0, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise InputError("All rows looked at are alike there; nothing can be swapped.")
    order = kind.argsort(stable=True)
    starts = counts.cumsum(0) - counts
    n = len(x)
    free = n - counts[kind]
    drawn = (torch.rand(n, generator=generator) * free).long().clamp_max(free - 1)
    # places of rows with the same part are passed over
    place = torch.where(drawn >= starts[kind], drawn + counts[kind], drawn)
    donor = order[place]
    return torch.where(mask, x[donor], x)


def _words(x: Tensor, mask: Tensor, spec: TextSpec, generator: torch.Generator) -> Tensor:
    """Texts with the masked tokens replaced by other tokens of these texts."""
    usable = x[(spec.groups(x) >= 0) & ~mask]
    usable = usable[~torch.isin(usable, x[mask].unique())]
    if not len(usable):
        raise InputError("These texts hold no other word to put in its place.")
    drawn = usable[torch.randint(len(usable), x.shape, generator=generator)]
    return torch.where(mask, drawn, x)
