"""Cards of a few rows beside their method over many: one row cannot tell a network that is built to fool."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from torch import Tensor

from pellucid import attribution, evidence
from pellucid._core import Card, Compute, Explanation, Subject, TargetLike
from pellucid.inputs import TabularSpec
from pellucid.tasks._kept_audit import kept_audit
from pellucid.tasks._rows import held_out, sample, training_rows

FEW = 20  # explained rows from which the cards judge the method over themselves
MANY = 64  # held-out rows that a method is judged over where fewer are explained

Method = Callable[..., Explanation]


def over_rows(
    subject: Subject,
    why: Explanation,
    method: Method,
    cards: Sequence[Card],
    target: Callable[[Tensor], TargetLike],
    compute: Compute | None,
) -> tuple[Card, ...]:
    """The cards, none *supported* where the method is refuted over many rows of this subject.

    The audit that was kept with the run decides. Without one, up to 64 held-out rows of a table are explained
    and their columns exchanged, where fewer than 20 rows were explained; ``target`` makes what is explained
    of them.
    """
    known, rows = _audited(subject, why, method), judged_by(subject, why, method)
    if rows is not None:
        assert subject.data is not None
        known = evidence.held_over(
            subject.model,
            rows,
            target(rows),
            method,
            spec=subject.spec,
            donors=training_rows(subject.data, why.provenance.seed),
            compute=compute,
        )
        spent = 0 if known is None else math.ceil(known.rows / len(cards))
        cards = [dataclasses.replace(card, rows=card.rows + spent) for card in cards]
    return evidence.over_many(cards, known)


def judged_by(
    subject: Subject, why: Explanation, method: Method, explained: int | None = None
) -> Tensor | None:
    """Held-out rows that a method is judged over; ``None`` where an audit has done so, where 20 explained
    rows judge it themselves, or where columns cannot be exchanged.
    """
    few = (len(why) if explained is None else explained) < FEW
    if subject.data is None or not few or not exchangeable(subject, why) or _audited(subject, why, method):
        return None
    data = held_out(subject.data)
    return data.inputs[sample(len(data), MANY)]


def exchangeable(subject: Subject, why: Explanation) -> bool:
    """Whether maps of rows of a table can be subtracted: contributions of columns against a reference."""
    return (
        isinstance(subject.spec, TabularSpec) and why.provenance.at is None and evidence.is_contribution(why)
    )


def _audited(subject: Subject, why: Explanation, method: Method) -> evidence.Held | None:
    """What the kept audit says of a published method over its rows; ``None`` where it says nothing."""
    name = why.provenance.method
    if getattr(attribution, name, None) is not method:
        return None
    found = kept_audit(subject)
    rows = () if found is None else found.of("method")
    return next((row.held for row in rows if row.name == name), None)
