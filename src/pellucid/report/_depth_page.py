"""The layers of a network as a page: their table, what builds up between them, one input's way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid._core._store import write_bytes
from pellucid._visible import escaped as escape
from pellucid.figures import Figure
from pellucid.report._head import head
from pellucid.report._leaf import told


def depth_page(drawn: Sequence[Figure], path: str | Path, *, name: str = "") -> Path:
    """Write figures about all layers into one HTML file that needs no network and no JavaScript.

    Args:
        drawn: figures from top to bottom.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> depth_page.__name__
        'depth_page'
    """
    title = f"{name}: layer by layer" if name else "Layer by layer"
    parts = "".join(f"<section>{told(each)}</section>" for each in drawn)
    foot = "<footer>Made by pellucid.</footer>"
    body = f'<body><main class="page" id="main"><h1>{escape(title)}</h1>{parts}{foot}</main></body>'
    write_bytes(f'<!doctype html>\n<html lang="en">{head(title)}{body}</html>\n'.encode(), path)
    return Path(path)
