"""The decision tree with the fewest mistakes of all that are at most three questions deep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.rules._bits import Bits, bits_of
from pellucid.rules._box import Box, fewest
from pellucid.rules._tree import Growth

DEPTH, ROWS = 3, 10_000
Mask = NDArray[np.bool_]
Costs = NDArray[np.float64]
NEVER = np.inf


def optimal_tree(growth: Growth, leaves: int) -> tuple[Box, ...]:
    """Regions of a tree of depth at most 3 with the fewest mistakes that so many leaves can make.

    Exact search: the best tree below each pair of first answers is found from the counts of all pairs of
    questions, and leaves are dealt out between the two sides by dynamic programming.

    Args:
        growth: rows with answers in classes.
        leaves: most leaves, at most 8.

    Returns:
        At most ``leaves`` boxes, joined where neighbours say the same.

    Cost:
        Two products ``[B, N] · [N, B]`` of each class for each of the up to 64 questions ``B``.

    Limits:
        It is the optimum for the questions asked, up to 64 thresholds and levels guessed from a small forest,
        and for at most 10,000 rows (more are drawn from), not of all trees; and of mistakes on the rows
        grown from, not on new ones.

    Source:
        Demirović et al., "MurTree: optimal decision trees via dynamic programming and search", JMLR 2022.
    """
    chance = np.random.default_rng(growth.seed)
    if len(growth.answers) > ROWS:
        growth = growth.rows(np.sort(chance.choice(len(growth.answers), ROWS, replace=False)))
    bits = bits_of(growth)
    if not bits.asked:
        return (Box(_commonest(growth.answers)),)
    search = _Search(bits, growth.answers.astype(np.int64), growth.support)
    everywhere = np.ones(len(growth.answers), dtype=bool)
    leaf = search.best(everywhere, min(leaves, 2**DEPTH), DEPTH)
    return fewest(tuple(search.boxes(leaf)))


@dataclass(frozen=True, slots=True)
class _Node:
    """A question with what follows on yes and on no, or an answer."""

    mistakes: float
    answer: int = 0
    bit: int | None = None
    sides: tuple[_Node, ...] = ()


class _Search:
    def __init__(self, bits: Bits, answers: NDArray[np.int64], support: int) -> None:
        self.bits, self.answers, self.support = bits, answers, support
        self.classes = int(answers.max()) + 1

    def boxes(self, node: _Node, path: Sequence[tuple[int, bool]] = ()) -> list[Box]:
        """The regions of a tree."""
        if node.bit is None:
            return [self.bits.box(path, float(node.answer))]
        yes, no = node.sides
        return [
            *self.boxes(yes, (*path, (node.bit, True))),
            *self.boxes(no, (*path, (node.bit, False))),
        ]

    def best(self, here: Mask, leaves: int, depth: int) -> _Node:
        """The best tree for some rows with at most so many leaves."""
        counts = np.bincount(self.answers[here], minlength=self.classes)
        found = _Node(float(counts.sum() - counts.max()), int(counts.argmax()))
        if leaves < 2 or depth < 1 or found.mistakes == 0:
            return found
        first = self._two_deep(here) if depth <= 2 else self._three_deep(here)
        total, most, where = first.shape[1] - 1, found.mistakes, None
        for left in range(1, min(leaves - 1, total) + 1):
            for right in range(1, min(leaves - left, total) + 1):
                bit = int(first[:, left, right].argmin())
                if first[bit, left, right] < most:
                    most, where = float(first[bit, left, right]), (bit, left, right)
        if where is None:
            return found
        bit, left, right = where
        below = self.bits.yes[:, bit]
        yes = self.best(here & below, left, depth - 1)
        no = self.best(here & ~below, right, depth - 1)
        return _Node(yes.mistakes + no.mistakes, found.answer, bit, (yes, no))

    def _two_deep(self, here: Mask) -> Costs:
        """Mistakes ``[B, 3, 3]`` by first question, leaves on yes and leaves on no (1 or 2)."""
        yes = self.bits.yes[here].astype(np.float32)
        n, size = len(yes), yes.shape[1]
        costs = np.full((size, 3, 3), NEVER)
        counted = {side: np.zeros((self.classes, size, size)) for side in ("11", "10", "01", "00")}
        for k in range(self.classes):
            some = yes[self.answers[here] == k]
            both, one = (some.T @ some).astype(np.float64), some.sum(0, dtype=np.float64)
            counted["11"][k] = both
            counted["10"][k] = one[:, None] - both
            counted["01"][k] = one[None] - both
            counted["00"][k] = len(some) - one[:, None] - one[None] + both
        single = yes.sum(0)
        allowed = (single >= self.support) & (n - single >= self.support)
        mistakes = {side: self._missed(each) for side, each in counted.items()}
        ends = {
            True: (self._missed(counted["11"] + counted["10"]).min(1), mistakes["11"] + mistakes["10"]),
            False: (self._missed(counted["01"] + counted["00"]).min(1), mistakes["01"] + mistakes["00"]),
        }
        for left in (1, 2):
            for right in (1, 2):
                on_yes = ends[True][0] if left == 1 else ends[True][1].min(1)
                on_no = ends[False][0] if right == 1 else ends[False][1].min(1)
                costs[:, left, right] = np.where(allowed, on_yes + on_no, NEVER)
        return costs

    def _missed(self, counts: Costs) -> Costs:
        """Mistakes of one leaf with these counts of classes; too few rows may not be one."""
        total = counts.sum(0)
        return np.where(total >= self.support, total - counts.max(0), NEVER)

    def _three_deep(self, here: Mask) -> Costs:
        """Mistakes ``[B, 5, 5]`` by first question and leaves on each side (1 to 4)."""
        size = self.bits.yes.shape[1]
        costs = np.full((size, 5, 5), NEVER)
        for bit in range(size):
            below = self.bits.yes[:, bit]
            yes, no = self._by_leaves(here & below), self._by_leaves(here & ~below)
            costs[bit, 1:, 1:] = yes[1:, None] + no[None, 1:]
        return costs

    def _by_leaves(self, here: Mask) -> Costs:
        """Fewest mistakes ``[5]`` of a tree of depth 2 with at most 1 to 4 leaves."""
        found = np.full(5, NEVER)
        if here.sum() < self.support:
            return found
        counts = np.bincount(self.answers[here], minlength=self.classes)
        found[1:] = counts.sum() - counts.max()
        two = self._two_deep(here).min(0)
        for leaves in (2, 3, 4):
            pairs = [(a, b) for a in (1, 2) for b in (1, 2) if a + b <= leaves]
            found[leaves] = min(found[1], *(float(two[a, b]) for a, b in pairs))
        return found


def _commonest(answers: NDArray[np.float64]) -> float:
    return float(np.bincount(answers.astype(np.int64)).argmax())
