"""``no-shortcut``: nothing decides alone although it should not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, final

import torch

from pellucid._core import PARTS, InputSpec, Subject, wilson
from pellucid.errors import InputError, near_misses
from pellucid.evidence import Copies, Suspicion
from pellucid.evidence._shortcuts._value import OF_PICTURES, OF_SOUNDS, Alarm
from pellucid.inputs import AudioSpec, ImageSpec, TabularSpec, TextSpec
from pellucid.tasks._check._examined import CASES, Examined
from pellucid.tasks._check._expectation import Expectation, missing
from pellucid.tasks._check._outcome import WORST, Bound, CheckedRow, Line, Measured, Said
from pellucid.tasks._shortcuts import shortcuts

COPIES, ONE_IN = "copies", 0.01
WORDS: Mapping[Alarm, Said] = MappingProxyType(
    {"found": "failed", "suspected": "undecided", "no alarm": "passed", "not tested": "not run"}
)


@final
@dataclass(frozen=True, slots=True)
class NoShortcut(Expectation):
    """The search for shortcuts finds none of these kinds: no part decides alone although it should not.

    One number is the share of mixed rows that are answered as the row which gave the part
    (:func:`pellucid.shortcuts`). ``found`` is failed, ``suspected`` is undecided. Each kind has a bar of its
    own, and must also lead its control. Copies are failed where surely more than 1 % of the held-out rows are
    some, whether or not the network knows them by heart.

    Args:
        kinds: for tables ``"column"``, ``"missing"``; for texts ``"word"``, ``"length"``; for pictures
            ``"corner"``, ``"border"``,
            ``"surround"``, ``"colour"``, ``"brightness"``, ``"sharpness"``, ``"fine detail"``, ``"place"``,
            ``"spot"``; for sounds ``"stretch"``, ``"band"``, ``"loudness"``, ``"pauses"``; for all
            ``"copies"``: held-out rows that lie in the training rows. Left out, all that suit the inputs.
        rows: most held-out rows to look at; at least 40.
        pairs: mixed rows for each part.

    Cost:
        With 16 parts about ``16 · (2 · pairs + 3 · rows)`` rows through the network.

    Limits:
        An alarm says that a part alone decides, not that it should not. Silence says less: see
        :func:`pellucid.evidence.shortcuts`. A kind that is named and could not be tested is not run.

    Example:
        >>> NoShortcut(("corner", "border")).expected()
        'no shortcut of the kinds corner and border'
    """

    kind: ClassVar[str] = "no-shortcut"
    kinds: tuple[str, ...] = ()
    rows: int = 400
    pairs: int = 200

    @property
    def bound(self) -> Bound:
        """The least of the bars; each line has its own."""
        return Bound("at most", 0.5)

    def expected(self) -> str:
        """In words."""
        if not self.kinds:
            return "no shortcut of any kind"
        several = "s" if len(self.kinds) > 1 else ""
        return f"no shortcut of the kind{several} {' and '.join(self.kinds)}"

    def fits(self, subject: Subject) -> None:
        """Needs kinds that suit the inputs."""
        if self.rows < 40 or self.pairs < 1:
            raise InputError(f"rows is 40 or more and pairs 1 or more, got {self.rows} and {self.pairs}.")
        known = _kinds(subject.spec)
        for kind in self.kinds:
            if kind not in known:
                raise InputError(f"Such inputs have no shortcut of kind {kind!r}. {near_misses(kind, known)}")

    def measure(self, seen: Examined) -> Measured:
        """The worst part of each kind."""
        found = shortcuts(seen.subject, rows=self.rows, pairs=self.pairs, compute=seen.compute)
        worst: dict[str, tuple[Line, Suspicion | None]] = {}
        for one in found.suspicions:
            made = _line(one)
            if self.kinds and one.kind not in self.kinds:
                continue
            if one.kind not in worst or _rank(made) < _rank(worst[one.kind][0]):
                worst[one.kind] = made, one
        if found.copies is not None and (not self.kinds or COPIES in self.kinds):
            worst[COPIES] = _copied(found.copies), None
        lines = [made for made, _ in worst.values()]
        if not self.kinds and any(each.value is not None for each in lines):
            lines = [each for each in lines if each.value is not None]
        absent = [kind for kind in self.kinds if kind not in worst]
        lines += [
            Line(kind, None, None, None, 0, "not run", "The search tested no such part.") for kind in absent
        ]
        lead = min(worst.values(), key=lambda pair: _rank(pair[0]), default=(None, None))[1]
        copied = [found.copies.note] if found.copies is not None and COPIES in worst else []
        notes = " ".join([f"Looked at: {found.declared}.", *found.notes, *copied])
        return Measured(lines, _rows(seen, lead), [found], notes)


def _kinds(spec: InputSpec) -> tuple[str, ...]:
    own: tuple[str, ...] = ()
    if isinstance(spec, ImageSpec):
        own = OF_PICTURES
    elif isinstance(spec, AudioSpec):
        own = OF_SOUNDS
    elif isinstance(spec, TabularSpec):
        own = ("column",)
    elif isinstance(spec, TextSpec):
        own = ("word",)
    return (*own, COPIES)


def _rank(made: Line) -> tuple[int, float]:
    return WORST.index(made.word), -(made.value or 0.0)


def _line(one: Suspicion) -> Line:
    label = one.name + (f" of class {one.only}" if one.only else "")
    if one.word == "not tested":
        return missing(label, "Too few rows could be paired.")
    follows = one.follows
    return Line(
        label,
        follows.value,
        follows.low,
        follows.high,
        one.n,
        WORDS[one.word],
        note=f"Only through {one.through}." if one.through else "",
        control=one.control.value,
        control_name=one.control_name,
        limit=one.bars[1],
    )


def _copied(copies: Copies) -> Line:
    # rows that repeat because they say little are no copies: their answers agree by chance alone
    n = copies.exact + copies.near
    n = 0 if copies.word == "no alarm" and n > ONE_IN * copies.held else n
    share = n / copies.held if copies.held else None
    ends = wilson(n, copies.held) if copies.held else (None, None)
    label = "held-out rows that are copies of training rows"
    word = WORDS[copies.word]
    if word == "undecided" and ends[0] is not None and ends[0] > ONE_IN:
        # whether the network knows them by heart is another question: there are surely too many
        word = "failed"
    return Line(label, share, *ends, copies.held, word, copies.note, limit=ONE_IN)


def _rows(seen: Examined, one: Suspicion | None) -> list[CheckedRow]:
    """Mixed rows of an alarm, under the held-out number of the row that kept the rest."""
    if one is None or one.cases is None:
        return []
    numbers = torch.arange(len(seen.data))
    for part in ("test", "validation"):
        chosen = seen.data.parts == PARTS.index(part)
        if bool(chosen.any()):
            numbers = chosen.nonzero().flatten()
            break
    cases = list[CheckedRow]()
    for pair, mixed, said in zip(one.cases.rows.tolist(), one.cases.mixed, one.cases.answers, strict=True):
        here = (numbers == pair[0]).nonzero().flatten().tolist()
        if not here:
            continue
        turned = f"{said[0]} → {said[2]}"
        cases.append(seen.case(here[0], f"with {one.name} of a row answered {said[1]}: {turned}", mixed))
    return cases[:CASES]
