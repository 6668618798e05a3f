"""Evidence as a value: one question, one word, one number with its interval, its control and its n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pellucid._core._brief import brief

Word = Literal["passed", "mixed", "failed", "not run"]
Verdict = Literal["supported", "partly supported", "not supported", "contradicted", "not testable"]


@dataclass(frozen=True, slots=True)
class Check:
    """The answer of one test about one explanation (or about many).

    Args:
        question: what is asked, in words: "Does it matter to the model?".
        test: the test's name with its null hypothesis in words.
        word: ``passed``, ``mixed``, ``failed`` or ``not run``.
        value: the number measured; ``None`` when not run.
        low, high: ends of its 95 % interval; ``None`` where none can be given.
        control: the same number for the control.
        control_name: what the control is ("random maps of equal smoothness").
        n: how many masks, draws or rows the number rests on.
        better: which direction is good.
        p: p-value where the test has one.
        rows: rows that went through the model for this number alone.
        note: one sentence: why it failed or was not run, or what it cannot tell.
        unit: of ``value`` and ``control``; empty where they are shares or correlations.
    """

    question: str
    test: str
    word: Word
    value: float | None
    control: float | None
    control_name: str
    n: int
    low: float | None = None
    high: float | None = None
    better: Literal["high", "low"] = "high"
    p: float | None = None
    rows: int = 0
    note: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """All that was tested about one explanation.

    Args:
        verdict: five words for the whole; never a score.
        reason: one sentence: which gate decided.
        checks: one per question, in a fixed order.
        fill: what was put in the place of removed parts.
        rows: rows of the model that the card cost, the shared ones counted once per input.
    """

    verdict: Verdict
    reason: str
    checks: tuple[Check, ...]
    fill: str
    rows: int

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)
