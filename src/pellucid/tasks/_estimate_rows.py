"""What work over many rows will take, from short trials on fewer of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Literal

from pellucid._core import Compute, Subject, TargetLike
from pellucid.errors import InputError
from pellucid.tasks._amounts import Estimate
from pellucid.tasks._compare import compare
from pellucid.tasks._concept_sets import Sets
from pellucid.tasks._estimate import estimate, memory_of
from pellucid.tasks._estimate_inside import by_rows, of_concepts
from pellucid.tasks._importance import importance_of
from pellucid.tasks._influence import influence
from pellucid.tasks._rows import held_out, sample

FEW = 24  # rows of the shorter trial, more than a curve has points
LEARNED = 100  # training rows of it


def estimate_importance(
    subject: Subject,
    kind: str = "permutation",
    *,
    columns: Sequence[int | str] = (),
    target: TargetLike | None = None,
    method: str = "integrated_gradients",
    row: int = 0,
    rows: int = 256,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.tasks.importance_of` with these arguments will take.

    Returns:
        An :class:`Estimate`; exact only for mean attribution where each row takes as many passes.

    Raises:
        InputError, MethodError: as the work itself would.

    Cost:
        A quarter of the work, or 72 rows where that is more; of pairs in one row (``"interactions"``) all.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(400, 4), torch.tensor([0, 1] * 200))
        >>> subject = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> estimate_importance(subject).forward  # 60 held-out rows, as they are and 10 times for each column
        2460
    """
    began, how = time.perf_counter(), compute or Compute()
    held = held_out(subject.needs_data("importance"))
    looked = min(rows, len(held))
    if kind == "mean":
        chosen = held.inputs[sample(len(held), rows, seed=how.seed)]
        asked = [] if target is None else [target]
        return estimate(subject, chosen, methods=[method], targets=asked, cards=False, compute=how)

    def some(count: int, how: Compute) -> object:
        return importance_of(subject, kind, columns=columns, target=target, row=row, rows=count, compute=how)

    few = max(FEW, looked // 12)
    sizes = (looked, looked) if kind == "interactions" else (few, 2 * few)
    step = by_rows(subject, some, kind, sizes, looked, how=how)
    memory = memory_of(subject, held.inputs[:1], looked, how, cards=False)
    return Estimate((step,), memory, time.perf_counter() - began)


def estimate_concepts(
    subject: Subject,
    target: TargetLike | str,
    sets: Sets,
    sites: Sequence[str] | None = None,
    *,
    draws: int = 1000,
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.concepts` with these arguments will take, from 30 and from 60 inputs of each set.

    Returns:
        An :class:`Estimate`; nothing of it is exact.

    Raises:
        InputError, TargetError: as the work itself would.

    Cost:
        About half of the work.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> estimate_concepts(subject, "malignant", "worst area", ["dense1"], draws=99).steps[0].name
        'concepts'
    """
    began, how = time.perf_counter(), compute or Compute()
    step = of_concepts(subject, target, sets, sites, how, draws=draws)
    memory = memory_of(subject, subject.needs_data("concepts").inputs[:1], 1, how, cards=False)
    return Estimate((step,), memory, time.perf_counter() - began)


def estimate_compare(
    a: Subject,
    b: Subject,
    *,
    method: str | None = None,
    rows: int = 64,
    beside: Sequence[Subject] = (),
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.compare` with these arguments will take.

    Returns:
        An :class:`Estimate`; rows of all networks are counted, and nothing of it is exact.

    Raises:
        InputError, MethodError: as the work itself would.

    Cost:
        Three eighths of what is explained, and twice the rest.

    Example:
        >>> import pellucid, torch
        >>> x = torch.rand(200, 4, generator=torch.Generator().manual_seed(0))
        >>> one = pellucid.open(torch.nn.Linear(4, 2), data=(x, (x[:, 0] > 0.5).long()))
        >>> estimate_compare(one, one, rows=4).steps[0].name
        'compared'
    """
    began, how = time.perf_counter(), compute or Compute()

    def some(count: int, how: Compute) -> object:
        return compare(a, b, method=method, rows=count, beside=beside, compute=how)

    held, few = held_out(a.needs_data("compare")), max(2, rows // 8)
    step = by_rows(a, some, "compared", (few, 2 * few), min(rows, len(held)), b, *beside, how=how, back=True)
    memory = memory_of(a, held.inputs[:1], rows, how, cards=False)
    return Estimate((step,), memory, time.perf_counter() - began)


def estimate_influence(
    subject: Subject,
    x: int | Sequence[int] | None = None,
    *,
    method: Literal["tracin", "representer_points"] = "tracin",
    layers: Literal["last", "all"] = "last",
    compute: Compute | None = None,
) -> Estimate:
    """What :func:`pellucid.influence` with these arguments will take, from 100 and 200 training rows.

    Returns:
        An :class:`Estimate`; nothing of it is exact.

    Raises:
        InputError, MethodError: as the work itself would.

    Cost:
        A look at 300 training rows, or an eighth of them where that is more.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> estimate_influence(subject, 0).steps[0].name
        'influence'
    """
    how = compute or Compute()
    return estimate_training_rows(
        subject,
        "influence",
        lambda some, how: influence(some, x, method=method, layers=layers, compute=how),
        compute=how,
    )


def estimate_training_rows(
    subject: Subject,
    name: str,
    work: Callable[[Subject, Compute], object],
    *,
    compute: Compute | None = None,
) -> Estimate:
    """What work that grows with the training rows will take, from two trials on few of them.

    Args:
        subject: a network with data.
        name: what the work is called.
        work: takes the subject, with fewer training rows and all others, and how to run.
        compute: how it will run.

    Returns:
        An :class:`Estimate`; nothing of it is exact.

    Raises:
        InputError, MethodError: as the work itself would.

    Cost:
        The work on 100 and on 200 training rows, or a twenty-fourth and a twelfth of them where that is more;
        on all where these are fewer, or too few for it.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> grow = lambda some, how: pellucid.rules(some, leaves=4, compute=how)
        >>> plan = estimate_training_rows(subject, "rules", grow)
        >>> plan.steps[0].name, plan.forward
        ('rules', 569)
    """
    began, how = time.perf_counter(), compute or Compute()
    data = subject.needs_data(name)
    training, rest = ((data.parts == 0) == side for side in (True, False))
    known = training.nonzero().flatten()

    def some(count: int, how: Compute) -> None:
        kept = rest.clone()
        kept[known[sample(len(known), count, seed=how.seed)]] = True
        work(dataclasses.replace(subject, data=data.rows(kept)), how)

    few = max(LEARNED, len(known) // 24)
    try:
        step = by_rows(subject, some, name, (few, 2 * few), len(known), how=how, back=True)
    except InputError:  # few rows may be too few for it; if all are, it says so
        step = by_rows(subject, some, name, (len(known), len(known)), len(known), how=how, back=True)
    memory = memory_of(subject, data.inputs[:1], 1, how, cards=False)
    return Estimate((step,), memory, time.perf_counter() - began)
