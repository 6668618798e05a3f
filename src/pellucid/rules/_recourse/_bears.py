"""How far single columns of a row may move while the answer stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.rules._recourse._codes import Numbers
from pellucid.rules._recourse._goal import SURE
from pellucid.rules._recourse._moves import Moves
from pellucid.rules._recourse._search import Reached, Search


def bears(moves: Moves, now: Numbers, pool: Sequence[Numbers]) -> Search:
    """For each column and direction the furthest value up to which every value tried keeps the answer.

    What it receives is how far each candidate is above the loss of the answer.
    """
    rows: list[Numbers] = []
    ways: list[tuple[int, int]] = []
    for k, values in enumerate(moves.options(now, pool)):
        for value in values:
            changed = now.copy()
            changed[k] = value
            rows.append(changed)
            ways.append((k, 0 if moves.codes.levels[k] else (1 if value > now[k] else -1)))
    if not rows:
        return Reached(np.empty((0, len(now))), now, 0.0, 0)
    tried = np.stack(rows)
    good = ((yield tried) > SURE) & moves.allowed(now, tried)
    steps = moves.codes.steps(tried, now[None]).sum(1)
    kept: list[int] = []
    for way in dict.fromkeys(ways):
        mine = [i for i, other in enumerate(ways) if other == way]
        mine.sort(key=lambda i: steps[i])
        for i in mine:
            if way[1] == 0 and good[i]:  # levels are not on the way to each other
                kept.append(i)
            elif way[1] and not good[i]:
                break
            elif way[1] and (i == mine[-1] or not good[mine[mine.index(i) + 1]]):
                kept.append(i)
    found = tried[kept]
    return Reached(found[np.argsort(-steps[kept], kind="stable")], now, 0.0, len(tried))
