"""One layer as a page of its own."""

from __future__ import annotations

from html import escape
from pathlib import Path

from pellucid._core._store import write_bytes
from pellucid.report._page import head
from pellucid.tasks import LayerPage


def layer_page(page: LayerPage, path: str | Path, *, name: str = "") -> Path:
    """Write everything about one layer into one HTML file that needs no network and no JavaScript.

    Args:
        page: from :func:`pellucid.layer`.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> layer_page.__name__
        'layer_page'
    """
    title = f"{name}: {page.row.site}" if name else page.row.site
    drawn = page.figures()
    parts = "".join(f"<section><p>{escape(each.alt)}</p>{each.html()}</section>" for each in drawn)
    foot = "<footer>Made by pellucid.</footer>"
    body = f'<body><main class="page" id="main"><h1>{escape(title)}</h1>{parts}{foot}</main></body>'
    write_bytes(f'<!doctype html>\n<html lang="en">{head(title)}{body}</html>\n'.encode(), path)
    return Path(path)
