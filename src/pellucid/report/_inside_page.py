"""Figures about the inside of a network as a page of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid.figures import Figure
from pellucid.report._leaf import Part, leaf, told, written


def inside_page(
    drawn: Sequence[Figure],
    path: str | Path,
    *,
    over: str,
    title: str,
    main: Figure | None = None,
    notes: Sequence[str] = (),
    facts: Sequence[str] = (),
) -> Path:
    """Write figures, one below the other, into one HTML file that needs no network and no JavaScript.

    Args:
        drawn: from top to bottom.
        path: where to write; an earlier file stays until the new one is complete.
        over: a line above the title: the network and the layer.
        title: what the page is about.
        main: whose words stand on top; ``None`` for the last one.
        notes: what could not be computed.
        facts: for the foot.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> inside_page.__name__
        'inside_page'
    """
    first = main or (drawn[-1] if drawn else None)
    parts = [
        Part(f"part-{i}", each.title, each.title, told(each, heading=False, words=each is not first))
        for i, each in enumerate(drawn)
    ]
    return written(leaf(over, title, first.alt if first else "", parts, notes=notes, facts=facts), path)
