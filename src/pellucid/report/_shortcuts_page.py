"""The search for shortcuts as a page of its own, or as a section of another."""

from __future__ import annotations

from pathlib import Path

from pellucid._core._store import write_bytes
from pellucid._visible import escaped as escape
from pellucid.evidence import Shortcuts
from pellucid.figures import figures_of
from pellucid.report._head import head

LIMITS = (
    "What this says: which of the parts that were tried decides alone, on these rows, when it is exchanged "
    "between rows with different answers. What it does not say: that the part should not decide, which a "
    "person who knows the subject has to judge; that there is no other shortcut; that the network is fair or "
    "safe."
)


def shortcuts_section(found: Shortcuts) -> str:
    """The figures of a search with their words, without a page around them."""
    drawn = figures_of(found)
    return "".join(
        f"<section><h2>{escape(each.title)}</h2><p>{escape(each.alt)}</p>{each.html(heading=False)}</section>"
        for each in drawn
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
    title = f"{name}: shortcuts" if name else "Shortcuts"
    foot = f'<p class="note">{escape(LIMITS)}</p><footer>Made by pellucid.</footer>'
    parts = shortcuts_section(found)
    body = f'<body><main class="page" id="main"><h1>{escape(title)}</h1>{parts}{foot}</main></body>'
    write_bytes(f'<!doctype html>\n<html lang="en">{head(title)}{body}</html>\n'.encode(), path)
    return Path(path)
