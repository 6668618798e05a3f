"""The verb ``influence``: which training rows made an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from pellucid._core import Compute, Subject, only_subject, predict
from pellucid.errors import InputError, near_misses
from pellucid.influence import Influence, representer_points, tracin
from pellucid.tasks._performance import answers_of
from pellucid.tasks._rows import held_out
from pellucid.training import TrainingRecord

METHODS = ("tracin", "representer_points")


def influence(
    subject: Subject,
    x: Tensor | int | Sequence[int] | None = None,
    *,
    answers: Tensor | None = None,
    method: Literal["tracin", "representer_points"] = "tracin",
    layers: Literal["last", "all"] = "last",
    compute: Compute | None = None,
) -> Influence:
    """Which training rows made the network's answers, and which spoke against them.

    Args:
        subject: a network with the data it was trained on; best one that pellucid trained, which kept its
            weights on the way.
        x: inputs ``[N, *shape]``, or numbers of held-out rows; ``None`` takes the first held-out row.
        answers: ``[N]``, the answers that are explained; left out, the network's own class, and in regression
            the true answer of the held-out row.
        method: ``"tracin"``, in units of the loss; or ``"representer_points"``, in units of the output.
        layers: for TracIn: the last dense layer in closed form, or all parameters.
        compute: how to run.

    Returns:
        An :class:`~pellucid.influence.Influence`.

    Raises:
        InputError: where there are no data, or rows or answers do not fit.
        MethodError: where the network does not end in a dense layer.

    Cost:
        As :func:`pellucid.influence.tracin`, two passes of all training rows for each snapshot, or
        :func:`pellucid.influence.representer_points`, one.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=3)
        >>> found = pellucid.influence(subject, 0)
        >>> len(found.proponents()[0])
        5
    """
    only_subject(subject)
    data = subject.needs_data("influence")
    if method not in METHODS:
        raise InputError(f"No method is called {method!r}. {near_misses(method, METHODS)}")
    inputs, true = _rows(subject, x)
    if answers is None:
        answers = answers_of(predict(subject.model, inputs, compute=compute)).cpu() if data.classes else true
    if answers is None:
        raise InputError("In regression influence is on the loss: give answers= for inputs of your own.")
    if method == "representer_points":
        return representer_points(subject.model, data, inputs, answers, compute=compute)
    record = subject.record
    kept = record.snapshots if isinstance(record, TrainingRecord) else ()
    # what was learned after the best epoch is not in the network
    part = [s for s in kept if isinstance(record, TrainingRecord) and s.epoch <= record.best_epoch]
    return tracin(
        subject.model, data, inputs, answers, snapshots=part or kept, layers=layers, compute=compute
    )


def _rows(subject: Subject, x: Tensor | int | Sequence[int] | None) -> tuple[Tensor, Tensor | None]:
    if isinstance(x, Tensor) and x.ndim > 1:
        return x, None
    data = held_out(subject.needs_data("influence"))
    wanted = torch.as_tensor(0 if x is None else x).flatten()
    if not len(wanted) or not 0 <= int(wanted.min()) <= int(wanted.max()) < len(data):
        raise InputError(f"Held-out rows are numbered 0 to {len(data) - 1}, got {wanted.tolist()}.")
    return data.inputs[wanted], data.answers[wanted]
