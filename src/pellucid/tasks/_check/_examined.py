"""A subject while it is checked: what several expectations need is computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import (
    Compute,
    Dataset,
    Explanation,
    Subject,
    inputs_hash,
    log_odds,
    logit,
    model_hash,
    predict,
)
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.tasks._check._approved import Approved
from pellucid.tasks._check._expectation import Expectation, judge
from pellucid.tasks._check._outcome import CheckedRow, Outcome
from pellucid.tasks._explain import explain
from pellucid.tasks._performance import answers_of
from pellucid.tasks._rows import held_out, sample

CASES = 6


class Examined:
    """A subject with its held-out rows, its answers to them, and explanations that were already made."""

    def __init__(
        self,
        subject: Subject,
        expectations: Sequence[Expectation],
        *,
        rows: int,
        undecided: Literal["told", "fail"],
        approved: Approved | None,
        compute: Compute,
    ) -> None:
        self.subject, self.compute = subject, compute
        self.data = subject.needs_data("check")
        self.undecided, self.approved = undecided, approved
        self.expectations = {each.title: each for each in expectations}
        # those that are explained; performance is measured on all held-out rows
        self.looked = sample(len(self.held), rows, seed=compute.seed)
        self._whys: dict[tuple[str, str], Explanation] = {}
        self._outcomes: dict[str, Outcome] = {}

    @cached_property
    def held(self) -> Dataset:
        """The held-out rows."""
        return held_out(self.data)

    @cached_property
    def outputs(self) -> Tensor:
        """What the network gives for every held-out row: float64 ``[N, …]``."""
        return self.predicted(self.held.inputs)

    @cached_property
    def given(self) -> Tensor:
        """The network's class, or its number, for every held-out row ``[N]``."""
        return self.answers(self.outputs)

    @cached_property
    def shares(self) -> Tensor:
        """The network's probability of each class ``[N, K]`` for every held-out row."""
        return self.probabilities(self.outputs)

    @cached_property
    def model(self) -> str:
        """Hash of the network."""
        return model_hash(self.subject.model)

    @cached_property
    def rows_hash(self) -> str:
        """Hash of the held-out rows and their answers."""
        return inputs_hash([self.held.inputs, self.held.answers])

    def predicted(self, inputs: Tensor) -> Tensor:
        """Outputs for other inputs than the held-out ones, float64."""
        return (
            predict(self.subject.model, inputs, spec=self.subject.spec, compute=self.compute).double().cpu()
        )

    def answers(self, outputs: Tensor) -> Tensor:
        """Class numbers, or numbers in regression, ``[N]``."""
        return answers_of(outputs) if self.subject.classes else outputs.flatten()

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probabilities ``[N, K]``; outputs that already are some stay as they are."""
        if outputs.ndim == 1 or outputs.shape[1] == 1:
            p = outputs.flatten().sigmoid()
            return torch.stack([1 - p, p], 1)
        sums = bool(((outputs.sum(1) - 1).abs() < 1e-3).all()) and bool((outputs >= 0).all())
        return outputs if sums else outputs.softmax(1)

    def explained(self, method: str, answer: str = "") -> Explanation:
        """The explanation of the looked rows by a method, made once."""
        if (method, answer) not in self._whys:
            x = self.held.inputs[self.looked]
            target = None if not answer else self.target(answer)
            self._whys[method, answer] = explain(
                self.subject, x, target=target, method=method, cards=False, compute=self.compute
            )
        return self._whys[method, answer]

    def target(self, answer: str):
        """The log-odds of a named class; the output in regression."""
        if not self.subject.classes:
            return logit(0)
        k = class_named(self.subject, answer)
        return log_odds(0) if self.outputs.ndim == 1 or self.outputs.shape[1] == 1 else log_odds(k)

    def outcome(self, name: str) -> Outcome:
        """What came of the expectation of that title, judged once."""
        if name not in self._outcomes:
            self._outcomes[name] = judge(self.expectations[name], self)
        return self._outcomes[name]

    def case(self, row: int, said: str, other: Tensor | None = None) -> CheckedRow:
        """A held-out row with what happened there, and what was asked in its place."""
        return CheckedRow(
            row,
            self.held.inputs[row],
            said,
            self.answer_text(self.held.answers[row]),
            self.answer_text(self.given[row]),
            self.subject.spec,
            other,
        )

    def answer_text(self, answer: Tensor) -> str:
        """An answer in words."""
        if self.subject.classes:
            return self.subject.classes[int(answer)]
        return f"{float(answer):.4g} {self.held.unit}".rstrip()

    def column(self, name: str) -> tuple[list[object], slice]:
        """Raw values of a column in every held-out row, and the slots it takes."""
        return column_of(self.subject, self.held, name)


def column_of(subject: Subject, data: Dataset, name: str) -> tuple[list[object], slice]:
    """Raw values of a table's column in every row, and the slots it takes."""
    spec = table_of(subject, name)
    column = spec.column(name)
    first = spec.column_of_slot.index([each.name for each in spec.columns].index(name))
    slots = slice(first, first + column.width)
    return column.decode(data.inputs[:, slots].detach().cpu().numpy()), slots


def table_of(subject: Subject, name: str) -> TabularSpec:
    """The spec of a table that has a column of that name."""
    if not isinstance(subject.spec, TabularSpec):
        raise InputError(f"{name!r} names a column, and {subject.name} reads {subject.spec.reads}.")
    subject.spec.column(name)
    return subject.spec


def class_named(subject: Subject, answer: str) -> int:
    """Number of the class of that name."""
    if answer not in subject.classes:
        raise InputError(f"No answer is called {answer!r}. {near_misses(answer, subject.classes)}")
    return subject.classes.index(answer)


def needs_classes(subject: Subject, kind: str, instead: Mapping[str, str]) -> None:
    """Raise where the network does not classify."""
    if not subject.classes:
        hint = f" Use kind = {instead[kind]!r}." if kind in instead else ""
        raise InputError(f"{kind} needs a network that chooses among classes, this one gives a number.{hint}")
