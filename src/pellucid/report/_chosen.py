"""Which rows a dossier looks at one by one, by rules that are printed."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid import tasks
from pellucid._core import Compute, Dataset, Explanation, Subject, amount, predict
from pellucid.evidence import Survey
from pellucid.report._dossier import Case

EACH = 3
BESIDE = 3  # methods side by side in each case
# rows of the network per input up to which a method explains cases: testing it takes it again
DEAREST = 2_500


def chosen_cases(subject: Subject, survey: Survey | None, how: Compute) -> tuple[Case, ...]:
    """Random, worst and least certain held-out rows, explained."""
    held = tasks.held_out(subject.needs_data("cases"))
    outputs = predict(subject.model, held.inputs, spec=subject.spec)
    chosen = _chosen(held, outputs, how.seed)
    rows = torch.tensor([row for row, _ in chosen])
    explained = list(
        tasks.explain_several(subject, held.inputs[rows], methods=case_methods(subject, survey), compute=how)
    )
    return tuple(case_of(held, outputs, row, why, i, explained) for i, (row, why) in enumerate(chosen))


def case_methods(subject: Subject, survey: Survey | None) -> tuple[str, ...]:
    """The best supported method first, then one of another family and the plain gradient, for comparison; of
    these only what fits the network, since steps and rules have no slopes, within :data:`DEAREST`. What the
    survey tested fits; only other ones are tried, and only while three are not found.
    """
    known = tasks.methods()
    best = survey.best if survey is not None and survey.best in known else "integrated_gradients"
    other = "grad_cam" if subject.spec.axes == ("C", "H", "W") else "occlusion"
    wanted = tuple(dict.fromkeys((best, "integrated_gradients", other, "saliency", "kernel_shap")))
    tested = frozenset(each.method for each in survey.methods) if survey is not None else frozenset[str]()
    chosen: list[str] = []
    for name in wanted:
        if len(chosen) < BESIDE and (
            name in tested or tasks.fitting_methods(subject, among=[name], most=DEAREST)
        ):
            chosen.append(name)
    return tuple(chosen)


def left_out(subject: Subject) -> str:
    """What no case is explained by because of the number of parts, in a sentence; else empty."""
    inputs = subject.needs_data("cases").inputs[:1]
    parts = len(subject.spec.group_names(inputs)) or inputs[0].numel()
    if subject.spec.axes == ("C", "H", "W") or parts < DEAREST:
        return ""
    return (
        f"Cases are not explained by occlusion: with {parts:,} parts it takes as many passes for a row, and "
        "its test some hundred times that. To have it for one row: pellucid explain --method occlusion."
    )


def _chosen(held: Dataset, outputs: Tensor, seed: int) -> list[tuple[int, str]]:
    """Worst, least certain (of numbers: best) and random held-out rows, each once, with the rule."""
    wrong, doubt = _wrongness(held, outputs)
    drawn = torch.randperm(len(held), generator=torch.Generator().manual_seed(seed))
    rules = (
        ("worst: the largest error", wrong.argsort(descending=True)),
        (
            "best: the smallest error" if held.task == "regression" else "least certain",
            doubt.argsort(descending=True),
        ),
        ("drawn at random", drawn),
    )
    found: dict[int, str] = {}
    for why, order in rules:
        fresh = [row for row in order.tolist() if row not in found][:EACH]
        found.update(dict.fromkeys(fresh, why))
    return list(found.items())


def _wrongness(held: Dataset, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """How wrong and how uncertain each answer is; in regression the absolute error stands for both."""
    if held.task == "regression":
        error = (outputs.flatten() - held.answers).abs()
        return error, -error
    p = _probabilities(outputs)
    return -p.gather(1, held.answers[:, None]).flatten(), -p.max(1).values


def _probabilities(outputs: Tensor) -> Tensor:
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        p = outputs.flatten().sigmoid()
        return torch.stack([1 - p, p], 1)
    return outputs.softmax(1)


def case_of(
    held: Dataset, outputs: Tensor, row: int, why: str, place: int, explained: list[Explanation]
) -> Case:
    """One held-out row with its explanations, the ``place``-th of each."""
    rows = tuple(each.row(place) for each in explained)
    if held.task == "regression":
        true = amount(float(held.answers[row]), 4, held.unit)
        given = amount(float(outputs[row].flatten()[0]), 4, held.unit)
        return Case(row, held.inputs[row : row + 1], true, given, why, rows)
    p = _probabilities(outputs[row : row + 1])[0]
    best = int(p.argmax())
    return Case(
        row,
        held.inputs[row : row + 1],
        held.classes[int(held.answers[row])],
        held.classes[best],
        why,
        rows,
        float(p[best]),
    )
