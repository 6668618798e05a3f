"""Class-wise rules in disjunctive normal form: each class is told by its own clauses."""

from __future__ import annotations

import numpy as np

from pellucid.rules._bits import bits_of
from pellucid.rules._box import Box
from pellucid.rules._conjunctions import Clause, classes_of, strongest
from pellucid.rules._tree import Growth

SURE = 0.8  # least share of its class among the rows that meet a clause


def class_clauses(growth: Growth, rules: int) -> tuple[Box, ...]:
    """At most ``rules`` clauses, the surest first; a class is given where any of its clauses holds.

    Clause by clause, for whichever class gains most, the conditions that say most about its rows which none
    of its clauses takes; precision is counted on all rows, so that a clause may be read alone.

    Args:
        growth: rows with answers in classes.
        rules: most clauses, over all classes.

    Limits:
        No rule speaks for rows that meet no clause; where clauses of two classes hold, the surer one speaks.
        Clauses with fewer than 80 % of their own class among the rows grown from are not given.

    Source:
        Fürnkranz, "Separate-and-conquer rule learning", Artificial Intelligence Review 1999.
    """
    bits = bits_of(growth)
    everyone = np.ones(len(growth.answers), dtype=bool)
    left = {c: growth.answers == c for c in classes_of(growth.answers)}
    if len(left) < 2 or not bits.asked:
        return (Box(float(next(iter(left)))),)
    ahead = {c: strongest(bits, c, left[c], everyone, growth.support) for c in left}
    found: list[tuple[float, Clause]] = []
    while len(found) < rules:
        some = [clause for clause in ahead.values() if clause is not None]
        if not some:
            break
        best = max(some, key=lambda clause: clause.gain)
        sure = float((growth.answers[best.meets] == best.answer).mean())
        if sure >= SURE:
            found.append((sure, best))
        c = best.answer
        fresh = (left[c] & best.meets).any()
        left[c] = left[c] & ~best.meets
        ahead[c] = strongest(bits, c, left[c], everyone, growth.support) if fresh else None
    found.sort(key=lambda each: -each[0])
    return tuple(bits.box(clause.literals, float(clause.answer)) for _, clause in found)
