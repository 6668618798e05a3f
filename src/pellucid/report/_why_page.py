"""Why one answer came out, as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from pellucid import figures, tasks
from pellucid._core import Explanation, Subject, predict, short
from pellucid.errors import InputError
from pellucid.figures import picture, portion
from pellucid.figures._numbers import class_said
from pellucid.figures._parts import captions, in_order, target, verdict
from pellucid.inputs import TabularSpec
from pellucid.report._cases import MAPS, SPEAKS, card_html, evidence_html, sentences
from pellucid.report._chosen import case_of
from pellucid.report._dossier import Case
from pellucid.report._html import missing, paragraph
from pellucid.report._leaf import Part, leaf, told, written

RAISES = "Brown raises the answer, blue lowers it."
BARS = (
    "A line over the end of a bar reaches two standard errors either way; hollow bars failed their test. The "
    "control has the first one's numbers on columns drawn at random: what impresses there too means nothing."
)


def why_page(
    subject: Subject, explained: Sequence[Explanation], path: str | Path, *, row: int, place: int = 0
) -> Path:
    """Write explanations of one held-out row, side by side with their evidence, into one HTML file.

    Args:
        subject: the network.
        explained: from :func:`pellucid.explain_several`, of held-out rows.
        path: where to write; an earlier file stays until the new one is complete.
        row: number of the held-out row.
        place: which row of the explanations it is.

    Returns:
        The path.

    Raises:
        InputError: if there is no explanation, or no such row.
        StoreError: if the file cannot be written.

    Cost:
        One pass of the row.

    Example:
        >>> why_page.__name__
        'why_page'
    """
    held = tasks.held_out(subject.needs_data("why_page"))
    if not explained or not 0 <= row < len(held):
        raise InputError(
            f"Expected explanations of one of the held-out rows 0 to {len(held) - 1}; got "
            f"{len(explained)} of row {row}."
        )
    one = held.rows(torch.tensor([row]))
    outputs = predict(subject.model, one.inputs, spec=subject.spec)
    case = case_of(one, outputs, 0, "", place, list(explained))
    shown = in_order(case.explanations, 0)
    table = isinstance(subject.spec, TabularSpec)
    whole = picture(case.x, subject.spec).html(heading=False) if table else ""
    parts = (
        Part("why", "What speaks for it and against it", "why", _drawn(shown, subject)),
        Part("evidence", "May it be believed?", "evidence", _tested(shown)),
        Part("row", "The whole row", "the row", whole),
    )
    over = f"{subject.name} · held-out row {row}" + (f", {one.names[0]}" if one.names else "")
    made = shown[0].provenance
    facts = (f"network {short(made.model)}", f"inputs {short(made.inputs)}", f"seed {made.seed}")
    title = f"Why {' or '.join(dict.fromkeys(target(each, 0) for each in shown))}"
    return written(leaf(over, title, _lede(case), parts, notes=(), facts=facts), path)


def _lede(case: Case) -> str:
    """The answer beside the truth, then what the tests say."""
    if case.confidence is None:
        said = f"It answers {case.given}; the true answer is {case.true}."
    else:
        truth = "right" if case.given == case.true else f"wrong: the true answer is {class_said(case.true)}"
        sure = f"with a probability of {portion(case.confidence)}"
        said = f"It answers {class_said(case.given)} {sure}, which is {truth}."
    names = captions(case.explanations, 0)
    found = [f"{name} {verdict(each, 0)}" for name, each in zip(names, case.explanations, strict=True)]
    return f"{said} Tested: {', '.join(found)}." if any(each.cards for each in case.explanations) else said


def _drawn(shown: Sequence[Explanation], subject: Subject) -> str:
    """Side by side, with how to read it above and in words below."""
    colours = RAISES if subject.task == "regression" else SPEAKS
    how = f"{colours} {BARS if isinstance(subject.spec, TabularSpec) else MAPS}"
    return paragraph(how, css="soft") + figures.explanations(shown).html(heading=False) + sentences(shown)


def _tested(shown: Sequence[Explanation]) -> str:
    """All tests in one table where several explanations stand side by side, then each with its control."""
    if len(shown) == 1 and shown[0].cards:
        return card_html(shown[0].cards[0])
    cards = evidence_html(shown)
    return told(figures.tested(shown), heading=False) + cards if cards else missing("Evidence")
