"""Where a network is worse than as a whole."""

from __future__ import annotations

from pellucid._core import wilson
from pellucid.report._dossier import Dossier, Slice


def slices(dossier: Dossier) -> tuple[Slice, ...]:
    """Given slices and the recall of each class, the worst first.

    Example:
        >>> slices(Dossier("net", "regression"))
        ()
    """
    return tuple(sorted([*dossier.slices, *_classes(dossier)], key=lambda part: part.value))


def _classes(dossier: Dossier) -> list[Slice]:
    counts = None if dossier.performance is None else dossier.performance.confusion
    if counts is None:
        return []
    found: list[Slice] = []
    for i, name in enumerate(dossier.classes):
        n, hits = int(counts[i].sum()), int(counts[i, i])
        if n:
            found.append(Slice(f"{dossier.answer} {name}", hits / n, *wilson(hits, n), n))
    return found
