"""What the search for shortcuts found: suspicions with their interventions, copied rows, clusters of maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid._core import InputSpec, brief, percent
from pellucid.errors import InputError, near_misses
from pellucid.evidence._localisation import Measure

Alarm = Literal["found", "suspected", "no alarm", "not tested"]
OF_PICTURES = (
    "corner",
    "border",
    "surround",
    "colour",
    "brightness",
    "sharpness",
    "fine detail",
    "place",
    "spot",
)
OF_SOUNDS = ("stretch", "band", "loudness", "pauses")
KINDS = (*OF_PICTURES, "column", "missing", "word", "length", *OF_SOUNDS, "copies")
ORDER: tuple[Alarm, ...] = ("found", "suspected", "no alarm", "not tested")


@dataclass(frozen=True, slots=True, eq=False)
class SwapCases:
    """Pairs of rows of which one took over a part of the other.

    Args:
        rest: ``[k, *shape]`` rows that keep all but the part.
        donor: ``[k, *shape]`` rows that give the part.
        mixed: ``[k, *shape]`` what came out.
        rows: ``[k, 2]`` their row numbers in the data set, rest first.
        answers: of the network for rest, donor and mixed, in words.
        marked: bool ``[k, *shape]``, where the part lies; ``None`` where it is no place (a colour).
    """

    rest: Tensor
    donor: Tensor
    mixed: Tensor
    rows: Tensor
    answers: tuple[tuple[str, str, str], ...]
    marked: Tensor | None

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """One part of the input, suspected of deciding alone, and what interventions said.

    Args:
        kind: of part: ``"corner"``, ``"column"``, ``"word"`` and so on.
        name: which part, in words.
        source: why it was looked at.
        word: ``found``, ``suspected`` or ``no alarm``; ``not tested`` where too few rows could be paired.
        follows: share of mixed rows that are answered as the row which gave the part.
        control: the same share for the control.
        control_name: what was swapped there.
        bars: lower ends of ``follows`` above which the word is ``suspected`` and ``found``.
        n: mixed rows.
        p: chance of so large a lead over the control were there none, adjusted for all parts (Holm).
        without: share of right answers with the part taken from another row, drawn from all.
        without_control: the same for a control of equal size elsewhere.
        alone: share of answers that stay with everything but the part taken from another row.
        only: the class to which the alarm is limited; empty for all.
        through: another part, without which this one would be no alarm; empty where it stands for itself.
        area: share of the input's elements; ``None`` for what is no place.
        cases: some of the mixed rows, where there is an alarm.
    """

    kind: str
    name: str
    source: str
    word: Alarm
    follows: Measure
    control: Measure
    control_name: str
    bars: tuple[float, float]
    n: int
    p: float
    without: Measure
    without_control: Measure
    alone: Measure
    only: str = ""
    through: str = ""
    area: float | None = None
    cases: SwapCases | None = None

    def __str__(self) -> str:
        """One sentence with the figures."""
        whose = f" of class {self.only}" if self.only else ""
        return (
            f"{self.word}: {self.name}{whose}: {_share(self.follows)} of {self.n} mixed rows are answered as "
            f"the row that gave it, {_share(self.control)} for {self.control_name}."
            + (f" Only through {self.through}." if self.through else "")
        )


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Held-out rows that the network has seen while it learned.

    Args:
        word: ``suspected`` where they are at least one in a hundred and their answers agree with those of
            the rows they equal more often than rows drawn at random do; ``found`` where the network also
            answers them better than the rest, beyond chance; else ``no alarm``.
        exact, near: how many held-out rows equal a training row, or nearly do.
        held, learned: rows compared.
        on_copies, on_rest: share of right answers on both sides.
        p: chance of so large a lead of the copies were there none.
        agree: share of the copies whose answer in the data is that of the row they equal.
        rows: ``[k, 2]`` row numbers in the data set: held-out row and training row.
        note: how near is near; why it was not tested.
    """

    word: Alarm
    exact: int
    near: int
    held: int
    learned: int
    on_copies: Measure
    on_rest: Measure
    p: float
    agree: float
    rows: Tensor
    note: str = ""

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class MapCluster:
    """Rows of one answer that the network seems to decide alike.

    Args:
        answer: the class they are given.
        n: rows in it; ``of`` that class.
        map: ``[H, W]`` mean map of its rows, each summing to 1.
        area: share of the picture that holds half of that map.
        eigenvalues: the first of the graph of that class; the gap behind the k-th says k clusters.
    """

    answer: str
    n: int
    of: int
    map: Tensor
    area: float
    eigenvalues: tuple[float, ...]

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class Shortcuts:
    """All that was looked at in a search for shortcuts.

    Args:
        word: the worst of all.
        suspicions: alarms first.
        copies: rows that lie in training and test data; ``None`` without training rows.
        clusters: of attribution maps; empty for what is no picture or sound.
        accuracy: share of right answers on the rows looked at.
        chance: share of the commonest class among them.
        n: rows looked at.
        declared: how they were drawn.
        unit: what a share of right answers counts, in words.
        notes: what could not be tested, and why.
        spent: rows that went through the network.
        seed: of everything drawn.
        spec: what an input means, for those who draw cases.
    """

    word: Alarm
    suspicions: tuple[Suspicion, ...]
    copies: Copies | None
    clusters: tuple[MapCluster, ...]
    accuracy: Measure
    chance: float
    n: int
    declared: str
    unit: str
    notes: tuple[str, ...]
    spent: int
    seed: int
    spec: InputSpec

    __repr__ = brief

    @property
    def alarms(self) -> tuple[Suspicion, ...]:
        """Suspicions that were found or stay suspected."""
        return tuple(one for one in self.suspicions if one.word in ("found", "suspected"))

    @property
    def leading(self) -> tuple[Suspicion, ...]:
        """Alarms that stand for themselves, not only through another one."""
        return tuple(one for one in self.alarms if not one.through)

    def of_kind(self, kind: str) -> tuple[Suspicion, ...]:
        """Suspicions of one kind, such as ``"column"``; copied rows are in ``copies``.

        Raises:
            InputError: for a kind that is not looked for.
        """
        if kind not in KINDS:
            raise InputError(f"No shortcut is of the kind {kind!r}. {near_misses(kind, KINDS)}")
        return tuple(one for one in self.suspicions if one.kind == kind)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def _share(one: Measure) -> str:
    return f"{percent(one.value, 0)} [{100 * one.low:.0f}, {100 * one.high:.0f}]"
