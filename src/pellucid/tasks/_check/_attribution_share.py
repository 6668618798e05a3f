"""``attribution-share``: how much of the explanations a part may take."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid._core import Explanation, Subject
from pellucid._core._student import interval_of_mean
from pellucid.errors import InputError, MethodError
from pellucid.figures import percent
from pellucid.importance import Importance
from pellucid.inputs import TabularSpec
from pellucid.tasks._check._examined import CASES, Examined, class_named
from pellucid.tasks._check._expectation import Expectation, line, missing, together
from pellucid.tasks._check._grouped import check_share, limit_text
from pellucid.tasks._check._intervals import mean_interval
from pellucid.tasks._check._outcome import WORST, Bound, CheckedRow, Line, Measured
from pellucid.tasks._check._part import Part, check_part, part_of, units
from pellucid.tasks._explain import method_named

METHODS = ("integrated_gradients", "occlusion")


@final
@dataclass(frozen=True, slots=True)
class AttributionShare(Expectation):
    """A part takes at most this share of |attribution|, by every one of several methods.

    Formula: mean over rows of ``sum over the part of |value| / sum over all of |value|``; a value is that of
    a column (its slots together), a pixel, a token or a cell of a spectrogram.

    Args:
        of: a column of a table or a word of a text by name, or a :class:`Part`.
        at_most: share, 0 to 1.
        methods: names of attribution methods. All must keep the bound; where one breaks it, it is broken.
        answer: the class whose log-odds are explained; left out, each row's top class.

    Cost:
        Each method's own on the rows looked at, once for all expectations of a file that use it.

    Limits:
        A share under methods, not a cause: a network may use a part through others that stand in for it
        (proxies), and methods can be blind. Set :class:`Swap` beside it, which asks the network itself, and
        an :class:`EvidenceShare` for the methods. Rows without any attribution, and texts without the
        word, are left out. The interval is the bootstrap's over rows.

    Example:
        >>> AttributionShare("sex", 0.02).expected()
        'sex takes at most 2\\xa0% of |attribution| by integrated_gradients and occlusion'
    """

    kind: ClassVar[str] = "attribution-share"
    of: str | Part
    at_most: float
    methods: tuple[str, ...] = METHODS
    answer: str = ""

    @property
    def bound(self) -> Bound:
        """The most."""
        return Bound("at most", self.at_most)

    def expected(self) -> str:
        """In words."""
        return f"{self.of} takes {limit_text(self.bound)} of |attribution| by {' and '.join(self.methods)}"

    def fits(self, subject: Subject) -> None:
        """Needs the part, the methods and the class to be there."""
        check_share("at_most", self.at_most)
        check_part(self.of, subject)
        if not self.methods:
            raise InputError("methods names at least one attribution method.")
        for name in self.methods:
            known_method(name)
        if self.answer:
            class_named(subject, self.answer)

    def measure(self, seen: Examined) -> Measured:
        """The share by each method."""
        part = part_of(self.of, seen.subject.spec)
        found = [self._by(name, part, seen) for name in self.methods]
        found.sort(key=lambda one: (WORST.index(one.line.word), -(one.line.value or 0.0)))
        told = next((one for one in found if one.why is not None), None)
        cases, shown = ((), ()) if told is None else self._shown(told, seen)
        return Measured([one.line for one in found], cases, shown)

    def _by(self, name: str, part: Part, seen: Examined) -> _Told:
        try:
            why = seen.explained(name, self.answer)
        except (MethodError, InputError) as error:
            return _Told(missing(name, str(error)))
        share, here = _shares(why, part, seen)
        if not len(share):
            return _Told(missing(name, f"No row looked at has {part} and any attribution."))
        ends = mean_interval(share, together(len(self.methods)), seen.compute.seed)
        made = dataclasses.replace(
            line(self.bound, name, float(share.mean()), ends, len(share)),
            each=share,
            rows=seen.looked[here],
            control=float(_even(why, part, seen)[here].mean()),
            control_name="its share of the input",
        )
        order = share.argsort(descending=True, stable=True)[:CASES]
        return _Told(made, why, here[order], share[order])

    def _shown(self, told: _Told, seen: Examined) -> tuple[list[CheckedRow], list[object]]:
        """The rows with the largest shares by a method, and a picture of what it says."""
        cases = [
            seen.case(int(seen.looked[i]), f"{percent(share)} by {told.line.label}")
            for i, share in zip(told.most.tolist(), told.shares.tolist(), strict=True)
        ]
        spec = seen.subject.spec
        if told.why is None:
            return cases, []
        if isinstance(spec, TabularSpec):
            return cases, [_ranking(told.why, spec, self.of, seen)]
        return cases, [told.why.rows(told.most[:2])]


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What one method says: its number, its explanation, and the looked rows with the largest shares."""

    line: Line
    why: Explanation | None = None
    most: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    shares: Tensor = field(default_factory=lambda: torch.zeros(0))


def _shares(why: Explanation, part: Part, seen: Examined) -> tuple[Tensor, Tensor]:
    """The part's share in each row that has the part and any attribution, and the numbers of those rows."""
    size = units(why.map.detach(), seen.subject.spec).abs()
    inside = _inside(part, seen)
    total = size.flatten(1).sum(1)
    alive = (total > 0) & inside.flatten(1).any(1).expand(len(total))
    here = alive.nonzero().flatten()
    return ((size * inside).flatten(1).sum(1)[here] / total[here]), here


def _inside(part: Part, seen: Examined) -> Tensor:
    return units(part.mask(seen.held.inputs[seen.looked], seen.subject.spec), seen.subject.spec) > 0


def _even(why: Explanation, part: Part, seen: Examined) -> Tensor:
    """What share the part would take were attribution spread evenly, in each row."""
    inside = _inside(part, seen).double()
    size = units(why.map.detach(), seen.subject.spec)
    counted = torch.ones_like(size)
    if not why.point.is_floating_point():
        counted = (seen.subject.spec.groups(why.point) >= 0).double().cpu()
    return (inside * counted).flatten(1).sum(1) / counted.flatten(1).sum(1).clamp_min(1)


def _ranking(why: Explanation, spec: TabularSpec, of: str | Part, seen: Examined) -> Importance:
    size = units(why.map.detach(), spec).abs()
    share = size / size.sum(1, keepdim=True).clamp_min(1e-300)
    low, high = (end.clamp(0, 1) for end in interval_of_mean(share, 0.95))
    part = part_of(of, spec)
    asked = part.columns or (part.column,)
    names = tuple(("▸ " if each.name in asked else "") + each.name for each in spec.columns)
    what = f"share of |{why.provenance.method}|"
    return Importance(names, share.mean(0), low, high, 0.95, what, len(share))


def known_method(name: str) -> None:
    """Raise :class:`InputError` where there is no such attribution method."""
    try:
        method_named(name)
    except MethodError as error:
        raise InputError(str(error)) from error
