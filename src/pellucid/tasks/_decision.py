"""The verb ``decision``: everything about one answer, each part with its test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from torch import nn

from pellucid._core import Compute, Dataset, Json, Subject, only_subject
from pellucid.errors import InputError, MethodError
from pellucid.inputs import TabularSpec
from pellucid.layers import NearestInputs
from pellucid.rules import Anchor, Constraints, Counterfactuals, ReasonCodes
from pellucid.rules._recourse._goal import refuse_wanted
from pellucid.tasks._anchor import anchor
from pellucid.tasks._asked_rows import Asked, asked_rows
from pellucid.tasks._counterfactual import counterfactual
from pellucid.tasks._nearest import nearest
from pellucid.tasks._reason_codes import reason_codes
from pellucid.tasks._refits import judges_of

T = TypeVar("T")
NO_TEXTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """One answer, walked through.

    Args:
        name: of the network.
        row: which held-out row, in words.
        reasons: principal reasons; ``None`` where there are no classes or no table.
        anchor: what holds the answer.
        recourse: what would have to be different.
        near: nearest real inputs; ``None`` in regression.
        data: the data whose rows are named.
        notes: what could not be told, and why.
    """

    name: str
    row: str
    reasons: ReasonCodes | None
    anchor: Anchor | None
    recourse: Counterfactuals | None
    near: NearestInputs | None
    data: Dataset
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it; nearest inputs by their number in the data, with their answers."""
        near = self.near
        return {
            "name": self.name,
            "row": self.row,
            "reasons": None if self.reasons is None else self.reasons.to_json(),
            "anchor": None if self.anchor is None else self.anchor.to_json(),
            "counterfactual": None if self.recourse is None else self.recourse.to_json(),
            "nearest": None
            if near is None
            else {"at": near.site, "same_answer": near.same.tolist(), "other_answer": near.other.tolist()},
            "notes": list(self.notes),
        }


def decision(
    subject: Subject,
    x: Asked = None,
    *,
    wanted: str | int | tuple[float, float] | None = None,
    constraints: Constraints | str | Path | None = None,
    texts: Mapping[str, str] = NO_TEXTS,
    protected: Sequence[str] = (),
    refits: int | Sequence[nn.Module] | None = None,
    compute: Compute | None = None,
) -> Decision:
    """One answer from four sides: its reasons, what holds it, what would change it, and its like among real
    inputs.

    Args:
        subject: a network with data.
        x: number of a held-out row, a raw row, or one input.
        wanted, constraints: as for :func:`pellucid.counterfactual`.
        texts: reason texts by column.
        protected: columns on which no decision may rest, as for :func:`pellucid.reason_codes`.
        refits: networks trained anew, or how many, that judge reasons and recourse.
        compute: how to run.

    Returns:
        :class:`Decision`; what does not apply is left out, and a note says why.

    Raises:
        InputError: for several rows, a protected column that is not there, or where constraints contradict
            each other.
        LoadError: where the file of constraints cannot be read.

    Cost:
        The sum of its parts; the refits are trained once.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> decision(subject, 0, refits=0).recourse is not None
        True
    """
    only_subject(subject)
    data = subject.needs_data("decision")
    inputs = asked_rows(subject, x)
    if len(inputs) != 1:
        raise InputError(f"A decision is one row, got {len(inputs)}.")
    if protected:
        if not isinstance(subject.spec, TabularSpec):
            raise InputError(f"{subject.name} has no columns, so none is protected; leave it away.")
        for name in protected:
            subject.spec.column(name)
    refuse_wanted(wanted, subject.classes)
    how = compute or Compute()
    judges = judges_of(subject, refits, how)
    notes: list[str] = []

    def tried(what: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except (InputError, MethodError) as error:
            notes.append(f"{what}: {error}")
            return None

    reasons = tried(
        "Reasons",
        lambda: reason_codes(
            subject, inputs, texts=texts, protected=protected, refits=judges, compute=compute
        )[0],
    )
    if isinstance(subject.spec, TabularSpec) and (subject.classes or wanted is not None):
        recourse = None
        try:  # constraints that contradict each other are told at once
            recourse = counterfactual(
                subject, inputs, wanted=wanted, constraints=constraints, refits=judges, compute=compute
            )
        except MethodError as error:
            notes.append(f"Recourse: {error}")
    else:
        recourse = tried("Recourse", lambda: counterfactual(subject, inputs, refits=judges, compute=how))
    return Decision(
        subject.name,
        f"held-out row {x}"
        if isinstance(x, int)
        else "a row that was given"
        if x is not None
        else "held-out row 0",
        reasons,
        tried("Anchor", lambda: anchor(subject, inputs, compute=compute)),
        recourse,
        tried("Nearest", lambda: nearest(subject, inputs, compute=compute)),
        data,
        tuple(notes),
    )
