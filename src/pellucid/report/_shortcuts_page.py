"""The search for shortcuts as a page of its own, or as parts of another."""

from __future__ import annotations

from pathlib import Path

from pellucid.evidence import Shortcuts
from pellucid.figures import counted, figures_of, percent
from pellucid.report._html import paragraph
from pellucid.report._leaf import Part, figure_part, leaf, written

LIMITS = (
    "What this says: which of the parts that were tried decides alone, on these rows, when it is exchanged "
    "between rows with different answers. What it does not say: that the part should not decide, which a "
    "person who knows the subject has to judge; that there is no other shortcut; that the network is fair or "
    "safe."
)


def shortcuts_page(found: Shortcuts, path: str | Path, *, name: str = "") -> Path:
    """Write a search for shortcuts into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.shortcuts`.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> shortcuts_page.__name__
        'shortcuts_page'
    """
    parts = [
        *shortcuts_parts(found, led=True),
        Part("limits", "What this says, and what not", "limits", paragraph(LIMITS)),
    ]
    lede = f"{figures_of(found)[0].alt} Answers are right on {percent(found.accuracy.value)} of these rows."
    facts = [counted(found.n, "held-out row"), f"seed {found.seed}"]
    return written(leaf(name or "A network", "Shortcuts", lede, parts, notes=(), facts=facts), path)


def shortcuts_parts(found: Shortcuts, *, led: bool = False) -> list[Part]:
    """The figures of a search, each a part under its heading; ``led`` where the first leads the page."""
    return [
        figure_part(each, f"shortcuts-{i}", words=i > 0 or not led)
        for i, each in enumerate(figures_of(found))
    ]
