"""The verb ``counterfactual``: what would have to be different."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from pellucid._core import Compute, Subject, only_subject
from pellucid.rules import Constraints, Counterfactuals, constraints_from, counterfactuals
from pellucid.rules._recourse._goal import refuse_wanted
from pellucid.rules._recourse._moves import refuse_wide, table_of
from pellucid.tasks._asked_rows import Asked, asked_rows
from pellucid.tasks._refits import judges_of
from pellucid.tasks._refits import refits as trained_again


def counterfactual(
    subject: Subject,
    x: Asked = None,
    *,
    wanted: str | int | tuple[float, float] | None = None,
    constraints: Constraints | str | Path | None = None,
    immutable: Sequence[str] = (),
    actionable: Sequence[str] | None = None,
    k: int = 3,
    least: float | None = None,
    steady: bool = False,
    refits: int | Sequence[nn.Module] | None = None,
    compute: Compute | None = None,
) -> Counterfactuals:
    """The smallest plausible changes of a row that alter the answer, and what it could bear.

    Args:
        subject: a network on a table, with the data it learned from.
        x: numbers of held-out rows, raw rows as mappings, or inputs ``[N, D]``; ``None`` is the first
            held-out row.
        wanted: the answer that is wished for; left out, the other of two classes, or any other. In regression
            a range ``(low, high)``.
        constraints: what may change, as a value or a TOML file (:func:`pellucid.rules.constraints_from`).
        immutable, actionable: columns that cannot change, and the only ones that may; added to
            ``constraints``.
        k: answers for each row, with different columns.
        least: probability that the wanted class must reach.
        steady: whether further networks, trained anew, must agree; such changes are larger and last longer.
        refits: how many networks trained anew judge the answers, or these networks themselves; left out, 5
            where pellucid trained the network, else none. They take no part in the search.
        compute: how to run.

    Returns:
        :class:`pellucid.rules.Counterfactuals`, one case for each row.

    Raises:
        InputError: where there are no data, constraints contradict each other, or a row has the wanted
            answer.
        MethodError: where more than 500 columns are free to change.
        LoadError: where the file of constraints cannot be read.

    Cost:
        As :func:`pellucid.rules.counterfactuals`, and the refits' trainings.

    Limits:
        As :func:`pellucid.rules.counterfactuals`: what the network would say, not what would happen.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=3)
        >>> found = pellucid.counterfactual(subject, 0, k=1, refits=0)
        >>> found[0].found[0].answer != found[0].answer
        True
    """
    only_subject(subject)
    data, how = subject.needs_data("counterfactual"), compute or Compute(batch_size=4096)
    inputs = asked_rows(subject, x)
    given = constraints_from(constraints) if isinstance(constraints, str | Path) else constraints
    whole = (given or Constraints()).also(immutable=immutable, actionable=actionable)
    # all of this before networks are trained anew
    refuse_wide(whole.of(table_of(subject.spec)))
    refuse_wanted(wanted, subject.classes, least)
    judges = judges_of(subject, refits, how)
    agreeing = (
        trained_again(subject, max(2, len(judges)), seed=how.seed + 1000, progress=how.progress)
        if steady
        else ()
    )
    return counterfactuals(
        subject.model,
        data,
        inputs,
        wanted=wanted,
        constraints=whole,
        k=k,
        least=least,
        agreeing=agreeing,
        refits=judges,
        compute=how,
    )
