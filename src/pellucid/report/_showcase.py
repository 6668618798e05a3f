"""The dossier of a network that others trained: chosen inputs, many methods side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid import evidence, tasks
from pellucid._core import Compute, Dataset, Explanation, Subject, Target, predict
from pellucid._core import log_odds as log_odds_of
from pellucid.report._chosen import case_of
from pellucid.report._dossier import Dossier
from pellucid.report._report import _Clock, _origin

Methods = Mapping[str, tasks.Method]


def showcase(
    subject: Subject,
    rows: Sequence[int],
    methods: Methods,
    *,
    why: str,
    tested: Collection[str],
    surveyed: Methods,
    command: str,
    purpose: str = "",
    limits: Sequence[str] = (),
    notes: Sequence[str] = (),
    names: Sequence[str] = (),
    others: Tensor | None = None,
    path: str | Path = "dossier.html",
    tell: Callable[[str], None] = lambda step: None,
    compute: Compute | None = None,
) -> Dossier:
    """Explain chosen inputs of a network by many methods, at a cost that can be foreseen.

    Where :func:`dossier` looks at everything, this leaves out features and rules: a large network would
    take hours. Layers are told in numbers.

    Args:
        subject: a network with data.
        rows: held-out rows to explain.
        methods: name to method; all are drawn side by side.
        why: the rule that chose the rows, in words.
        tested: names of the methods that get evidence cards; the others are too dear for that.
        surveyed: methods to test over all rows of the data, not only the held-out ones; none leaves it to
            the cards.
        command: what makes the dossier again.
        purpose, limits, notes: what a reader must know.
        names: of the rows explained, where their true answers are not known: then nothing is said of how
            well the network answers, and each case is chosen by its name.
        others: further inputs ``[P, *shape]`` that evidence compares with.
        path: where it will be written.
        tell: called with each step that begins, in words.
        compute: how to run.

    Returns:
        The dossier.

    Cost:
        Each method once on the rows, each tested one about ten times and once on the other rows, each
        surveyed one once on all rows; 65 forward passes of all rows.
    """
    data, clock, how = subject.needs_data("showcase"), _Clock(), compute or Compute()
    held = tasks.held_out(data)
    pool = data.inputs if others is None else torch.cat([data.inputs, others])
    if surveyed:
        tell(f"{len(surveyed)} methods tested over {len(pool)} rows")
    outputs = predict(subject.model, held.inputs, spec=subject.spec, compute=how)
    survey = clock.run("evidence over all rows", lambda: _survey(subject, pool, surveyed, how))
    explained = clock.run(
        "cases", lambda: _explained(subject, held, outputs, rows, methods, tested, pool, tell, how)
    )
    cases = [case_of(held, outputs, row, names[i] if names else why, i, explained or [])
             for i, row in enumerate(rows)]  # fmt: skip
    cases = [dataclasses.replace(case, true="") for case in cases] if names else cases
    tell("every layer, beside an untrained copy")
    layers = clock.run("layers", lambda: tasks.layers(subject, compute=how))
    origin = dataclasses.replace(_origin(subject, data, path, how.seed), command=command)
    return Dossier(
        subject.name,
        subject.task,
        spec=subject.spec,
        answer=data.answer,
        classes=subject.classes,
        purpose=purpose,
        limits=tuple(limits),
        origin=origin,
        data=data,
        picked=not names,
        performance=None if names else clock.run("performance", lambda: tasks.performance(subject)),
        layers=layers,
        cases=tuple(cases) if explained else (),
        survey=survey,
        timings=clock.seconds,
        notes=(*notes, *clock.notes),
    )


def _survey(subject: Subject, x: Tensor, methods: Methods, how: Compute) -> evidence.Survey | None:
    if not methods:
        return None
    target = _target(predict(subject.model, x, spec=subject.spec, compute=how))
    return evidence.survey(subject.model, x, target, methods, spec=subject.spec, compute=how)


def _explained(
    subject: Subject,
    held: Dataset,
    outputs: Tensor,
    rows: Sequence[int],
    methods: Methods,
    tested: Collection[str],
    pool: Tensor,
    tell: Callable[[str], None],
    how: Compute,
) -> list[Explanation]:
    index = torch.as_tensor(list(rows))
    x, target = held.inputs[index], _target(outputs[index])
    # one measurement of what the network does serves all methods
    seen = evidence.responses(
        subject.model, x, target, spec=subject.spec, fill="own", masks=64, others=pool, compute=how
    )
    # and the same untrained copies
    place = evidence.benches(subject.model, x, [target], spec=subject.spec, compute=how)[0]
    found: list[Explanation] = []
    for name, method in methods.items():
        tell(f"{name.replace('_', ' ')}{' with its evidence' if name in tested else ''}")
        why = method(subject.model, x, target, spec=subject.spec, compute=how)
        why = dataclasses.replace(why, class_names=subject.classes)
        if name in tested:
            cards = evidence.cards(
                subject.model,
                why,
                method,
                target=target,
                spec=subject.spec,
                others=pool,
                seen=seen,
                bench=place,
                compute=how,
            )
            why = dataclasses.replace(why, cards=cards)
        found.append(why)
    return found


def _target(outputs: Tensor) -> Target:
    """Log-odds of each row's top class."""
    return log_odds_of(0) if outputs.ndim == 1 or outputs.shape[1] == 1 else log_odds_of(outputs.argmax(1))
