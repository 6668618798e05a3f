"""What exchanging columns with real rows will cost for the evidence of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Subject, predict
from pellucid.evidence._exchange import DONORS, NEAREST, asked_rows, giving
from pellucid.tasks._explain import Method, givers
from pellucid.tasks._over_rows import judged_by
from pellucid.tasks._rows import training_rows

if TYPE_CHECKING:
    from pellucid.tasks._estimate import Line, Pace


Spent = tuple[int, int, float]  # rows forward, backward, seconds


def exchanging(subject: Subject, x: Tensor, alone: Line, pace: Pace) -> Spent:
    """At most, of columns of the explained rows with real rows."""
    if givers(subject, alone.sample) is False:
        return 0, 0, 0.0
    forward, backward, seconds = alone.at(min(DONORS, NEAREST * len(x)), pace)
    asked = asked_rows(x, subject.spec)
    return forward + asked, backward, seconds + pace.forward(asked)


def judging(subject: Subject, method: Method, explained: int, alone: Line, pace: Pace) -> Spent:
    """Of a method over held-out rows of a table."""
    rows = judged_by(subject, alone.sample, method, explained)
    if rows is None or subject.data is None:
        return 0, 0, 0.0
    given = giving(rows, training_rows(subject.data, alone.sample.provenance.seed), subject.spec)
    outputs = predict(subject.model, rows, spec=subject.spec)
    several = subject.task != "regression" and outputs.ndim == 2 and outputs.shape[1] > 1
    classes = len(outputs.argmax(1).unique()) if several else 1
    own, theirs = alone.at(len(rows), pace), alone.at(given, pace)
    # outputs are asked twice before: for what is explained, and for the case
    asked = asked_rows(rows, subject.spec) + (2 if several else 1) * len(rows) + (0 if several else given)
    forward, backward = own[0] + classes * theirs[0] + asked, own[1] + classes * theirs[1]
    return forward, backward, own[2] + classes * theirs[2] + pace.forward(asked)
