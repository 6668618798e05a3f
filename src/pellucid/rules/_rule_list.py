"""A rule list: the first rule that holds speaks, and a last one speaks for all the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.rules._bits import bits_of
from pellucid.rules._box import Box
from pellucid.rules._conjunctions import classes_of, strongest
from pellucid.rules._tree import Growth

Mask = NDArray[np.bool_]


def rule_list(growth: Growth, rules: int) -> tuple[Box, ...]:
    """At most ``rules`` boxes in the order in which they are asked, the last without conditions.

    Rule by rule, the clause of at most three conditions that says most about the rows which no earlier rule
    took, by beam search; the last rule is the commonest answer of what is left. Rules that change nothing
    are taken out again.

    Args:
        growth: rows with answers in classes.
        rules: most rules, the last one counted.

    Limits:
        A rule holds only where none before it does: read alone it may be wrong. The search is greedy.

    Source:
        Clark and Niblett, "The CN2 induction algorithm", Machine Learning 1989.
    """
    bits = bits_of(growth)
    left = np.ones(len(growth.answers), dtype=bool)
    boxes: list[Box] = []
    while len(boxes) < rules - 1 and bits.asked:
        found = [strongest(bits, c, left, left, growth.support) for c in classes_of(growth.answers)]
        clauses = [clause for clause in found if clause is not None]
        if not clauses:
            break
        best = max(clauses, key=lambda clause: clause.gain)
        said = _commonest(growth, left & best.meets)
        boxes.append(bits.box(best.literals, said))
        left &= ~best.meets
    rest = left if left.any() else np.ones(len(growth.answers), dtype=bool)
    boxes.append(Box(_commonest(growth, rest)))
    return without_idle(boxes)


def without_idle(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The list without rules right before the last that answer as it does."""
    kept = list(boxes)
    while len(kept) > 1 and kept[-2].answer == kept[-1].answer:
        del kept[-2]
    return tuple(kept)


def _commonest(growth: Growth, here: Mask) -> float:
    return float(np.bincount(growth.answers[here].astype(np.int64)).argmax())
