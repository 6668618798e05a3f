"""The verb ``audit``: how far the explanations of a network may be believed, on a sample declared before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from torch import Tensor

from pellucid import evidence
from pellucid._core import Compute, Subject, only_subject
from pellucid.errors import InputError
from pellucid.inputs import ImageSpec
from pellucid.tasks._explain import MODERATE, PANEL, Method, fitting_methods, method_named, usual_target
from pellucid.tasks._kept_audit import keep_audit
from pellucid.tasks._rows import ENOUGH, held_out, sample, training_rows


def audit(
    subject: Subject,
    *,
    methods: Sequence[str] = PANEL,
    rows: int = 100,
    fills: Sequence[str] | None = None,
    metrics: Sequence[str] = ("infidelity", "sparseness"),
    masks: int = 64,
    twins: int = 19,
    keep: bool = True,
    watch: Callable[[evidence.AuditRow], None] | None = None,
    compute: Compute | None = None,
) -> evidence.Audit:
    """Tests × methods on held-out rows that are drawn before anything is explained.

    What the table holds is said at :func:`pellucid.evidence.audit`: support with intervals, several kinds of
    absence, the questions of the card, metrics of the literature, maps made without the model, negative
    controls and a positive one.

    Args:
        subject: a network with data.
        methods: names; left out, one of each family. Those that do not fit are passed over and named.
        rows: most held-out rows, drawn with the seed of ``compute``; at least 20.
        fills: kinds of absence beside the usual one; left out, the mean, parts of one training row
            drawn at random, pieces of many, and parts of the nearest training row; for pictures also blur.
        metrics: names of metrics of the literature.
        masks: M.
        twins: untrained copies; fewer than 19 are no null of the test.
        keep: whether the audit of a run folder is kept there, so that ``explain`` takes its method from it.
        watch: called with each finished row.
        compute: how to run.

    Returns:
        A :class:`pellucid.evidence.Audit`, worst method first.

    Raises:
        InputError: without data, with fewer than 20 held-out rows, or for an unknown fill or metric.
        MethodError: for an unknown method.

    Cost:
        As :func:`pellucid.evidence.audit`: with four further fills about ``325 + 13`` rows per input and
        one-gradient method.

    Limits:
        As :func:`pellucid.evidence.audit`.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(200, 12), torch.tensor([0, 1] * 100))
        >>> subject = pellucid.open(torch.nn.Linear(12, 2), data=data)
        >>> found = audit(subject, methods=["saliency", "input_x_gradient"], rows=24, fills=["mean"])
        >>> found.n, found.rows[0].kind
        (24, 'method')
    """
    only_subject(subject)
    how = compute or Compute(batch_size=256)
    whole = subject.needs_data("audit")
    data = held_out(whole)
    chosen, fitting = audited(subject, methods, rows, how)
    inputs = data.inputs[chosen]
    drawn = f"drawn with seed {how.seed}" if len(chosen) < len(data) else "all there are"
    declared = f"{len(chosen)} of {len(data)} held-out rows, {drawn}, before anything was explained"
    found = evidence.audit(
        subject.model,
        inputs,
        usual_target(subject, inputs),
        fitting,
        spec=subject.spec,
        fills=usual_fills(subject) if fills is None else fills,
        metrics=metrics,
        others=training_rows(whole, how.seed),
        masks=masks,
        twins=twins,
        sample=chosen,
        declared=declared,
        watch=watch,
        compute=how,
    )
    if keep:
        keep_audit(subject, found)
    return found


def audited(
    subject: Subject, methods: Sequence[str], rows: int, how: Compute
) -> tuple[Tensor, dict[str, Method]]:
    """Numbers of the held-out rows and the methods that an audit looks at.

    Raises:
        InputError, MethodError: where there are fewer than 20 rows, or no method that fits.
    """
    count = len(held_out(subject.needs_data("audit")))
    if min(count, rows) < ENOUGH:
        raise InputError(
            f"An audit needs at least {ENOUGH} held-out rows; here are {count}, and {rows} were asked for."
        )
    # what is asked for by name is audited whatever it costs
    most = MODERATE if methods == PANEL else sys.maxsize
    fitting = fitting_methods(
        subject, among=[_known(name) for name in methods], most=most, progress=how.progress
    )
    if not fitting:
        raise InputError(f"None of these methods fits this network: {', '.join(methods)}.")
    return sample(count, rows, seed=how.seed), fitting


def usual_fills(subject: Subject) -> tuple[str, ...]:
    """Kinds of absence that suit what the subject takes.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(8, 3), torch.tensor([0, 1] * 4))
        >>> usual_fills(pellucid.open(torch.nn.Linear(3, 2), data=data))
        ('mean', 'swap', 'patch', 'nearest')
    """
    # the usual absence is not tested twice
    known = getattr(subject.spec, "absence", "")
    fills = ("mean", *(("blur",) if isinstance(subject.spec, ImageSpec) else ()), "swap", "patch", "nearest")
    return tuple(fill for fill in fills if fill != known)


def _known(name: str) -> str:
    method_named(name)
    return name
