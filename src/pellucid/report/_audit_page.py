"""The audit as a page of its own."""

from __future__ import annotations

from pathlib import Path

from pellucid._core._store import write_bytes
from pellucid._visible import escaped as escape
from pellucid.evidence import Audit, Shortcuts
from pellucid.figures import figures_of
from pellucid.report._audit_section import LIMITS
from pellucid.report._head import head
from pellucid.report._shortcuts_page import shortcuts_section


def audit_page(found: Audit, path: str | Path, *, name: str = "", shortcuts: Shortcuts | None = None) -> Path:
    """Write an audit into one HTML file that needs no network and no JavaScript.

    Args:
        found: from :func:`pellucid.audit`.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.
        shortcuts: a search of the same network, shown behind the audit.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> audit_page.__name__
        'audit_page'
    """
    title = f"{name}: audit" if name else "Audit"
    parts = "".join(
        f"<section><p>{escape(each.alt)}</p>{each.html()}</section>" for each in figures_of(found)
    )
    refused = "".join(f"<li>{escape(method)}: {escape(why)}</li>" for method, why in found.refused.items())
    left = f"<section><h2>Not audited</h2><ul>{refused}</ul></section>" if refused else ""
    rows = ", ".join(map(str, found.sample.tolist()))
    unfolded = f"<summary>The {found.n} rows of the sample</summary><p>{escape(rows)}</p>"
    sample = f"<section><details>{unfolded}</details></section>"
    foot = f'<p class="note">{escape(LIMITS)}</p><footer>Made by pellucid.</footer>'
    searched = "" if shortcuts is None else f"<h2>Shortcuts</h2>{shortcuts_section(shortcuts)}"
    more = f"{sample}{searched}{foot}"
    main = f'<main class="page" id="main"><h1>{escape(title)}</h1>{parts}{left}{more}</main>'
    body = f"<body>{main}</body>"
    write_bytes(f'<!doctype html>\n<html lang="en">{head(title)}{body}</html>\n'.encode(), path)
    return Path(path)
