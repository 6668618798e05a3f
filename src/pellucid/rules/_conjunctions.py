"""One rule at a time: the conditions that together single out an answer best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.rules._bits import Bits

DEEPEST, BEAM = 3, 8
Mask = NDArray[np.bool_]
Literals = tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """Conditions, which rows meet them, and how much they say.

    Args:
        literals: questions with their answers.
        answer: class number that they speak for.
        meets: ``[N]``.
        gain: information gained about rows that no earlier rule had, in bits.
    """

    literals: Literals
    answer: int
    meets: Mask
    gain: float


def strongest(bits: Bits, answer: int, open_: Mask, counted: Mask, support: int) -> Clause | None:
    """The clause of at most three conditions with the highest gain, by beam search; ``None`` where no
    clause gains anything.

    The gain of a clause is ``t · (log₂ precision − log₂ share)``: ``t`` open rows of the class meet it, its
    precision and the class's share are counted on other rows (FOIL; Quinlan 1990).

    Args:
        bits: questions to the rows.
        answer: class number.
        open_: rows of which clauses are still to say something.
        counted: rows on which precision is counted.
        support: fewest counted rows that meet it.
    """
    hits = bits.growth.answers == answer
    share = float(hits[counted].mean()) if counted.any() else 0.0
    if share in (0.0, 1.0) or not (hits & open_).any():
        return None
    both = np.concatenate((bits.yes, ~bits.yes), 1).astype(np.float32)
    size = bits.yes.shape[1]
    beam: list[tuple[Literals, Mask]] = [((), np.ones(len(hits), dtype=bool))]
    best: tuple[float, Literals, Mask] | None = None
    for _ in range(DEEPEST):
        tried: dict[frozenset[tuple[int, bool]], tuple[float, Literals, int, Mask]] = {}
        here = np.stack([mask for _, mask in beam])
        all_ = (here & counted).astype(np.float32) @ both
        good = (here & counted & hits).astype(np.float32) @ both
        new = (here & open_ & hits).astype(np.float32) @ both
        with np.errstate(divide="ignore", invalid="ignore"):
            gains = np.where(
                (all_ >= support) & (good > 0), new * (np.log2(good / all_) - np.log2(share)), -1.0
            )
        for flat in np.argsort(-gains, axis=None, kind="stable")[: 4 * BEAM]:
            row, place = divmod(int(flat), 2 * size)
            literals = (*beam[row][0], (place % size, place < size))
            if gains[row, place] > 0 and len(set(literals)) == len(literals):
                tried.setdefault(
                    frozenset(literals), (float(gains[row, place]), literals, place, beam[row][1])
                )
        beam = [
            (literals, mask & (both[:, place] > 0))
            for _, literals, place, mask in list(tried.values())[:BEAM]
        ]
        if not beam:
            break
        top = next(iter(tried.values()))
        # a further condition must pay for being read
        if best is None or top[0] > 1.02 * best[0]:
            best = (top[0], beam[0][0], beam[0][1])
    return None if best is None else Clause(best[1], answer, best[2], best[0])


def classes_of(answers: Sequence[float] | NDArray[np.float64]) -> list[int]:
    """Class numbers that occur."""
    return [int(k) for k in np.unique(np.asarray(answers))]
