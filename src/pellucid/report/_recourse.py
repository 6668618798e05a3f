"""What would have to be different in single cases, as a page and as a section of the dossier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from pellucid import figures
from pellucid._visible import escaped as escape
from pellucid.figures import counted, percent, portion
from pellucid.report._html import items, paragraph, unfold
from pellucid.report._leaf import Part, leaf, told, written
from pellucid.rules import Counterfactuals
from pellucid.tasks import Decision

LIMITS = (
    "It says what the network would answer to another row, not what a change would cause.",
    "Only stated links between columns are kept; columns that nobody called immutable count as free.",
    "The search does not try every row there is: a smaller change may exist.",
)


def recourse_page(
    found: Counterfactuals, path: str | Path, *, name: str = "", rows: Sequence[int] = ()
) -> Path:
    """Write what would have to be different into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.counterfactual`.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.
        rows: numbers of the held-out rows that were asked about.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> recourse_page.__name__
        'recourse_page'
    """
    numbers = list(rows) or [case.number for case in found]
    parts = [
        Part(f"row-{number}", f"Row {number}: {case.answer}", f"row {number}", recourse_html(found, row=i))
        for i, (number, case) in enumerate(zip(numbers, found, strict=True))
    ]
    parts.append(Part("rules", "What may change", "what may change", _constraints(found)))
    facts = (f"{counted(found.n_real, 'real row')} say what is ordinary", f"seed {found.seed}")
    html = leaf(name, "What would have to be different", _lede(found), parts, notes=(), facts=facts)
    return written(html, path)


def recourse_html(found: Counterfactuals, *, row: int = 0) -> str:
    """One case as a piece of a page: the ways to another answer, what it could bear, the row itself."""
    case = found[row]
    even = figures.semifactual(found, row=row)
    whole = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(str('missing' if value is None else value))}</td></tr>"
        for name, value in case.row.items()
    )
    table = f'<div class="scroll" tabindex="0"><table class="plain">{whole}</table></div>'
    return (
        told(figures.counterfactual(found, row=row))
        + told(even)
        + unfold(f"The row as it is ({counted(len(case.row), 'column')})", table)
    )


def _lede(found: Counterfactuals) -> str:
    if len(found) == 1:
        return figures.counterfactual_words(found)
    reached = sum(bool(case.found) for case in found)
    rows = counted(len(found), "row")
    return f"{reached} of {rows} can reach the answer that is wished for by an allowed change."


def _constraints(found: Counterfactuals) -> str:
    said = found.constraints.words()
    rules = items(map(escape, said)) if said else paragraph("Nothing was said: every column counts as free.")
    return rules + "<h3>What this does not say</h3>" + items(map(escape, LIMITS))


def decision_figures(found: Decision) -> list[figures.Figure]:
    """All figures of one decision, in the order of the page."""
    return [figure for part in _drawn(found) for figure in part[1]]


def decision_html(found: Decision) -> str:
    """One decision as a section of a page: each part in words, with its picture and its test."""
    return "".join(
        f"<h3>{escape(title)}</h3>" + "".join(told(figure, heading=False) for figure in drawn)
        for title, drawn in _drawn(found)
        if drawn
    )


def decision_page(found: Decision, path: str | Path) -> Path:
    """Write the walk through one decision into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.tasks.decision`.
        path: where to write; an earlier file stays until the new one is complete.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> decision_page.__name__
        'decision_page'
    """
    parts = [
        Part(f"part-{i}", title, title.lower(), "".join(told(each, heading=i == 2) for each in drawn))
        for i, (title, drawn) in enumerate(_drawn(found))
        if drawn
    ]
    parts.append(Part("limits", "What this does not say", "limits", items(map(escape, LIMITS))))
    over = f"{found.name} · {found.row}"
    page = leaf(over, _answer(found), _walk(found), parts, notes=found.notes, facts=())
    return written(page, path)


def _drawn(found: Decision) -> list[tuple[str, list[figures.Figure]]]:
    reasons = [] if found.reasons is None else [figures.reason_codes(found.reasons)]
    held = [] if found.anchor is None else [figures.anchor(found.anchor)]
    recourse: list[figures.Figure] = []
    if found.recourse is not None:
        even = figures.semifactual(found.recourse)
        recourse = [figures.counterfactual(found.recourse), *([] if even is None else [even])]
    near = [] if found.near is None else [figures.nearest(found.near, found.data)]
    return [
        ("Why: principal reasons", reasons),
        ("What holds it", held),
        ("What would change it", recourse),
        ("Its like among real rows", near),
    ]


def _answer(found: Decision) -> str:
    if found.recourse is not None:
        case = found.recourse[0]
        return f"{case.answer} ({portion(case.value, 0)} sure)" if found.recourse.classes else case.answer
    return found.anchor.answer if found.anchor is not None else "One decision"


def _walk(found: Decision) -> str:
    """The shortest account, each claim with its number; the pictures and tests stand below."""
    said: list[str] = []
    if found.reasons is not None and found.reasons.reasons:
        first = found.reasons.reasons[0]
        held = (
            "" if first.named is None else f" (named by {first.named} of {found.reasons.refits} refits too)"
        )
        said.append(f"First reason: {first.column}{held}.")
    if found.recourse is not None:
        case = found.recourse[0]
        if case.found:
            best = case.found[0]
            held = "" if best.holds is None else f", and {best.holds} of {case.refits} refits agree"
            said.append(f"It would be {best.answer} with {best}{held}.")
        else:
            said.append(f"No allowed change gives {case.wanted}.")
    if found.anchor is not None and found.anchor.reached:
        # a bound is rounded down: 99.7 % is not all
        least = math.floor(1000 * found.anchor.precision_low + 1e-9) / 1000
        said.append(f"The anchor below holds it in at least {percent(least)} of draws.")
    return " ".join(said)
