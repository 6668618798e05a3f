"""May the explanations be believed: method by method and question by question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pellucid._core import Card, Check
from pellucid.figures import word_rank
from pellucid.report._dossier import Dossier


@dataclass(frozen=True, slots=True)
class Answer:
    """How one method fared with one question over several inputs."""

    question: str
    passed: int
    mixed: int
    failed: int
    asked: int

    @property
    def ran(self) -> int:
        """How often the test could be run."""
        return self.passed + self.mixed + self.failed

    @property
    def word(self) -> str:
        """Passed or failed where at least nine in ten say so, else mixed."""
        if not self.ran:
            return "not run"
        if self.passed >= 0.9 * self.ran:
            return "passed"
        return "failed" if self.failed >= 0.9 * self.ran else "mixed"

    @property
    def told(self) -> str:
        """How often each word was said, so that the count goes with the word.

        Example:
            >>> Answer("", 9, 0, 0, 9).told, Answer("", 0, 9, 0, 9).told, Answer("", 1, 0, 8, 9).told
            ('9 of 9', '9 of 9', '1 passed, 8 failed')
        """
        counts = {"passed": self.passed, "mixed": self.mixed, "failed": self.failed}
        if counts.get(self.word) == self.ran:
            return f"{self.ran} of {self.ran}"
        return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


@dataclass(frozen=True, slots=True)
class Belief:
    """How one method fared over several inputs.

    Args:
        method: its name in words.
        supported: on how many inputs it is supported as a whole.
        n: how many inputs.
        low, high: 95 % interval of the share, where a survey gives one.
        answers: one per question.
    """

    method: str
    supported: int
    n: int
    answers: tuple[Answer, ...]
    low: float | None = None
    high: float | None = None

    @property
    def share(self) -> float:
        """Of the inputs, on how many it is supported."""
        return self.supported / max(1, self.n)

    @property
    def word(self) -> str:
        """The whole in a word, by the same nine in ten."""
        if not self.n:
            return "not testable"
        if self.supported >= 0.9 * self.n:
            return "supported"
        return "partly supported" if self.supported >= 0.5 * self.n else "not supported"


def beliefs(dossier: Dossier) -> tuple[Belief, ...]:
    """One per method, from the survey where there is one, else from the cards of the cases; failures first.

    Example:
        >>> beliefs(Dossier("net", "regression"))
        ()
    """
    cards: dict[str, list[Card]] = {}
    for case in dossier.cases:
        for each in case.explanations:
            cards.setdefault(_words(each.provenance.method), []).extend(each.cards[:1])
    found = {method: _belief(method, given) for method, given in cards.items() if given}
    if dossier.survey is not None:
        n = dossier.survey.tested
        for each in dossier.survey.methods:
            if not each.model_free:
                method = _words(each.method)
                answers = found[method].answers if method in found else ()
                found[method] = Belief(method, int(each.supported.sum()), n, answers, each.low, each.high)
    return tuple(sorted(found.values(), key=lambda each: (word_rank(each.word), each.share)))


def _words(method: str) -> str:
    return method.replace("_", " ")


def _belief(method: str, cards: list[Card]) -> Belief:
    asked = dict.fromkeys(check.question for card in cards for check in card.checks)
    checks = [check for card in cards for check in card.checks]
    supported = sum(card.verdict == "supported" for card in cards)
    return Belief(method, supported, len(cards), tuple(_answer(question, checks) for question in asked))


def _answer(question: str, checks: Iterable[Check]) -> Answer:
    words = Counter(check.word for check in checks if check.question == question)
    return Answer(question, words["passed"], words["mixed"], words["failed"], words.total())


def best_belief(dossier: Dossier) -> Belief | None:
    """The method supported most often; ``None`` where nothing was tested."""
    return max(beliefs(dossier), key=lambda each: each.share, default=None)


def best_method(dossier: Dossier) -> str:
    """Its name in words; empty where nothing was tested."""
    best = best_belief(dossier)
    return "" if best is None else best.method
