"""What would have to be different in single cases, as a page and as a section of the dossier."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from pellucid import figures
from pellucid.figures import counted
from pellucid.report._html import items, paragraph, unfold
from pellucid.report._leaf import Part, leaf, told, written
from pellucid.rules import Counterfactuals

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
    table = f'<div class="scroll"><table class="plain">{whole}</table></div>'
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
