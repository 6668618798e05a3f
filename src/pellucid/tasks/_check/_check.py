"""The verb ``check``: expectations on a network, judged like tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pellucid._core import Compute, Subject, only_subject
from pellucid.errors import InputError, PellucidError
from pellucid.tasks._check._approved import approved_run
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._expectation import Expectation
from pellucid.tasks._check._opened import beside
from pellucid.tasks._check._outcome import Checked, Outcome
from pellucid.tasks._check._read import Expectations, read_expectations


def check(
    subject: Subject,
    expectations: Expectations | Sequence[Expectation] | str | Path,
    *,
    baseline: str | Path | None = None,
    watch: Callable[[Outcome], None] | None = None,
    compute: Compute | None = None,
) -> Checked:
    """Whether a network keeps what is expected of it: each number with its interval, one word, the rows.

    A demand is ``passed`` where the whole 95 % interval keeps the bound, ``failed`` where all of it breaks
    it, and ``undecided`` where it reaches across: the rows at hand cannot tell. Undecided is told and breaks
    nothing, unless the file or the expectation says ``undecided = "fail"``. What cannot be measured is
    ``not run`` and counts as broken. Where an expectation has several numbers (slices, methods, layers), all
    must keep the bound, and their intervals are wide enough to hold together.

    Args:
        subject: a network with data.
        expectations: a TOML file, what :func:`read_expectations` read, or values of :mod:`pellucid.expect`.
        baseline: file of the approved run, for :class:`~pellucid.expect.NoWorse`.
        watch: called with each finished outcome.
        compute: how to run; its seed is the file's where it is left out.

    Returns:
        A :class:`~pellucid.expect.Checked` with one outcome per expectation; ``passed`` is true where nothing
        counts as broken.

    Raises:
        InputError: for expectations that cannot be asked of this network (unknown columns, wrong types),
            before anything is run.
        LoadError: where a file cannot be read.

    Cost:
        That of each expectation; the rows are explained once per method.

    Limits:
        Each expectation is judged at 95 % by itself: of many that a network just keeps, some come out
        undecided or broken by chance. It speaks of the held-out rows, and of rows like them.

    Example:
        >>> import pellucid, torch
        >>> from pellucid import expect
        >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
        >>> network = torch.nn.Linear(2, 2)
        >>> network.weight.data = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
        >>> _ = network.bias.data.zero_()
        >>> subject = pellucid.open(network, data=(x, (x[:, 0] > 0).long()))
        >>> found = pellucid.check(subject, [expect.Accuracy(0.9), expect.Swap("x2", 0.1)])
        >>> [outcome.word for outcome in found.outcomes]
        ['passed', 'passed']
    """
    only_subject(subject)
    asked = asked_of(expectations)
    seen = examination(subject, asked, baseline=baseline, compute=compute)
    outcomes: list[Outcome] = []
    for expectation in asked.expectations:
        outcomes.append(seen.outcome(expectation.title))
        if watch is not None:
            watch(outcomes[-1])
    return Checked(
        subject.name,
        tuple(outcomes),
        len(seen.looked),
        len(seen.held),
        seen.compute.seed,
        seen.model,
        seen.rows_hash,
        asked.path,
        "" if seen.approved is None else seen.approved.path,
        seen.data.name,
        subject.spec,
    )


def examination(
    subject: Subject,
    asked: Expectations,
    *,
    baseline: str | Path | None = None,
    compute: Compute | None = None,
) -> Examined:
    """A subject ready to be checked, one expectation at a time, after all of them are seen to fit it."""
    subject.needs_data("check")
    for place, expectation in enumerate(asked.expectations, 1):
        try:
            expectation.fits(subject)
        except PellucidError as error:
            of = f"{asked.path}: " if asked.path else ""
            named = f" ({expectation.name})" if expectation.name else ""
            raise InputError(f"{of}expectation {place}{named}, {expectation.kind}: {error}") from error
    place = baseline or (beside(asked.path, asked.baseline) if asked.baseline else None)
    approved = approved_run(place) if place is not None else None
    how = compute or Compute(batch_size=256, seed=asked.seed)
    return Examined(
        subject,
        asked.expectations,
        rows=asked.rows,
        undecided=asked.undecided,
        approved=approved,
        compute=how,
    )


def asked_of(expectations: Expectations | Sequence[Expectation] | str | Path) -> Expectations:
    if isinstance(expectations, Expectations):
        return expectations
    if isinstance(expectations, str | Path):
        return read_expectations(expectations)
    wrong = next((each for each in expectations if not isinstance(each, Expectation)), None)
    if wrong is not None:
        raise InputError(f"Expected values of pellucid.expect, such as Accuracy(0.7); got {wrong!r}.")
    return Expectations(tuple(expectations))
