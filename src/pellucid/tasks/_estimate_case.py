"""What an account of single cases will take: reasons, anchors, changes, nearest inputs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Literal, get_args

import torch

from pellucid._core import Compute, Subject, predict
from pellucid.errors import InputError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.rules import Constraints
from pellucid.rules._recourse._moves import refuse_wide
from pellucid.tasks._amounts import Estimate, Step, gathered
from pellucid.tasks._asked_rows import Asked, asked_rows
from pellucid.tasks._estimate import memory_of
from pellucid.tasks._nearest import MOST as SEARCHED
from pellucid.tasks._reason_codes import APPROVED, PROBES
from pellucid.tasks._refits import REFITS
from pellucid.tasks._refits import refits as trained_again
from pellucid.tasks._spent import counted
from pellucid.tasks._stages import Stages
from pellucid.training import TrainingRecord

Account = Literal["counterfactual", "anchor", "reasons", "nearest", "decision"]
OF_DECISION: Sequence[Account] = ("reasons", "anchor", "counterfactual", "nearest")
TRIES, DRAWS = 5_000, 20_000  # rows that a usual search for changes, and for an anchor, asks for
DRAWING = 2e-5  # seconds that making one row under an anchor's conditions takes, measured
SLOPES = 128  # gradients of a network that is not additive, for one row's reasons
JUDGED = ("counterfactual", "reasons", "decision")


def estimate_case(
    subject: Subject,
    account: Account,
    x: Asked = None,
    *,
    refits: int | None = None,
    constraints: Constraints | None = None,
    compute: Compute | None = None,
) -> Estimate:
    """What ``counterfactual``, ``anchor``, ``reasons``, ``nearest`` or ``decision`` will take.

    Args:
        subject: a network with data.
        account: which of them.
        x: the rows, as for the verb itself.
        refits: networks trained anew that judge; ``None`` is 5 for a run of ours, else none.
        constraints: which columns of a counterfactual may change; ``None`` frees all.
        compute: how it will run.

    Returns:
        An :class:`Estimate`. Its passes are those of a usual search; a hard row may take ten times as many.

    Raises:
        InputError: for another account, rows that are not there, or fewer than 0 refits.
        MethodError: where more columns are free to change than a counterfactual searches.

    Cost:
        Two passes of up to 1,024 rows of a table, or 64 other inputs; where refits are
        asked for of a network whose training is not known, one of them.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=1)
        >>> [step.name for step in estimate_case(subject, "reasons", 0, refits=2).steps]
        ['networks trained anew', 'reasons']
    """
    began, how = time.perf_counter(), compute or Compute()
    if account not in get_args(Account):
        raise InputError(f"No account is called {account!r}. {near_misses(account, get_args(Account))}")
    data, inputs = subject.needs_data(account), asked_rows(subject, x)
    if account == "counterfactual" and isinstance(subject.spec, TabularSpec):
        refuse_wide((constraints or Constraints()).of(subject.spec))
    # a table's rows pass in large chunks, which cost little more than small ones
    chunk = min(how.batch_size, 1024 if isinstance(subject.spec, TabularSpec) else 64)
    few = data.inputs[torch.arange(chunk) % len(data)]
    stages = Stages(how, {"warm": 1, "pass": 1, "training": 10})
    run = dataclasses.replace(stages.of("warm"), batch_size=chunk)
    predict(subject.model, few, spec=subject.spec, compute=run)
    run = dataclasses.replace(stages.of("pass"), batch_size=chunk)
    *_, took = counted(subject.model, lambda: predict(subject.model, few, spec=subject.spec, compute=run))
    steps: list[Step] = []
    count = _refits(subject, refits) if account in JUDGED else 0
    if count:
        seconds = count * _training(subject, stages.of("training"))
        steps.append(Step("networks trained anew", 0, 0, seconds, exact=False))
    for name in OF_DECISION if account == "decision" else (account,):
        rows, back = _passes(subject, name, len(inputs), count)
        seconds = (rows + 2 * back) * took / len(few) + (DRAWING * rows if name == "anchor" else 0.0)
        steps.append(Step(name, rows, back, seconds, exact=False))
    stages.end()
    memory = memory_of(subject, inputs[:1], min(how.batch_size, TRIES), how, cards=False)
    return Estimate(gathered(steps), memory, time.perf_counter() - began)


def _refits(subject: Subject, refits: int | None) -> int:
    if refits is not None and refits < 0:
        raise InputError(f"refits must be 0 or above, got {refits}.")
    return refits if refits is not None else REFITS if isinstance(subject.record, TrainingRecord) else 0


def _training(subject: Subject, how: Compute) -> float:
    """Seconds of one training: its own, or where that is not known those of one refit."""
    if isinstance(subject.record, TrainingRecord):
        return subject.record.seconds
    began = time.perf_counter()
    trained_again(subject, 1, progress=how.progress)
    return time.perf_counter() - began


def _passes(subject: Subject, account: str, n: int, refits: int) -> tuple[int, int]:
    """Rows of the network in each direction."""
    data = subject.needs_data(account)
    train = int((data.parts == 0).sum())
    if account == "counterfactual":
        return n * (TRIES + refits * 8), 0
    if account == "anchor":
        return n * DRAWS, 0
    if account == "nearest":
        # the network and an untrained copy
        return 2 * (min(train, SEARCHED) + n), 0
    columns = len(subject.spec.columns) if isinstance(subject.spec, TabularSpec) else 1
    compared = (PROBES + min(APPROVED, train) + n) * (columns + 1)
    return train + n + (1 + refits) * compared, (1 + refits) * n * SLOPES
