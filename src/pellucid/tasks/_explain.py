"""The verb ``explain``: why these answers, with evidence beside each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from pellucid import attribution, evidence
from pellucid._core import (
    Compute,
    Explanation,
    Progress,
    Subject,
    TargetLike,
    log_odds,
    logit,
    only_subject,
    predict,
    silent,
)
from pellucid.errors import CancelledError, InputError, MethodError, TargetError, near_misses
from pellucid.inputs import TabularSpec
from pellucid.tasks._kept_audit import kept_audit
from pellucid.tasks._over_rows import exchangeable, over_rows
from pellucid.tasks._rows import ENOUGH, held_out, sample, training_rows

Method = Callable[..., Explanation]
# one method of each family: more would make the best of them look better than it is
PANEL = (
    "integrated_gradients",
    "input_x_gradient",
    "deep_lift",
    "smoothgrad",
    "saliency",
    "grad_cam",
    "occlusion",
)
DEAR = 500  # rows of the network per input from which exchanging columns is cheap beside the map itself
TOGETHER = 2048  # rows of a table in one pass, where nobody says how many
MODERATE = 256  # rows of the network per input that a method may cost where nobody named it


def methods() -> dict[str, Method]:
    """Every published attribution method by name.

    Example:
        >>> "integrated_gradients" in methods()
        True
    """
    return {name: getattr(attribution, name) for name in attribution.__all__}


def method_named(name: str) -> Method:
    """The attribution method of that name; raises :class:`MethodError` with near misses."""
    known = methods()
    if name not in known:
        raise MethodError(f"There is no attribution method {name!r}. {near_misses(name, known)}")
    return known[name]


def usual_target(subject: Subject, inputs: Tensor) -> TargetLike:
    """What is explained when nobody says: log-odds of each row's top class; the output in regression."""
    if subject.task == "regression":
        return logit(0)
    outputs = predict(subject.model, inputs, spec=subject.spec)
    return log_odds(0) if outputs.ndim == 1 or outputs.shape[1] == 1 else log_odds(outputs.argmax(1))


def explain(
    subject: Subject,
    x: Tensor | int | Sequence[int] | None = None,
    *,
    target: TargetLike | str | None = None,
    method: str | Method | None = None,
    cards: bool = True,
    compute: Compute | None = None,
) -> Explanation:
    """Why the network gave its answers for some rows, with the evidence for the explanation.

    One number of ``values`` is what that element contributed to the target, in the target's unit, as the
    method defines it (see the method's own page).

    Args:
        subject: a network, best with data.
        x: inputs ``[N, *shape]``; or numbers of held-out rows; ``None`` takes the first held-out row.
        target: a class number or name, a target or a function; left out, the log-odds of each row's top class
            (the output itself in regression).
        method: name or function; left out, the one that evidence supports best here, by the audit kept with
            the run or else by a survey of a panel; the explanation's ``note`` names it with the reason.
        cards: whether to test the explanation.
        compute: how to run.

    Returns:
        An :class:`Explanation` whose ``cards`` hold the evidence, one per row. Where the audit kept with the
        run refutes the method over its rows, or 20 rows explained here do together, or 64 held-out rows of a
        table, no card is *supported*.

    Raises:
        MethodError: where there is no such method, or it does not fit this network.
        InputError, TargetError: where rows or target do not fit.

    Cost:
        The method's own, about 78 rows per input for the evidence of a one-gradient method, about 65 more and
        maps of 16 training rows for tables and methods that spend 500 or more. For tables where no audit was
        kept and fewer than 20 rows are explained, once 65 rows for each of 64 held-out rows, and maps of
        these and of 128 training rows. Where the method is left out, also a survey: as much as cards for each
        method on up to 32 held-out rows.

    Limits:
        Evidence says how well a map predicts the network's response to taking parts away, under the fill that
        the card names; it does not prove a map right. One row cannot tell a network that is built to fool a
        method; many can, so audit what somebody else trained.

    Example:
        >>> import pellucid, torch
        >>> network = torch.nn.Linear(4, 2)
        >>> data = (torch.rand(80, 4), torch.tensor([0, 1] * 40))
        >>> subject = pellucid.open(network, data=data)
        >>> pellucid.explain(subject, 0, method="integrated_gradients").values.shape
        torch.Size([1, 4])
    """
    only_subject(subject)
    inputs = chosen_inputs(subject, x)
    wanted = usual_target(subject, inputs) if target is None else target
    wanted = target_named(subject, wanted) if isinstance(wanted, str) else wanted
    note, chosen = "", method
    if chosen is None:
        chosen, note = best_method(subject, compute=compute)
    function = method_named(chosen) if isinstance(chosen, str) else chosen
    why = function(subject.model, inputs, wanted, spec=subject.spec, compute=compute)
    found = dataclasses.replace(why.noted(note), class_names=answer_names(subject))
    if not cards:
        return found
    if compute is None and isinstance(subject.spec, TabularSpec):
        # rows of tables are small, and thousands are asked
        compute = Compute(batch_size=TOGETHER)
    tested = evidence.cards(
        subject.model,
        found,
        function,
        target=wanted,
        spec=subject.spec,
        others=other_rows(subject),
        on_data=givers(subject, found),
        compute=compute,
    )
    usual = partial(usual_target, subject)
    tested = over_rows(subject, found, function, tested, usual, compute)
    return dataclasses.replace(found, cards=tested)


def givers(subject: Subject, why: Explanation) -> Tensor | bool:
    """Training rows that columns are exchanged with to test an explanation; ``False`` where that is not done.

    It is done for tables, where the method's values are contributions against a reference and cost 500 rows
    of the network per input or more, so that the exchange adds little. Such methods (LIME, KernelSHAP) are
    also those that look where no data lies, which a network can be built to know. Cheaper ones are judged
    over held-out rows, and in the audit.

    Example:
        >>> import pellucid
        >>> data = (torch.rand(8, 3), torch.tensor([0, 1] * 4))
        >>> subject = pellucid.open(torch.nn.Linear(3, 2), data=data)
        >>> givers(subject, pellucid.explain(subject, 0, method="saliency", cards=False))
        False
    """
    made = why.provenance
    if (
        subject.data is None
        or not exchangeable(subject, why)
        or made.forward + made.backward < DEAR * len(why)
    ):
        return False
    return training_rows(subject.data, made.seed)


def best_method(subject: Subject, *, compute: Compute | None = None) -> tuple[str, str]:
    """Name of the method that evidence supports best on held-out rows of this subject, and why, in words.

    An audit that was kept with the run decides, where there is one of this network; else a survey is made.
    Where there are too few rows for one, the first method that fits is taken, and the words say so.

    Raises:
        InputError: without data; where there are too few rows for a survey and no method fits.
        StoreError: where a kept audit cannot be read.
    """
    if subject.data is None:
        raise InputError(
            "Without data the best supported method cannot be found. "
            f"Open the subject with data=(inputs, answers), or name a method: {', '.join(methods())}."
        )
    audited = kept_audit(subject)
    if audited is not None and audited.survey.best in methods():
        return audited.survey.best, f"Chosen by the audit kept with this run: {audited.survey.reason}"
    try:
        found = survey(subject, compute=compute)
    except InputError as error:
        first = next(iter(fitting_methods(subject, among=PANEL)), None)
        if first is None:
            raise
        return first, f"{first} is shown because it fits this network, not by evidence: {error}"
    return found.best, found.reason


def answer_names(subject: Subject) -> tuple[str, ...]:
    """What stands for output k in words: the classes, or the name of the number that is estimated.

    Example:
        >>> import pellucid
        >>> data = (torch.rand(8, 3), torch.rand(8))
        >>> answer_names(pellucid.open(torch.nn.Linear(3, 1), data=data))
        ('answer',)
    """
    return subject.classes or (() if subject.data is None else (subject.data.answer,))


def survey(
    subject: Subject,
    *,
    methods: Sequence[str] = PANEL,
    rows: int = 32,
    compute: Compute | None = None,
) -> evidence.Survey:
    """Methods that fit the network, tested on the same rows, masks and nulls.

    Args:
        subject: a network with data.
        methods: names; left out, one of each family. Those that do not fit are passed over.
        rows: most held-out rows to test on; where fewer than 20 are held out, rows of training too.
        compute: how to run.

    Raises:
        InputError: where there are fewer than 20 rows.

    Cost:
        About 78 rows per input and one-gradient method; more for methods of many passes.
    """
    data = subject.needs_data("survey")
    held = held_out(data)
    tested = held if len(held) >= ENOUGH else data
    if len(tested) < ENOUGH:
        raise InputError(f"methods are tested on at least {ENOUGH} rows, and {data.name} has {len(data)}.")
    inputs = tested.inputs[sample(len(tested), rows)]
    target = usual_target(subject, inputs)
    tell = silent if compute is None else compute.progress
    chosen = fitting_methods(subject, among=methods, progress=tell)
    if not chosen:
        raise InputError(
            f"None of {', '.join(methods)} answers for this network within {MODERATE:,} rows through it per "
            "input: it has no slopes, or very many parts. Name a method and pay for it (occlusion takes a "
            "row for each part); a network that is readable by design says itself what it computes (rules, "
            "shapes)."
        )
    found = evidence.survey(subject.model, inputs, target, chosen, spec=subject.spec, compute=compute)
    if tested is held:
        return found
    few = f"Only {len(held)} rows are held out, so this was tested on rows of training too."
    return dataclasses.replace(found, reason=f"{found.reason} {few}")


class _TooDearError(CancelledError):
    """A method on trial, not the work, ends here."""


def fitting_methods(
    subject: Subject,
    *,
    among: Sequence[str] | None = None,
    most: int = MODERATE,
    progress: Progress = silent,
) -> dict[str, Method]:
    """The methods that answer for this network without further arguments, at a moderate cost.

    Args:
        subject: a network with data.
        among: names of the methods to try; left out, all.
        most: rows through the network per input, forward and backward together, above which a method is too
            dear to be tried on many rows; name it to use it.
        progress: called with what each method tells; raising in it ends the trial.

    Cost:
        That of every method on two rows.

    Example:
        >>> import pellucid
        >>> subject = pellucid.open(torch.nn.Linear(3, 2), data=(torch.rand(8, 3), torch.tensor([0, 1] * 4)))
        >>> "grad_cam" in fitting_methods(subject)
        False
    """
    inputs = held_out(subject.needs_data("fitting_methods")).inputs[:2]
    target, found = usual_target(subject, inputs), dict[str, Method]()
    limit = most * len(inputs)

    def refuse_dear(done: int, total: int) -> None:
        if total > limit:
            raise _TooDearError(f"{total} rows are more than {limit}.")
        progress(done, total)

    trial = Compute(progress=refuse_dear)
    for name in methods() if among is None else among:
        method = method_named(name)
        try:
            why = method(subject.model, inputs, target, spec=subject.spec, compute=trial)
        except (MethodError, InputError, _TooDearError):
            continue
        if why.provenance.forward + why.provenance.backward <= limit:
            found[name] = method
    return found


def other_rows(subject: Subject, most: int = 32) -> Tensor | None:
    """Held-out inputs that maps are compared with; ``None`` without data."""
    if subject.data is None:
        return None
    data = held_out(subject.data)
    return data.inputs[sample(len(data), most)]


def chosen_inputs(subject: Subject, x: Tensor | int | Sequence[int] | None) -> Tensor:
    """Inputs ``[N, *shape]`` as given, or the held-out rows of those numbers; ``None`` is the first."""
    if isinstance(x, Tensor) and (x.is_floating_point() or x.ndim > 1 or subject.data is None):
        subject.spec.check(x)
        return x
    data = held_out(subject.needs_data("Naming rows by number"))
    try:
        wanted = torch.as_tensor(0 if x is None else x)
    except (TypeError, ValueError, RuntimeError):
        wanted = None
    if wanted is None or wanted.is_floating_point() or wanted.ndim > 1:
        raise InputError(
            f"Expected inputs as a tensor [N, …], or numbers of held-out rows such as [0, 1]; got "
            f"{type(x).__name__}. An array becomes inputs by torch.as_tensor(x)."
        )
    wanted = wanted.flatten()
    if not len(wanted) or not 0 <= int(wanted.min()) <= int(wanted.max()) < len(data):
        raise InputError(f"Held-out rows are numbered 0 to {len(data) - 1}, got {wanted.tolist()}.")
    return data.inputs[wanted]


def target_named(subject: Subject, name: str) -> int:
    """The class of that number or name; raises :class:`TargetError` with near misses.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(8, 3), torch.tensor([0, 1] * 4))
        >>> target_named(pellucid.open(torch.nn.Linear(3, 2), data=data, classes=["cat", "dog"]), "dog")
        1
    """
    text = name.strip()
    if text in subject.classes and not text.isdecimal():
        return subject.classes.index(text)
    count = len(subject.classes)
    if text.isdecimal() and (not count or int(text) < count):
        return int(text)
    known = f" Classes are numbered 0 to {count - 1}." if count else ""
    hint = f" {near_misses(text, subject.classes)}" if count and not text.isdecimal() else ""
    raise TargetError(f"There is no class {text!r}.{known}{hint}")
