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
    notes: Sequence[str] = (),
    facts: Sequence[str] = (),
) -> Path:
    """Write figures, one below the other, into one HTML file that needs no network and no JavaScript.

    Args:
        drawn: from top to bottom; what the last one says stands on top.
        path: where to write; an earlier file stays until the new one is complete.
        over: a line above the title: the network and the layer.
        title: what the page is about.
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
    parts = [
        Part(f"part-{i}", each.title, each.title, told(each, heading=False, words=i < len(drawn) - 1))
        for i, each in enumerate(drawn)
    ]
    lede = drawn[-1].alt if drawn else ""
    return written(leaf(over, title, lede, parts, notes=notes, facts=facts), path)
