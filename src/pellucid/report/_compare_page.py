"""Two networks held against each other, as a page of its own."""

from __future__ import annotations

from pathlib import Path

from pellucid._visible import escaped as escape
from pellucid.figures import Figure, figures_of
from pellucid.report._html import items
from pellucid.report._leaf import Part, leaf, told, written
from pellucid.tasks import Comparison

CASE = "Row "  # how titles of single cases begin
SHORT = {
    "Who is right where": ("answers", "answers"),
    "Where they differ": ("slices", "slices"),
    "Same answer, same reason?": ("reasons", "reasons"),
    "How far each may be believed": ("belief", "evidence"),
    "Do their layers see alike?": ("layers", "layers"),
    "Rules that only one follows": ("rules", "rules"),
}
LIMITS = (
    "Held-out rows that neither network learned from. Maps say what their method sees; rules are those of "
    "small trees that copy the networks; CKA can be moved by a few rows. None of it says which network "
    "is the better one to use."
)


def compare_page(found: Comparison, path: str | Path) -> Path:
    """Write a comparison into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.compare`.
        path: where to write; an earlier file stays until the new one is complete.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> compare_page.__name__
        'compare_page'
    """
    drawn = {figure.title: figure for figure in figures_of(found)}
    cases = [figure for title, figure in drawn.items() if title.startswith(CASE)]
    parts: list[Part] = []
    for title, (anchor, short) in SHORT.items():
        figure = drawn.get(title)
        if figure is None:
            continue
        # the lede says what the first figure does
        content = told(figure, heading=False, words=anchor != "answers")
        if anchor == "reasons":
            content += "".join(_case(each) for each in cases)
        parts.append(Part(anchor, title, short, content))
    parts.append(Part("limits", "What this cannot tell", "limits", items([escape(LIMITS)])))
    lede = drawn["Who is right where"].alt
    facts = [f"{found.n:,} rows", f"seed {found.seed}"]
    over = f"{found.a} and {found.b}"
    return written(leaf(over, "What differs", lede, parts, notes=found.notes, facts=facts), path)


def _case(figure: Figure) -> str:
    return told(figure, words=False)
