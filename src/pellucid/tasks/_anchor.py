"""The verb ``anchor``: a sufficient condition for one answer."""

from __future__ import annotations

from typing import Literal

from pellucid._core import Compute, Subject, only_subject
from pellucid.rules import Anchor
from pellucid.rules import anchor as anchored
from pellucid.tasks._asked_rows import Asked, asked_rows


def anchor(
    subject: Subject,
    x: Asked = None,
    *,
    threshold: float = 0.95,
    sampling: Literal["neighbour", "marginal"] = "neighbour",
    most: int = 5,
    compute: Compute | None = None,
) -> Anchor:
    """Conditions under which the network's answer to one input stays, with a bound on how often.

    Args:
        subject: a network with data; tables best, parts of pictures and texts too.
        x: number of a held-out row, a raw row, or one input ``[1, *shape]``; ``None`` is the first held-out
            row.
        threshold: precision that is asked for.
        sampling: how a table's named columns are drawn, see :func:`pellucid.rules.anchor`.
        most: most conditions.
        compute: how to run.

    Returns:
        :class:`pellucid.rules.Anchor`; where none was found, the best attempt, which says so.

    Raises:
        InputError: for several inputs, no data, or a threshold outside 0 to 1.
        MethodError: for a table of more than 500 columns.

    Cost:
        As :func:`pellucid.rules.anchor`: 5,000 to 50,000 rows of the network.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=3)
        >>> anchor(subject, 0).threshold
        0.95
    """
    only_subject(subject)
    data = subject.needs_data("anchor")
    inputs = asked_rows(subject, x)
    return anchored(
        subject.model, data, inputs, threshold=threshold, sampling=sampling, most=most, compute=compute
    )
