"""May the explanations be believed: method by method and question by question."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pellucid._core import Card, Check
from pellucid.evidence import AuditRow, MethodEvidence
from pellucid.figures import word_rank
from pellucid.report._dossier import Dossier

SLOPES = ("saliency", "smoothgrad")  # in the words of a reader
SLOPE = (
    " A slope says what a little more of a part would do, not what its value did: below the usual value the "
    "sign turns round."
)


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
    against: str = ""

    @property
    def share(self) -> float:
        """Of the inputs, on how many it is supported."""
        return self.supported / max(1, self.n)

    @property
    def word(self) -> str:
        """The whole in a word, by the same nine in ten."""
        if self.against:
            return "contradicted"
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
        for each in dossier.survey.methods:
            if not each.model_free:
                _add(found, each, dossier.survey.tested)
    for row in () if dossier.audit is None else dossier.audit.of("method"):
        against = _refuted(row)
        if against:
            if _words(row.name) not in found:
                _add(found, row.evidence, len(row.evidence.supported))
            method = _words(row.name)
            found[method] = dataclasses.replace(found[method], against=against)
    return tuple(sorted(found.values(), key=lambda each: (word_rank(each.word), each.share)))


def _add(found: dict[str, Belief], each: MethodEvidence, n: int) -> None:
    """A method over many rows; what its cards said of single cases stays."""
    method = _words(each.method)
    known = found.get(method, Belief(method, 0, 0, ()))
    found[method] = dataclasses.replace(
        known, supported=int(each.supported.sum()), n=n, low=each.low, high=each.high
    )


def _refuted(row: AuditRow) -> str:
    """What the audit holds against a method over the data; empty where nothing."""
    if row.held is not None and row.held.word == "failed":
        return row.held.reason
    return _against(_words(row.name), row.verdicts.get("contradicted", 0), sum(row.verdicts.values()))


def _against(method: str, count: int, n: int) -> str:
    """Where more than half of the cards say so; of slopes with the reason."""
    if 2 * count <= n:
        return ""
    return f"On {count} of {n} inputs.{SLOPE if method in SLOPES else ''}"


def _words(method: str) -> str:
    return method.replace("_", " ")


def _belief(method: str, cards: list[Card]) -> Belief:
    asked = dict.fromkeys(check.question for card in cards for check in card.checks)
    checks = [check for card in cards for check in card.checks]
    supported = sum(card.verdict == "supported" for card in cards)
    against = _against(method, sum(card.verdict == "contradicted" for card in cards), len(cards))
    answers = tuple(_answer(question, checks) for question in asked)
    return Belief(method, supported, len(cards), answers, against=against)


def _answer(question: str, checks: Iterable[Check]) -> Answer:
    words = Counter(check.word for check in checks if check.question == question)
    return Answer(question, words["passed"], words["mixed"], words["failed"], words.total())


def best_belief(dossier: Dossier) -> Belief | None:
    """The method supported most often that nothing contradicts; ``None`` where nothing was tested."""
    return max(beliefs(dossier), key=lambda each: (not each.against, each.share), default=None)


def best_method(dossier: Dossier) -> str:
    """Its name in words; empty where nothing was tested."""
    best = best_belief(dossier)
    return "" if best is None else best.method
