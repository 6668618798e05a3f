"""Where a network is worse than as a whole."""

from __future__ import annotations

from pellucid._core import wilson
from pellucid.figures import number, percent
from pellucid.report._dossier import Dossier, Slice
from pellucid.tasks import Performance

ACCURACY, SCORE = "accuracy", "R²"


def slices(dossier: Dossier) -> tuple[Slice, ...]:
    """Given slices and the recall of each class, the worst first; the intervals of all classes hold together.

    Example:
        >>> slices(Dossier("net", "regression"))
        ()
    """
    return tuple(sorted([*dossier.slices, *_classes(dossier)], key=lambda part: -part.badness))


def _classes(dossier: Dossier) -> list[Slice]:
    counts = None if dossier.performance is None else dossier.performance.confusion
    if counts is None:
        return []
    rows = counts.sum(1).tolist()
    there = [i for i in range(len(dossier.classes)) if rows[i]]
    # the worst of many classes is not to be bad by chance
    level = 1 - 0.05 / max(1, len(there))
    found: list[Slice] = []
    for i in there:
        n, hits = int(rows[i]), int(counts[i, i])
        ends = wilson(hits, n, level)
        found.append(Slice(f"{dossier.answer} {dossier.classes[i]}", hits / n, *ends, n, len(there)))
    return found


def worse_parts(dossier: Dossier) -> list[Slice]:
    """The slices whose whole interval is worse than the network is as a whole, the worst first."""
    given = dossier.performance
    return [] if given is None else [part for part in slices(dossier) if _worse(part, given)]


def _worse(part: Slice, given: Performance) -> bool:
    if part.metric in (ACCURACY, SCORE):
        return part.high < given.value
    return given.error is not None and part.low > given.error


def part_score(dossier: Dossier, part: Slice) -> str:
    """The score of a slice with its interval; errors in the answer's unit."""
    if part.metric == ACCURACY:
        return f"{percent(part.value)} [{percent(part.low)}, {percent(part.high)}]"
    unit = "" if part.metric == SCORE else dossier.unit
    ends = f"[{number(part.low)}, {number(part.high)}]"
    return f"{number(part.value)} {ends} {unit}".rstrip()


def whole_score(dossier: Dossier, part: Slice) -> str:
    """What the score of a slice is compared with: the same of all held-out rows."""
    given = dossier.performance
    if given is None:
        return "not measured"
    if part.metric == ACCURACY:
        return percent(given.value)
    value = given.value if part.metric == SCORE else given.error
    return f"{number(value)} {'' if part.metric == SCORE else dossier.unit}".rstrip()
