"""How to make it again, and what the words mean."""

from __future__ import annotations

from pellucid._visible import escaped as escape
from pellucid.figures import number
from pellucid.report._dossier import Dossier
from pellucid.report._html import Piece, element, items, paragraph, rows
from pellucid.report._law import law_index

TERMS = (
    ("held-out row", "A row the network has not learned from; all scores rest on such rows."),
    (
        "95 % interval",
        "In 95 of 100 repetitions with new rows, an interval made like this holds the true value.",
    ),
    ("trivial answer", "What one gets without a network: always the commonest class, or always the mean."),
    (
        "attribution map",
        "One number per part of the input: brown raises the explained score, blue lowers it.",
    ),
    (
        "score, logit",
        "The network's raw output before it is turned into a probability; maps are in its unit.",
    ),
    ("gap", "What is left when all parts of a map are added up and compared with the score; 0 is complete."),
    (
        "control",
        "The same measurement where there is nothing to find; a result counts by its distance to it.",
    ),
    ("untrained copy", "The same network with fresh weights: what it shows too is not learned."),
    ("effective rank", "How many directions a layer really uses, from 1 to the number of its units."),
    ("dead unit", "A unit that gives the same output whatever the input."),
    ("saturated", "Output at the flat end of its activation function, where nothing more can be learned."),
    (
        "reached ÷ largest real",
        "How far a made input excites a unit, compared with the strongest real input.",
    ),
    ("fidelity", "How often rules say what the network says on held-out rows; not how often they are right."),
    ("supported", "All tests that apply to this explanation were passed."),
    (
        "passed · mixed · failed · not run",
        "The four words of a test, each with its shape: full, half, hollow, dash.",
    ),
)


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


def glossary() -> Piece:
    """What the words mean, one line each."""
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in TERMS)
    return Piece("glossary", "How to read this", element("dl", terms, css="terms"))


def _seconds(value: float) -> str:
    return f"{number(value)} s" if value >= 0.01 else "under 0.01 s"
