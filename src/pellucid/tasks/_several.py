"""Several methods and several targets at once, tested side by side on the same masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

from torch import Tensor

from pellucid import evidence
from pellucid._core import Compute, Explanation, Subject, TargetLike, only_subject, several_targets
from pellucid.tasks._explain import (
    Method,
    answer_names,
    best_method,
    chosen_inputs,
    givers,
    method_named,
    other_rows,
    target_named,
    usual_target,
)
from pellucid.tasks._over_rows import over_rows


def explain_several(
    subject: Subject,
    x: Tensor | int | Sequence[int] | None = None,
    *,
    methods: Sequence[str | Method] = (),
    targets: Sequence[TargetLike | str] = (),
    cards: bool = True,
    compute: Compute | None = None,
) -> tuple[Explanation, ...]:
    """Why the network gave its answers, by several methods and for several targets, with evidence for each.

    One number means what it means in :func:`pellucid.explain`. What does not depend on method or target is
    asked once: responses to the masks, outputs, untrained copies, and the forward passes of all targets.

    Args:
        subject: a network, best with data.
        x: inputs ``[N, *shape]``; or numbers of held-out rows; ``None`` takes the first held-out row.
        methods: names or functions; left out, the one that evidence supports best here.
        targets: class numbers or names, targets or functions; left out, the log-odds of each row's top class
            (the output itself in regression).
        cards: whether to test the explanations.
        compute: how to run.

    Returns:
        One :class:`Explanation` for each target and method: all methods of the first target come first.
        ``pellucid.figures.explanations`` draws them side by side.

    Raises:
        MethodError: where there is no such method, or one does not fit this network.
        InputError, TargetError: where rows or targets do not fit.

    Cost:
        The methods' own, with shared forward passes for several targets. The evidence of the first
        one-gradient method costs about 78 rows per input, of each further one about 7.

    Limits:
        Looking at many methods and keeping the nicest is no evidence: each card speaks of its own method.

    Example:
        >>> import pellucid, torch
        >>> data = (torch.rand(80, 4), torch.tensor([0, 1] * 40))
        >>> subject = pellucid.open(torch.nn.Linear(4, 2), data=data)
        >>> found = pellucid.explain_several(subject, 0, methods=["saliency", "occlusion"], targets=[0, 1])
        >>> [f"{why.provenance.method} of {why.provenance.target}" for why in found][:3]
        ['saliency of logit(0)', 'occlusion of logit(0)', 'saliency of logit(1)']
    """
    only_subject(subject)
    functions = [method_named(one) if isinstance(one, str) else one for one in methods]
    inputs = chosen_inputs(subject, x)
    asked = [target_named(subject, one) if isinstance(one, str) else one for one in targets]
    note = ""
    if not functions:
        best, note = best_method(subject, compute=compute)
        functions = [method_named(best)]
    wanted = asked or [usual_target(subject, inputs)]
    places = evidence.benches(subject.model, inputs, wanted, spec=subject.spec, compute=compute)
    found: list[list[Explanation]] = [[] for _ in places]
    for function in functions:
        made = several_targets(
            function,
            subject.model,
            inputs,
            [place.target for place in places],
            spec=subject.spec,
            compute=compute,
        )
        for mine, place, why in zip(found, places, made, strict=True):
            named = dataclasses.replace(why.noted(note), class_names=answer_names(subject))
            mine.append(_tested(subject, named, function, place, compute) if cards else named)
    return tuple(why for mine in found for why in mine)


def _tested(
    subject: Subject, why: Explanation, method: Method, place: evidence.Bench, compute: Compute | None
) -> Explanation:
    usual = partial(usual_target, subject)
    found = evidence.cards(
        subject.model,
        why,
        method,
        spec=subject.spec,
        others=other_rows(subject),
        bench=place,
        on_data=givers(subject, why),
        compute=compute,
    )
    found = over_rows(subject, why, method, found, usual, compute)
    return dataclasses.replace(why, cards=found)
