"""The page's way to a file."""

from __future__ import annotations

from pathlib import Path

from pellucid._core._store import write_bytes
from pellucid.report._dossier import Dossier
from pellucid.report._page import BUDGET, render


def write(dossier: Dossier, path: str | Path, *, budget: int = BUDGET, most: int | None = None) -> Path:
    """Render and write; an earlier file stays as it was until the new one is complete.

    Args:
        dossier: what to tell.
        path: where to write.
        budget: bytes to stay within.
        most: bytes never exceeded, where the smallest drawing is over the budget; left out, the budget.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written or exceeds what is allowed.

    Example:
        >>> import tempfile
        >>> write(Dossier("net", "regression"), Path(tempfile.mkdtemp()) / "net.html").name
        'net.html'
    """
    write_bytes(render(dossier, budget=budget, most=most).encode(), path)
    return Path(path)
