"""How to make it again."""

from __future__ import annotations

from pellucid._visible import escaped as escape
from pellucid.figures import number
from pellucid.report._dossier import Dossier
from pellucid.report._html import Piece, items, paragraph, rows
from pellucid.report._law import law_index


def rebuild(dossier: Dossier, names: dict[str, str]) -> Piece:
    """Fingerprints, versions, command, timings."""
    origin = dossier.origin
    command = (
        f"<pre tabindex=0><code>{escape(origin.command)}</code></pre>"
        if origin.command
        else paragraph("No command was given.")
    )
    facts = [
        ("network, SHA-256", f"<code>{escape(origin.model or 'not taken')}</code>"),
        ("data, SHA-256", f"<code>{escape(origin.data or 'not taken')}</code>"),
        ("seed", "–" if origin.seed is None else str(origin.seed)),
        *((escape(name), escape(version)) for name, version in origin.versions.items()),
    ]
    spent = [(escape(step), _seconds(seconds)) for step, seconds in dossier.timings.items()]
    timings = (
        rows(("step", "time"), spent, right=(1,))
        if spent
        else paragraph("Timings were not kept.", css="none")
    )
    notes = items(escape(note) for note in dossier.notes) if dossier.notes else ""
    content = (
        command
        + rows(("", ""), facts)
        + f"<h3>Time spent</h3>{timings}"
        + (f"<h3>Notes</h3>{notes}" if notes else "")
        + f"<h3>Where regulations look</h3>{law_index(names)}"
    )
    return Piece("rebuild", "How to make it again", content)


def _seconds(value: float) -> str:
    return f"{number(value)} s" if value >= 0.01 else "under 0.01 s"
