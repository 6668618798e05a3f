"""What exchanging columns with real rows will cost for the evidence of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from pellucid._core import Subject
from pellucid.evidence._exchange import DONORS, NEAREST, asked_rows
from pellucid.tasks._explain import Method, givers
from pellucid.tasks._over_rows import judged_by

if TYPE_CHECKING:
    from pellucid.tasks._estimate import Line, Pace


def exchanging(
    subject: Subject, method: Method, x: Tensor, alone: Line, pace: Pace
) -> tuple[int, int, float]:
    """At most, of columns with real rows; how many different rows give is not known yet."""
    n, rows = len(x), judged_by(subject, alone.sample, method, len(x))
    times = [] if givers(subject, alone.sample) is False else [(n, min(DONORS, NEAREST * n))]
    times += [] if rows is None else [(len(rows), len(rows) + DONORS)]
    forward, backward, seconds = 0, 0, 0.0
    for asked, explained in times:
        own = alone.at(explained, pace)
        each = asked_rows(x[:1], subject.spec) * asked
        forward, backward, seconds = (
            forward + own[0] + each,
            backward + own[1],
            seconds + own[2] + pace.forward(each),
        )
    return forward, backward, seconds
