"""The network beside simple models, as a part of the dossier."""

from __future__ import annotations

from pellucid._visible import escaped as escape
from pellucid.figures import number, percent
from pellucid.report._dossier import Dossier
from pellucid.report._html import Piece, missing, paragraph, rows, word
from pellucid.tasks import Challenged, Challenger

# what the standing of a simple model says of the network
WORDS = {"better": "failed", "as good": "mixed", "not told apart": "mixed", "worse": "passed"}


def simple(dossier: Dossier) -> Piece:
    """Linear model, shallow tree and readable networks on the same rows."""
    title, found = "Against a simple model", dossier.simple
    if found is None:
        return Piece("simple", title, missing("A comparison with simple models"))
    body = [
        ("this network", f"{found.parameters:,} weights", _score(found, found.score), "", ""),
        *(_line(found, each) for each in found.table),
    ]
    head = ("who answers", "to read", found.metric, "less the network [95 %]", "")
    left = "".join(paragraph(f"Left out: {name}: {why}", css="note") for name, why in found.refused.items())
    note = (
        f"Learned from {found.learned:,} rows and scored on the same {found.n:,} held-out rows; "
        f"up to {_score(found, found.margin)} less counts as as good. {' '.join(found.notes)}"
    )
    table = rows(head, body, right=(1,)) + paragraph(note.strip(), css="note") + left
    plain = "A model that people can read whole needs no explanation. " if found.simplest else ""
    return Piece("simple", title, paragraph(plain + found.sentence) + table)


def _line(found: Challenged, each: Challenger) -> tuple[str, ...]:
    value, low, high = (_apart(found, end) for end in (each.score.value, each.score.low, each.score.high))
    return (
        escape(each.name),
        escape(f"{each.size:,} {each.counts}"),
        _score(found, each.score.b),
        f"{value} [{low}, {high}]",
        f'{word(WORDS[each.standing])} <span class="soft">the simple model is {each.standing}</span>',
    )


def _score(found: Challenged, value: float) -> str:
    return percent(value) if found.metric == "accuracy" else number(value)


def _apart(found: Challenged, value: float) -> str:
    said = f"{100 * value:+.1f} points" if found.metric == "accuracy" else f"{value:+.3g}"
    return said.replace("-", "−")


def simple_words(found: Challenged) -> tuple[str, str]:
    """The comparison as a word of evidence for the network, and one short sentence."""
    best = found.simplest or next((each for each in found.table if each.standing == "not told apart"), None)
    if not found.table or best is None:
        return ("passed" if found.table else "not run"), found.sentence
    said = {
        "better": "A simple model is better",
        "as good": "A simple model is as good",
        "not told apart": "A simple model may be as good",
    }[best.standing]
    scores = f"{found.metric} {_score(found, best.score.b)} against {_score(found, found.score)}"
    text = f"{said}: {best.name}, {best.size:,} {best.counts}, {scores} of the network on {found.n:,} rows."
    return WORDS[best.standing], text
