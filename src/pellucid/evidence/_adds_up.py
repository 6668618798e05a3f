"""Does it add up? What completeness leaves unexplained, where a method promises completeness."""

from __future__ import annotations

from pellucid._core import Check, Explanation, Word
from pellucid.evidence._matters import not_run

ADDS_UP = "Does it add up?"
TEST = "share of the change from the reference that the values do not sum to"
MOST = 0.05
TINY = 1e-6  # relative change of the score below which there is nothing to add up to


def completeness_checks(explanation: Explanation) -> list[Check]:
    """``|gap| / |score - score(reference)|``, row by row."""
    if explanation.gap is None or explanation.reference is None:
        why = "this method promises no completeness"
        return [not_run(ADDS_UP, TEST, "", why) for _ in range(len(explanation))]
    columns = (explanation.gap, explanation.scores, explanation.reference)
    return [_check(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _check(gap: float, score: float, reference: float) -> Check:
    change = abs(score - reference)
    if change <= TINY * max(abs(score), abs(reference)):
        why = "the input scores the same as the reference, so there is nothing to add up to"
        return not_run(ADDS_UP, TEST, "", why)
    value = abs(gap) / change
    word: Word = "passed" if value <= MOST else "failed"
    note = "" if word == "passed" else "More steps, or another reference, may close the gap."
    return Check(ADDS_UP, TEST, word, value, None, "", 1, better="low", note=note)
