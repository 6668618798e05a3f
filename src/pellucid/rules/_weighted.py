"""Rules that add up, or of which the first decides: a whole classifier that can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from pellucid._core import Json, percent
from pellucid.inputs import Column
from pellucid.rules._kept import KeptDirection, kept_directions, told_of_directions
from pellucid.rules._readable import Row
from pellucid.rules._rule import Condition, Rule, known
from pellucid.rules._rule_set import _cells, _counted
from pellucid.rules._weighted_source import markdown, python_source, sql_source

POINTS = 100  # weights are whole hundredths, so that sums are exact


@final
@dataclass(frozen=True, slots=True)
class WeightedRule:
    """If all conditions hold, ``weights`` are added to the scores of the classes.

    Args:
        conditions: all of them must hold.
        weights: of each class, in log-odds; of two classes the first has none.
        outcome: the class that it speaks for most.
        support: rows in which it holds (in a list: which it decides).
        precision: share of them that are of ``outcome``. NaN where support is 0.
        precision_low, precision_high: its 95 % interval (Wilson).
    """

    conditions: tuple[Condition, ...]
    weights: tuple[float, ...]
    outcome: str
    support: int = 0
    precision: float = float("nan")
    precision_low: float = 0.0
    precision_high: float = 1.0

    def __str__(self) -> str:
        return str(Rule(self.conditions, self.outcome, self.support, self.precision)).rpartition(" THEN ")[0]

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it; what is unknown is ``None``."""
        return {
            "conditions": [condition.to_json() for condition in self.conditions],
            "text": str(self),
            "weights": [*self.weights],
            "outcome": self.outcome,
            "support": self.support,
            "precision": known(self.precision),
            "precision_low": self.precision_low,
            "precision_high": self.precision_high,
        }


@final
@dataclass(frozen=True, slots=True, eq=False)
class WeightedRules:
    """A classifier written out as rules: what is printed is all that is computed.

    ``score_k = bias_k + Σ_r weight_rk · [rule r holds]``; in a list (``ordered``) only the first rule that
    holds counts. Probabilities are the softmax of the scores; of two classes, the score of the second is the
    log-odds and the first has 0.

    Args:
        rules: largest weight first; in a list, in the order of asking.
        bias: what each class starts from.
        classes: class names.
        columns: what the rules may speak of.
        ordered: whether the first rule that holds decides.
        n: rows that support and precision were counted on.
        held_out: whether the network was fitted without these rows.
        answer: what is predicted, in words.
        name: of the data.
        shares: share of each class among the ``n`` rows, beside which precisions are read.
    """

    rules: tuple[WeightedRule, ...]
    bias: tuple[float, ...]
    classes: tuple[str, ...]
    columns: tuple[Column, ...]
    ordered: bool = False
    n: int = 0
    held_out: bool = False
    answer: str = "answer"
    name: str = ""
    shares: tuple[float, ...] = ()

    def __len__(self) -> int:
        """Number of rules."""
        return len(self.rules)

    @property
    def conditions(self) -> float:
        """Conditions of a rule, on average; 0 where there are no rules."""
        return sum(len(rule.conditions) for rule in self.rules) / len(self.rules) if self.rules else 0.0

    def fired(self, row: Row) -> tuple[int, ...]:
        """Which rules hold in a row of raw values and count: in a list at most one.

        Raises:
            InputError: if a column that a rule asks for is absent, or its value is none that it knows.
        """
        return self._fired(row, 0)

    def _fired(self, row: Row, k: int) -> tuple[int, ...]:
        used = {condition.column for rule in self.rules for condition in rule.conditions}
        cells = _cells([column for column in self.columns if column.name in used], row, k)
        holds = tuple(
            k
            for k, rule in enumerate(self.rules)
            if all(condition.holds(*cells[condition.column]) for condition in rule.conditions)
        )
        return holds[:1] if self.ordered else holds

    def scores(self, rows: Sequence[Row]) -> list[tuple[float, ...]]:
        """Score of each class for each row of raw values."""
        return [self._scores(self._fired(row, k)) for k, row in enumerate(rows)]

    def _scores(self, fired: Sequence[int]) -> tuple[float, ...]:
        return tuple(
            (whole(self.bias[c]) + sum(whole(self.rules[r].weights[c]) for r in fired)) / POINTS
            for c in range(len(self.classes))
        )

    def predict_proba(self, rows: Sequence[Row]) -> list[tuple[float, ...]]:
        """Probability of each class for each row."""
        return [_softmax(scores) for scores in self.scores(rows)]

    def predict(self, rows: Sequence[Row]) -> list[str]:
        """The class with the highest score; of equal ones the first."""
        return [self.classes[scores.index(max(scores))] for scores in self.scores(rows)]

    def explain(self, row: Row) -> Decision:
        """One answer with every rule that counted, its weight and the sum."""
        fired = self.fired(row)
        scores = self._scores(fired)
        best = scores.index(max(scores))
        told = 1 if len(self.classes) == 2 else best
        found = [(self.rules[r], self.rules[r].weights[told]) for r in fired]
        found.sort(key=lambda pair: -abs(pair[1]))
        return Decision(
            self.classes[best],
            self.classes[told],
            self.bias[told],
            tuple(found),
            scores[told],
            _softmax(scores)[told],
            len(self.rules),
            self.ordered,
        )

    def to_text(self) -> str:
        """The rules one a line, below what they add up to; a list as ``IF``, ``ELSE IF`` and ``ELSE``."""
        lines = [self._line(k) for k in range(len(self.rules))]
        if self.ordered:
            lines.append(f"   ELSE {self.otherwise_text()}  ({self.otherwise_rows_text()})")
        return "\n".join((*self.summary(), *lines))

    @property
    def directions(self) -> tuple[KeptDirection, ...]:
        """Whether each direction that is declared for a column holds everywhere, as the rules' signs show."""
        return kept_directions(self)

    def summary(self) -> tuple[str, ...]:
        """What the rules are, which directions they keep and what they are counted on, in some sentences."""
        kept = told_of_directions(self.directions, f"log-odds of {self.classes[-1]}")
        if not self.shares:
            return (*self._what(), *kept)
        told = ", ".join(f"{percent(s)} {c}" for c, s in zip(self.classes, self.shares, strict=True))
        return (*self._what(), *kept, f"Counted on {self.n} {self._counted_on()}: {told}.")

    def _what(self) -> tuple[str, ...]:
        about = f"{self.answer} ({self.name})" if self.name else self.answer
        many = (
            f"{_counted(len(self.rules), 'rule')} of {self.conditions:.1f} conditions on average for {about}"
        )
        if self.ordered:
            return (f"{many}; the first that holds decides; where none does, the last line.",)
        if len(self.classes) == 2:
            return (f"{many} add up to the log-odds of {self.classes[1]}, from {self.bias[1]:+.2f}.",)
        starts = ", ".join(f"{c} {b:+.2f}" for c, b in zip(self.classes, self.bias, strict=True))
        return (f"{many} add up to a score of each class, from {starts}.",)

    def _line(self, k: int) -> str:
        if self.ordered:
            start = "ELSE " if k else ""
            said = f"{start}{self.rules[k]} THEN {self.weight_text(k)}"
        else:
            said = f"{self.weight_text(k)}  {self.rules[k]}"
        return f"{k + 1}. {said}  ({self.support_text(k)})"

    def weight_text(self, k: int) -> str:
        """What a rule adds; in a list, what it answers."""
        rule = self.rules[k]
        if self.ordered:
            return self._answered([b + w for b, w in zip(self.bias, rule.weights, strict=True)])
        if len(self.classes) == 2:
            return f"{rule.weights[1]:+.2f}"
        return " ".join(f"{c} {w:+.2f}" for c, w in zip(self.classes, rule.weights, strict=True))

    @property
    def otherwise(self) -> str:
        """The class that a list answers where none of its rules holds."""
        return self.classes[self.bias.index(max(self.bias))]

    def otherwise_text(self) -> str:
        """What a list answers where none of its rules holds."""
        return self._answered(self.bias)

    @property
    def otherwise_rows(self) -> int:
        """In how many rows none of a list's rules holds."""
        return self.n - sum(rule.support for rule in self.rules)

    def otherwise_rows_text(self) -> str:
        """The same in words."""
        return f"{self.otherwise_rows} of {self.n} {self._counted_on()}"

    def _counted_on(self) -> str:
        return f"{'held-out' if self.held_out else 'training'} rows"

    def _answered(self, scores: Sequence[float]) -> str:
        shares = _softmax(scores)
        best = shares.index(max(shares))
        return f"{self.classes[best]} ({percent(shares[best])})"

    def support_text(self, k: int) -> str:
        """In how many rows a rule holds, and what share of them is of its class."""
        rule = self.rules[k]
        if not rule.support:
            return "never met"
        ends = f"[{percent(rule.precision_low)}, {percent(rule.precision_high)}]"
        rows = f"{rule.support} of {self.n} {self._counted_on()}"
        return f"{rows}, {percent(rule.precision)} {ends} {rule.outcome}"

    def to_markdown(self) -> str:
        """A table of the rules."""
        return markdown(self)

    def to_python(self, name: str = "predict") -> str:
        """Source of a Python function ``name(row)`` that gives the scores by class, and needs nothing else.

        Raises:
            InputError: if ``name`` cannot name a function.
        """
        return python_source(self, name)

    def to_sql(self, table: str = "rows") -> str:
        """A ``SELECT`` over ``table`` with the columns' own names: the score of each class and the answer.

        Missing values are ``NULL``. Standard SQL; double quotes around names.
        """
        return sql_source(self, table)

    def to_pmml(self) -> str:
        """PMML 4.4: a ``RegressionModel`` over the rules, each a derived field of 0 or 1; softmax, exact.

        Raises:
            InputError: if a name has a sign that XML cannot hold.
        """
        from pellucid.rules._weighted_pmml import weighted_pmml  # it takes its texts from here

        return weighted_pmml(self)

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it; what is unknown is ``None``."""
        return {
            "answer": self.answer,
            "classes": [*self.classes],
            "ordered": self.ordered,
            "otherwise": self.otherwise if self.ordered else None,
            "bias": [*self.bias],
            "rules": [rule.to_json() for rule in self.rules],
            "n": self.n,
            "held_out": self.held_out,
            "shares": [*self.shares],
            "directions": [each.to_json() for each in self.directions],
        }

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"WeightedRules({_counted(len(self.rules), 'rule')}, {self.conditions:.1f} conditions each)"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


@final
@dataclass(frozen=True, slots=True)
class Decision:
    """One answer written out.

    Args:
        outcome: the answer.
        told: the class whose score is written out: the answer, or of two classes the second.
        start: what it starts from.
        fired: rules that counted with what each added, the largest first.
        score: the sum.
        probability: of ``told``.
        rules: how many rules there are.
        ordered: whether only the first rule that held counted.
    """

    outcome: str
    told: str
    start: float
    fired: tuple[tuple[WeightedRule, float], ...]
    score: float
    probability: float
    rules: int
    ordered: bool = False

    def __str__(self) -> str:
        many = _counted(self.rules, "rule")
        said = f"{len(self.fired)} of {many} hold"
        if self.ordered:
            said = f"The first of {many} that holds decides" if self.fired else f"None of {many} holds"
        lines = [f"Answer: {self.outcome}. {said}:"]
        lines += [f"{self.start:+8.2f}  start"]
        lines += [f"{weight:+8.2f}  {rule}" for rule, weight in self.fired]
        lines += [f"{self.score:+8.2f}  score of {self.told}: probability {percent(self.probability)}"]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        return {
            "outcome": self.outcome,
            "told": self.told,
            "start": self.start,
            "fired": [{"rule": str(rule), "added": weight} for rule, weight in self.fired],
            "score": self.score,
            "probability": self.probability,
        }


def whole(weight: float) -> int:
    """A weight in hundredths."""
    return round(weight * POINTS)


def _softmax(scores: Sequence[float]) -> tuple[float, ...]:
    most = max(scores)
    raised = [math.exp(score - most) for score in scores]
    return tuple(value / sum(raised) for value in raised)
