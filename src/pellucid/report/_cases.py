"""Single cases, method beside method, with the evidence for each."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid._core import Card, Explanation
from pellucid._visible import escaped as escape
from pellucid.figures import cards_html, counted, explanations, number, percent, picture, words
from pellucid.figures._parts import captions
from pellucid.figures._saliency import saliency
from pellucid.figures._words import picture_like
from pellucid.report._audit_section import audit_section
from pellucid.report._belief import best_method
from pellucid.report._dossier import Case, Detail, Dossier
from pellucid.report._front import belief_table, who
from pellucid.report._html import Piece, element, items, missing, paragraph, rows, unfold, word
from pellucid.report._leaks import shortcuts_html

SPEAKS = "Brown speaks for the answer, blue against it."
MAPS = (
    "The ends of each scale are printed below it. The control is the first map put at a random place: what "
    "impresses there too means nothing. A hatched map failed its test."
)


def cases(dossier: Dossier, detail: Detail) -> Piece:
    """Cases in the order of the rule that chose them."""
    if not dossier.cases:
        return Piece("cases", "Cases", missing("A set of single cases"))
    shown = dossier.cases[: detail.cases]
    best = best_method(dossier)
    drawn = "".join(_case(dossier, case, detail, best) for case in shown)
    cut = "" if len(shown) == len(dossier.cases) else ", the others left out to keep the file small"
    count = f"{len(shown)} of {counted(len(dossier.cases), 'case')} shown{cut}"
    told = f"{count}. Each names the rule that chose it."
    return Piece("cases", "Cases", paragraph(f"{told} {SPEAKS} {MAPS}", css="soft") + drawn)


def _case(dossier: Dossier, case: Case, detail: Detail, best: str) -> str:
    heading = f"<h3>{who(case, dossier)}</h3>{paragraph(f'Chosen as: {case.chosen}.', css='soft')}"
    if not case.explanations:
        shown = picture(case.x, dossier.spec, size=detail.tile).html(heading=False)
        return element("article", heading + shown + missing("An explanation"), css="one")
    if all(picture_like(each) for each in case.explanations):
        figure = saliency(case.explanations, limits="own", size=detail.tile)
    else:
        figure = explanations(case.explanations)
    order = sorted(case.explanations, key=lambda each: each.provenance.method.replace("_", " ") != best)
    row = "" if picture_like(case.explanations[0]) else _row(case, dossier)
    return element("article", heading + figure.html(heading=False) + _told(order) + row, css="one")


def _told(order: list[Explanation]) -> str:
    return sentences(order) + (evidence_html(order) or missing("Evidence for this case"))


def sentences(explained: Sequence[Explanation]) -> str:
    """What each says, in words."""
    return items(f"<b>{escape(_method(each))}</b>: {escape(words(each))}" for each in explained)


def _row(case: Case, dossier: Dossier) -> str:
    return unfold("The whole row", picture(case.x, dossier.spec).html(heading=False))


def evidence_html(explained: Sequence[Explanation]) -> str:
    """The cards of those that were tested, each behind its verdict."""
    return "".join(
        unfold(
            f"Evidence for {name}: {each.cards[0].verdict}",
            card_html(each.cards[0]),
        )
        for each, name in zip(explained, captions(explained, 0), strict=True)
        if each.cards
    )


def card_html(card: Card) -> str:
    """A verdict with its reason, and every test with its control."""
    return f"<p>{word(card.verdict)}. {escape(card.reason)}</p>{cards_html(card.checks)}"


def _method(explanation: Explanation) -> str:
    return explanation.provenance.method.replace("_", " ")


def trust(dossier: Dossier) -> Piece:
    """Methods by questions, failures first."""
    about = paragraph(
        "Each question is a test with a control that must not pass. A word sums up a test; the numbers are "
        "in each case. There is no overall score.",
        css="soft",
    )
    return Piece(
        "trust",
        "May the explanations be believed?",
        about
        + belief_table(dossier)
        + shortcuts_html(dossier.shortcuts)
        + audit_section(dossier.audit)
        + _survey(dossier),
    )


def _survey(dossier: Dossier) -> str:
    given = dossier.survey
    if given is None:
        return missing("The same test over many rows")
    body = [
        (
            escape(each.method.replace("_", " "))
            + (" <span class=soft>control</span>" if each.model_free else ""),
            "–"
            if each.model_free
            else f"{percent(each.share)} [{percent(each.low, 0)}, {percent(each.high, 0)}]",
            number(each.median),
            f"{each.rows:,}",
        )
        for each in sorted(given.methods, key=lambda each: (each.model_free, each.share))
    ]
    head = (
        "method",
        "supported [95 %]",
        "median agreement T",
        "network rows per input",
    )
    told = (
        f"{given.reason} Tested: {given.tested} of {given.n} rows react to the masks; {given.masks} masks, "
        f"fill {given.fill}, score {given.target}, untrained copies {given.twins}. "
        "Controls are maps made without looking at the network."
    )
    return f"<h3>The same test over many rows</h3>{paragraph(told)}" + rows(head, body, right=(2, 3))
