"""The network beside simple models, as a part of the dossier."""

from __future__ import annotations

from pellucid._visible import escaped as escape
from pellucid.figures import number
from pellucid.report._dossier import Dossier
from pellucid.report._findings import score, scores
from pellucid.report._html import Piece, missing, paragraph, rows, word
from pellucid.tasks import SimpleModel

SAID = {
    "passed": "the network is better",
    "mixed": "no difference is shown",
    "failed": "the network is worse",
}


def simple(dossier: Dossier) -> Piece:
    """Linear model, shallow tree and rules on the same rows."""
    title, found = "Against a simple model", dossier.simple
    if found is None:
        return Piece("simple", title, missing("A comparison with simple models"))
    body = [
        ("this network", f"{found.parameters:,} numbers", score(dossier, found.network), "", ""),
        *(_line(dossier, model) for model in found.models),
    ]
    table = rows(
        ("who answers", "to read", f"{found.metric} [95 %]", "the network's lead [95 %]", ""),
        body,
        right=(1,),
    )
    note = (
        f"Learned from {found.learned:,} training rows, scored on the same {found.n:,} held-out rows; they "
        f"see {found.sees}, with settings nobody chose. The lead is taken row by row. {' '.join(found.notes)}"
    )
    return Piece("simple", title, paragraph(_told(dossier)) + table + paragraph(note.strip(), css="note"))


def _line(dossier: Dossier, model: SimpleModel) -> tuple[str, ...]:
    said = f'{word(model.word)} <span class="soft">{SAID[model.word]}</span>'
    return (
        escape(model.name),
        escape(model.size),
        scores(dossier, model.value, model.low, model.high),
        lead(dossier, model),
        said,
    )


def lead(dossier: Dossier, model: SimpleModel) -> str:
    """The network's lead in points or R², signed, with its interval."""
    ends = (model.lead, model.lead_low, model.lead_high)
    if dossier.task == "regression":
        value, low, high = (number(end, 2) for end in ends)
        return f"{value} [{low}, {high}]"
    value, low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in ends)
    return f"{value} points [{low}, {high}]"


def _told(dossier: Dossier) -> str:
    assert dossier.simple is not None
    worse = [m.name for m in dossier.simple.models if m.word == "failed"]
    even = [m.name for m in dossier.simple.models if m.word == "mixed"]
    if worse:
        return f"Less does better here: {', '.join(worse)}. Nothing that was measured speaks for the network."
    if even:
        return (
            f"Less does as well here, as far as {dossier.simple.n:,} rows can show: {', '.join(even)}. "
            "A model that people can read whole needs no explanation."
        )
    return "The network answers better than each simple model that was tried, beyond chance."


def simple_words(dossier: Dossier) -> tuple[str, str]:
    """The comparison as a word and a sentence; the simple model that comes closest is named."""
    assert dossier.simple is not None
    if not dossier.simple.models:
        return "not run", "No simple model could be learned beside the network."
    near = min(dossier.simple.models, key=lambda model: model.lead)
    beside = f"{near.name}, {near.size}: {dossier.simple.metric} {score(dossier, near.value)} against "
    beside += f"{score(dossier, dossier.simple.network)}; lead of the network {lead(dossier, near)}"
    begin = {
        "passed": "No simple model that was tried does as well; nearest",
        "mixed": "A simple model does as well, as far as these rows show",
        "failed": "A simple model does better",
    }[near.word]
    return near.word, f"{begin}: {beside}."
