"""Rules that stand for a network, with how far they can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

from pellucid._core import Json, Task, amount, percent
from pellucid.errors import InputError, near_misses
from pellucid.inputs import Column
from pellucid.rules._python import python_source
from pellucid.rules._readable import Row, cell
from pellucid.rules._rule import Condition, Rule, known
from pellucid.rules._rules_source import rules_markdown, rules_pmml, rules_sql

Kind = Literal["tree", "optimal", "list", "clauses", "layers"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """Rules that were read off a network's own answers; the first that holds speaks.

    Of a tree exactly one holds for each row, of clauses perhaps none.

    Shares run from 0 to 1. In regression, fidelity and accuracy are R²: 1 is all of the variance, 0 no better
    than the mean.

    Args:
        rules: in the order of the tree.
        classes: class names; empty for regression.
        task: classification or regression.
        columns: what the rules may speak of.
        fidelity: share of held-out rows to which the rules and the network give the same answer.
        fidelity_low, fidelity_high: its 95 % interval (Clopper and Pearson; in regression bootstrap).
        null_fidelity: the same for a tree of that size grown from the true answers, which never saw the
            network: what the data alone gives.
        excess_low, excess_high: 95 % interval of ``fidelity - null_fidelity``, counted on the same rows.
        majority: the same for always giving the network's commonest answer; in regression its mean: about 0.
        coverage: share of held-out rows for which a rule speaks.
        accuracy: share of held-out rows where the rules meet the true answer.
        network_accuracy: where the network meets it.
        n_train: rows that the rules were grown from, without synthetic ones.
        n_test: held-out rows: validation and test part.
        answer: what is predicted, in words.
        unit: of the answer, in regression.
        name: of the data.
        note: what a reader must know, in sentences.
        synthetic: rows between training rows that the network answered in addition.
        seed: the only source of chance.
        kind: how they were found: ``"tree"``, ``"optimal"``, ``"list"``, ``"clauses"`` or ``"layers"``.
        differ: held-out rows where the network's answer is not the true one; 0 in regression.
        differ_fidelity: fidelity on these; NaN where there are none.
        differ_low, differ_high: its 95 % interval (Clopper and Pearson).
        differ_null: the null's fidelity on these.
        regrown: how many times the rules were grown again from other rows (bootstrap), the network as it is.
        steady: mean share of held-out rows to which these give the same answer; in regression R².
        steady_least: the same of the one that differs most.
        same_columns: mean share of columns asked by either that both ask.
    """

    rules: tuple[Rule, ...]
    classes: tuple[str, ...]
    task: Task
    columns: tuple[Column, ...]
    fidelity: float
    fidelity_low: float
    fidelity_high: float
    null_fidelity: float
    excess_low: float
    excess_high: float
    majority: float
    coverage: float
    accuracy: float
    network_accuracy: float
    n_train: int
    n_test: int
    answer: str = "answer"
    unit: str = ""
    name: str = ""
    note: str = ""
    synthetic: int = 0
    seed: int = 0
    kind: Kind = "tree"
    differ: int = 0
    differ_fidelity: float = float("nan")
    differ_low: float = 0.0
    differ_high: float = 1.0
    differ_null: float = float("nan")
    regrown: int = 0
    steady: float = float("nan")
    steady_least: float = float("nan")
    same_columns: float = float("nan")

    def __len__(self) -> int:
        """Number of rules."""
        return len(self.rules)

    @property
    def conditions(self) -> int:
        """How many conditions there are to read in all rules; both ends of an interval count as one."""
        return sum(len({(c.column, c.op == "in") for c in rule.conditions}) for rule in self.rules)

    @property
    def excess(self) -> float:
        """Fidelity above that of a tree which never saw the network."""
        return self.fidelity - self.null_fidelity

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The answers that rules give, in their order, each once."""
        return tuple(dict.fromkeys(rule.outcome for rule in self.rules))

    def fired(self, row: Row) -> Rule | None:
        """The rule that speaks for a row of raw values, ``None`` where none does.

        Raises:
            InputError: if a column that a rule asks for is absent, or its value is none that it knows.
        """
        index = firing([rule.conditions for rule in self.rules], self.columns, [row])[0]
        return None if index is None else self.rules[index]

    def predict(self, rows: Sequence[Row]) -> list[str] | list[float]:
        """What the rules say about rows of raw values: class names, or numbers in regression.

        Args:
            rows: as :func:`readable_rows` gives them, or as in the user's table.

        Raises:
            InputError: as :meth:`fired`, and where no rule speaks for a row.
        """
        found = firing([rule.conditions for rule in self.rules], self.columns, rows)
        silent = next((k for k, index in enumerate(found) if index is None), None)
        if silent is not None:
            raise InputError(f"No rule speaks for row {silent + 1}.")
        speaking = [self.rules[index] for index in found if index is not None]
        if self.task == "classification":
            return [rule.outcome for rule in speaking]
        return [rule.value if rule.value is not None else float("nan") for rule in speaking]

    def to_text(self) -> str:
        """The rules one a line, below how far they can be believed."""
        return "\n".join((*self.summary(), *map(self._line, range(len(self.rules))), *self.note.splitlines()))

    def summary(self) -> tuple[str, ...]:
        """How far the rules stand for the network, beside the baselines, a line each."""
        ends = f"[{percent(self.fidelity_low)}, {percent(self.fidelity_high)}]"
        s = "s" if len(self.rules) == 1 else ""
        agree = f"agree{s} with the network (fidelity) on {percent(self.fidelity)} {ends} of"
        if not self.classes:
            agree = f"explain{s} {percent(self.fidelity)} {ends} of the variance of the network's answers to"
        usual, right = ("commonest", "right") if self.classes else ("mean", "R²")
        about = f"{self.answer} ({self.name})" if self.name else self.answer
        lines = [
            f"{_counted(len(self.rules), 'rule')} for {about} {agree} {self.n_test} held-out rows.",
            f"Without the network: {percent(self.null_fidelity)} by a tree of that size on the true "
            f"answers, {percent(self.majority)} by its {usual} answer.",
            f"Held-out {right}: rules {percent(self.accuracy)}, network {percent(self.network_accuracy)}.",
        ]
        if self.differ:
            ends = f"[{percent(self.differ_low)}, {percent(self.differ_high)}]"
            lines.append(
                f"Where the network is wrong ({_counted(self.differ, 'row')}) they follow it on "
                f"{percent(self.differ_fidelity)} {ends}; without the network {percent(self.differ_null)}."
            )
        if self.coverage < 1:
            lines.append(f"No rule speaks for {percent(1 - self.coverage)} of the held-out rows.")
        if self.regrown:
            lines.append(
                f"Grown again from other rows {self.regrown} times: "
                f"{percent(self.steady)} same answers (at least {percent(self.steady_least)}), "
                f"{percent(self.same_columns)} of the columns shared."
            )
        return tuple(lines)

    def to_markdown(self) -> str:
        """A table of the rules below how far they can be believed."""
        return rules_markdown(self)

    def to_sql(self, table: str = "rows") -> str:
        """A ``SELECT`` over ``table`` with the columns' own names; ``answer`` is NULL where no rule speaks.

        Missing values are NULL, and NULL is read as :meth:`predict` reads a missing value.

        Args:
            table: its name.
        """
        return rules_sql(self, table)

    def to_pmml(self) -> str:
        """A PMML 4.4 document: a ``RuleSetModel`` of which the first rule that holds speaks.

        Raises:
            InputError: for a text that XML cannot hold.
        """
        return rules_pmml(self)

    def to_python(self, name: str = "predict") -> str:
        """Source of a Python function ``name(row)`` that answers as :meth:`predict` and needs nothing else.

        Raises:
            InputError: if ``name`` cannot name a function.
        """
        return python_source(self.rules, self.columns, name, self.summary()[:1])

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it; what is unknown is ``None``."""
        figures: dict[str, Json] = {
            name: known(float(getattr(self, name)))
            for name in (
                "fidelity", "fidelity_low", "fidelity_high", "null_fidelity", "excess", "excess_low",
                "excess_high", "majority", "coverage", "accuracy", "network_accuracy",
                "differ_fidelity", "differ_low", "differ_high", "differ_null", "steady", "steady_least",
                "same_columns",
            )
        }  # fmt: skip
        return {
            "task": self.task,
            "answer": self.answer,
            "unit": self.unit,
            "classes": [*self.classes],
            "kind": self.kind,
            "conditions": self.conditions,
            "rules": [rule.to_json() for rule in self.rules],
            **figures,
            "n_train": self.n_train,
            "n_test": self.n_test,
            "differ": self.differ,
            "regrown": self.regrown,
            "synthetic": self.synthetic,
            "seed": self.seed,
            "note": self.note,
        }

    def _line(self, k: int) -> str:
        rule = self.rules[k]
        ends = f"[{percent(rule.precision_low)}, {percent(rule.precision_high)}]"
        wide = None if rule.error is None else amount(rule.error, 3, self.unit)
        met = f"{percent(rule.precision)} {ends}" if wide is None else f"± {wide}"
        said = met if rule.support else "never met"
        return f"{k + 1}. {rule}  ({_counted(rule.support, 'row')}, {said})"

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"RuleSet({_counted(len(self.rules), 'rule')}, fidelity {percent(self.fidelity)})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def firing(
    asked: Sequence[tuple[Condition, ...]], columns: Sequence[Column], rows: Sequence[Row]
) -> list[int | None]:
    """Index of the first rule whose conditions all hold, for each row; ``None`` where there is none."""
    used = {condition.column for conditions in asked for condition in conditions}
    speak = [column for column in columns if column.name in used]
    return [_first(asked, _cells(speak, row, k)) for k, row in enumerate(rows)]


def _cells(columns: Sequence[Column], row: Row, k: int) -> dict[str, tuple[float, str]]:
    absent = next((column.name for column in columns if column.name not in row), None)
    if absent is not None:
        raise InputError(f"Row {k + 1} gives no {absent!r}. {near_misses(absent, map(str, row))}")
    return {column.name: cell(column, row[column.name]) for column in columns}


def _first(asked: Sequence[tuple[Condition, ...]], cells: Mapping[str, tuple[float, str]]) -> int | None:
    for k, conditions in enumerate(asked):
        if all(condition.holds(*cells[condition.column]) for condition in conditions):
            return k
    return None


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
