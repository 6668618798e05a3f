"""The layers of a network as a page: their table, what builds up between them, one input's way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid.figures import Figure
from pellucid.report._leaf import figure_part, leaf, written

MANY = 3  # figures that a page draws at once


def depth_page(drawn: Sequence[Figure], path: str | Path, *, name: str = "", lede: str = "") -> Path:
    """Write figures about all layers into one HTML file that needs no network and no JavaScript.

    Args:
        drawn: figures from top to bottom.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.
        lede: what was found, in a sentence or two; left out, what the page is.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> depth_page.__name__
        'depth_page'
    """
    parts = [
        figure_part(each, f"figure-{i}", words=each.alt != lede, far=len(drawn) > MANY and i > 1)
        for i, each in enumerate(drawn)
    ]
    about = lede or "What each layer holds, what builds up between them, and where it comes from."
    return written(leaf(name or "A network", "Layer by layer", about, parts, notes=(), facts=()), path)
