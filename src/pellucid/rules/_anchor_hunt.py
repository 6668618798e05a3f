"""The search for an anchor: conditions added one at a time, told apart by how often the answer stays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.rules._anchor_draws import Chosen, Draws
from pellucid.rules._bounds import exploration, kl_bounds
from pellucid.rules._recourse._codes import Numbers

BATCH, FRESH = 50, 1000
TAU = 0.15  # how well the best conditions are told apart before one more is added
ROUNDS = 60  # batches that one more condition may cost beyond the first of each
SURE = 1500  # draws for one set of conditions, above which the search gives up on being sure

Same = Callable[[Tensor], NDArray[np.bool_]]


class Hunt:
    """Counts of draws for each set of conditions."""

    def __init__(
        self, draws: Draws, same: Same, chance: np.random.Generator, threshold: float, delta: float
    ) -> None:
        self.draws, self.threshold, self.delta = draws, threshold, delta
        self._same, self._chance = same, chance
        self._counts: dict[Chosen, tuple[int, int]] = {}

    def more(self, sets: list[Chosen], n: int = BATCH) -> None:
        """Draw more for these sets, all in one pass."""
        drawn = [self.draws.draw(chosen, n, self._chance) for chosen in sets]
        same = self._same(torch.cat(drawn)).reshape(len(sets), n).sum(1)
        for chosen, hits in zip(sets, same, strict=True):
            self._count(chosen, int(hits), n)

    def extended(self, sets: list[Chosen], n: int = 4 * BATCH) -> None:
        """Draw under these sets; what meets one condition more counts for the set with that condition too.

        With the parts of a sound or picture, half of the draws have any other part: as many sets as there are
        parts are looked at in the passes of one.
        """
        drawn = [self.draws.seen(chosen, n, self._chance) for chosen in sets]
        known = [(chosen, *seen) for chosen, seen in zip(sets, drawn, strict=True) if seen is not None]
        if not known:
            return
        same = self._same(torch.cat([inputs for _, inputs, _ in known])).reshape(len(known), n)
        for (chosen, _, met), right in zip(known, same, strict=True):
            for p in set(range(len(self.draws.conditions))) - {*chosen}:
                self._count(tuple(sorted((*chosen, p))), int(right[met[:, p]].sum()), int(met[:, p].sum()))

    def _count(self, chosen: Chosen, hits: int, n: int) -> None:
        before = self._counts.get(chosen, (0, 0))
        if n:
            self._counts[chosen] = (before[0] + hits, before[1] + n)

    def fresh(self, chosen: Chosen) -> int:
        """Hits among 1,000 draws that nothing was chosen by."""
        return int(self._same(self.draws.draw(chosen, FRESH, self._chance)).sum())

    def bounds(self, sets: list[Chosen], round_: int) -> tuple[Numbers, Numbers, Numbers]:
        """Share, lower and upper bound for each set."""
        hits, n = (
            np.array(part, dtype=np.float64) for part in zip(*(self._counts[s] for s in sets), strict=True)
        )
        return (hits / n, *kl_bounds(hits, n, exploration(len(sets), round_, self.delta)))

    def unseen(self, sets: list[Chosen]) -> list[Chosen]:
        """Sets that nothing was drawn for."""
        return [chosen for chosen in sets if chosen not in self._counts]

    def holds(self, chosen: Chosen) -> bool:
        """Whether a set reaches the threshold, drawing until that is known or too dear."""
        while True:
            hits, n = self._counts[chosen]
            low, high = kl_bounds(np.array([float(hits)]), np.array([float(n)]), np.log(1 / self.delta))
            if low[0] >= self.threshold:
                return True
            if high[0] < self.threshold or n >= SURE:
                return False
            self.more([chosen], 4 * BATCH)


def search(hunt: Hunt, most: int, beam: int) -> Chosen:
    """The set of conditions that is reported: the first that holds, or the best attempt."""
    front, best, best_low = [()], (), -1.0
    hunt.more([()])
    if hunt.holds(()):
        return ()
    for _ in range(most):
        sets = _larger(hunt.draws, front)
        if not sets:
            break
        hunt.extended(front)
        front = _best(hunt, sets, beam)
        shares, lows, _ = hunt.bounds(front, 1)
        holding = [chosen for chosen in front if hunt.holds(chosen)]
        if holding:
            return _pruned(hunt, max(holding, key=hunt.draws.coverage))
        top = int(np.lexsort((shares, lows))[-1])
        if lows[top] > best_low:
            best, best_low = front[top], float(lows[top])
    return best


def _larger(draws: Draws, front: list[Chosen]) -> list[Chosen]:
    """Each set with one more condition, none twice and none that another one of it already says."""
    found: dict[Chosen, None] = {}
    for chosen in front:
        taken = {(draws.conditions[p].column, draws.conditions[p].op) for p in chosen}
        for p, condition in enumerate(draws.conditions):
            if (condition.column, condition.op) not in taken:
                found[tuple(sorted((*chosen, p)))] = None
    return list(found)


def _best(hunt: Hunt, sets: list[Chosen], beam: int) -> list[Chosen]:
    """The sets of highest precision, told apart by KL-LUCB."""
    fresh = hunt.unseen(sets)
    if fresh:
        hunt.more(fresh)
    beam = min(beam, len(sets))
    for round_ in range(1, ROUNDS + 1):
        shares, lows, highs = hunt.bounds(sets, round_)
        order = np.argsort(-shares, kind="stable")
        inside, outside = order[:beam], order[beam:]
        if not len(outside):
            break
        weakest, strongest = inside[lows[inside].argmin()], outside[highs[outside].argmax()]
        if highs[strongest] - lows[weakest] < TAU:
            break
        hunt.more([sets[weakest], sets[strongest]])
    shares, _, _ = hunt.bounds(sets, 1)
    return [sets[i] for i in np.argsort(-shares, kind="stable")[:beam]]


def _pruned(hunt: Hunt, chosen: Chosen) -> Chosen:
    """Without the conditions that are not needed."""
    for p in chosen:
        less = tuple(q for q in chosen if q != p)
        if not less:
            continue
        if hunt.unseen([less]):
            hunt.more([less])
        if hunt.holds(less):
            return _pruned(hunt, less)
    return chosen
