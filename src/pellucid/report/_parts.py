"""The parts after the first page: data, performance, training, layers, rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pellucid._core import PARTS, Dataset
from pellucid._visible import escaped as escape
from pellucid.figures import (
    Figure,
    confusion,
    counted,
    exemplars,
    feature_tiles,
    fidelity_words,
    figures_of,
    importance,
    layer_strip,
    number,
    partial_dependence,
    percent,
    picture,
    picture_trust,
    rules_table,
    share_interval,
    training_curves,
    training_health,
    tree,
)
from pellucid.figures._features import best_first, chosen
from pellucid.figures._pixels import is_picture, png, seen, sheet
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.report._card import ASKED, BLANK
from pellucid.report._certain import certainty_html, numbers_html
from pellucid.report._dossier import Detail, Dossier
from pellucid.report._findings import score, scores
from pellucid.report._html import Piece, element, items, missing, paragraph, rows, unfold
from pellucid.report._layer_page import layer_parts, layer_words, units_html
from pellucid.report._leaks import copies_html
from pellucid.report._slices import part_score, slices, whole_score

if TYPE_CHECKING:
    from pellucid.rules import RuleSet
    from pellucid.tasks import FeaturePage

MOSAIC, TEXTS, WORST = 32, 8, 12
LAYERS = 40  # of a deep network that are drawn
OPEN = 6  # units that stand open, the others folded

MOST_CLASSES = 50  # above which confusions are not drawn, and classes without rows not listed


def purpose(dossier: Dossier) -> Piece:
    """What the author says; blanks are named as blanks."""
    card = dossier.card
    said = {name: getattr(card, name) for name, _, _ in ASKED}
    said |= {"purpose": card.purpose or dossier.purpose, "limits": dossier.said_limits}
    told = "".join(f"<dt>{escape(title)}</dt><dd>{_said(said[name])}</dd>" for name, title, _ in ASKED)
    count = f"{card.stated} of {len(ASKED)} fields of the card are stated by the author."
    how = "" if card.stated else " pellucid report --card-template writes one to fill in."
    return Piece(
        "purpose", "Purpose and limits", f'<dl class="terms">{told}</dl>{paragraph(count + how, css="note")}'
    )


def _said(text: str | tuple[str, ...]) -> str:
    if not text:
        return f'<span class="none">{BLANK}</span>'
    return escape(text) if isinstance(text, str) else items(map(escape, text))


def data(dossier: Dossier) -> Piece:
    """What the network learned from and was tested on."""
    given = dossier.data
    if given is None:
        return Piece("data", "Data", missing("A description of the data"))
    facts = [
        ("name", given.name),
        ("rows", f"{len(given):,} (" + ", ".join(_parts(given)) + ")"),
        ("source", given.source or "not stated"),
        ("answer", f"{given.answer}{f' in {given.unit}' if given.unit else ''}"),
        ("input", _shape(given)),
    ]
    about = rows(("", ""), [(escape(name), escape(text)) for name, text in facts])
    notes = (
        items(escape(note) for note in given.notes)
        if given.notes
        else paragraph("Nothing was imputed or left out.")
    )
    copies = copies_html(dossier.shortcuts)
    changed = f"<h3>What was changed while reading</h3>{notes}"
    content = about + copies + _balance(given) + changed + _examples(given)
    return Piece("data", "Data", content)


def _shape(given: Dataset) -> str:
    """How large one input is."""
    sides = " × ".join(f"{side:,}" for side in given.inputs.shape[1:])
    kinds = ((TextSpec, "tokens"), (TabularSpec, "numbers"))
    return f"{sides} {next((word for kind, word in kinds if isinstance(given.spec, kind)), '')}".rstrip()


def _parts(given: Dataset) -> list[str]:
    counts = torch.bincount(given.parts.long(), minlength=len(PARTS)).tolist()
    return [f"{name} {count:,}" for name, count in zip(PARTS, counts, strict=False)]


def _balance(given: Dataset) -> str:
    if not given.classes:
        low, high = float(given.answers.min()), float(given.answers.max())
        return paragraph(
            f"{given.answer} runs from {number(low)} to {number(high)} {given.unit}".strip() + "."
        )
    counts = torch.bincount(given.answers.long(), minlength=len(given.classes)).tolist()
    many = len(given.classes) > MOST_CLASSES
    body = [
        (escape(n), f"{c:,}", percent(c / max(1, len(given))))
        for n, c in zip(given.classes, counts, strict=True)
        if c or not many
    ]
    return "<h3>How often each answer comes</h3>" + rows((given.answer, "rows", "share"), body, right=(1, 2))


def _examples(given: Dataset) -> str:
    n = min(MOSAIC, len(given))
    index = torch.linspace(0, len(given) - 1, n).long()
    said = f"{n} of {len(given):,} shown, evenly spaced."
    if not n:
        return ""
    if is_picture(given.inputs[:1], given.spec):
        tiles = [seen(given.inputs[i], given.spec) for i in index.tolist()]
        alt = f"{n} example inputs."
        mosaic = Figure(
            "Examples",
            alt,
            None,
            png(sheet(tiles, 56, columns=16)),
            picture(given.inputs[0], given.spec).table,
        )
        return "<h3>Examples</h3>" + mosaic.html(heading=False, table=False) + paragraph(said, css="note")
    if isinstance(given.spec, TextSpec):
        few = index[:: max(1, n // TEXTS)][:TEXTS].tolist()
        body = [(escape(_true(given, i)), escape(given.spec.text(given.inputs[i]))) for i in few]
        said = f"{len(few)} of {len(given):,} shown, evenly spaced, as the network reads them."
        return "<h3>Examples</h3>" + rows((given.answer, "text"), body) + paragraph(said, css="note")
    first = picture(given.inputs[int(index[0])], given.spec)
    return unfold(f"One row of {len(given):,} as people read it", first.html(heading=False))


def _true(given: Dataset, row: int) -> str:
    answer = given.answers[row]
    return given.classes[int(answer)] if given.classes else number(float(answer))


def performance(dossier: Dossier) -> Piece:
    """How well it answers, beside a trivial answer, and where it does not."""
    given = dossier.performance
    if given is None:
        return Piece("performance", "How well it answers", missing("The score on held-out rows"))
    kind = "Wilson" if dossier.task == "classification" else "bootstrap over rows"
    body = [
        ("this network", scores(dossier, given.value, given.low, given.high), f"{given.n:,}"),
        (escape(given.baseline_name), score(dossier, given.baseline), f"{given.n:,}"),
    ]
    table = rows(("who answers", f"{given.metric} [95 %, {kind}]", "held-out rows"), body, right=(2,))
    error = (
        ""
        if given.error is None
        else paragraph(f"Typical error: {number(given.error)} {dossier.unit}".strip() + ".")
    )
    drawn = ""
    if given.confusion is not None and len(dossier.classes) > MOST_CLASSES:
        drawn = paragraph(f"{len(dossier.classes):,} classes are too many for a table of confusions.")
    elif given.confusion is not None and dossier.classes:
        drawn = "<h3>Which answers are confused</h3>" + confusion(given.confusion, dossier.classes).html(
            heading=False
        )
    sure = (
        certainty_html(dossier.certainty)
        if dossier.classes
        else numbers_html(dossier.numbers, unit=dossier.unit)
    )
    return Piece("performance", "How well it answers", table + error + sure + _all_slices(dossier) + drawn)


def _all_slices(dossier: Dossier) -> str:
    found = slices(dossier)
    if not found:
        return ""
    body = [(escape(p.name), escape(part_score(dossier, p)), f"{p.n:,}") for p in found]
    head = ("part", f"{found[0].metric} [95 %]", "rows")
    shown = rows(head, body[:WORST], right=(2,))
    if len(body) > WORST:
        rest = rows(head, body[WORST:], right=(2,))
        shown += unfold(f"The other {len(body) - WORST} of {len(body)} parts", rest)
    among, answers = max((p.among for p in dossier.slices), default=0), len(found) - len(dossier.slices)
    kinds = [f"the {among} parts by column"] * (among > 1) + [f"the {answers} answers"] * (answers > 1)
    note = ""
    if kinds:
        also = "".join(f", and so do those of {kind}" for kind in kinds[1:])
        few = " Parts by column of fewer than 20 rows are left out." if among else ""
        note = paragraph(
            f"{len(body)} of {len(body)} parts shown; as a whole {whole_score(dossier, found[0])}. "
            f"Intervals of {kinds[0]} hold together at 95 %{also}, so that one bad part in so many is not "
            f"chance.{few}",
            css="note",
        )
    return "<h3>Part by part, worst first</h3>" + shown + note


def training(dossier: Dossier) -> Piece:
    """How it came to be what it is."""
    if dossier.record is None:
        return Piece("training", "How it was trained", missing("A record of the training"))
    record = dossier.record
    told = ", ".join(
        f"{name} {value}" for name, value in record.options.items() if not isinstance(value, dict | list)
    )
    curves, health = training_curves(record), training_health(record)
    about = paragraph(f"{curves.alt} {record.parameters:,} numbers learned.")
    settings = unfold("Settings", paragraph(told)) if told else ""
    inside = f"<h3>Layer by layer</h3>{paragraph(health.alt, css='soft')}{health.html(heading=False)}"
    return Piece("training", "How it was trained", about + curves.html(heading=False) + inside + settings)


def inside(dossier: Dossier, detail: Detail) -> Piece:
    """What the layers are like and what their units respond to."""
    strip = missing("A summary of the layers")
    if dossier.layers is not None:
        figure = layer_strip(dossier.layers, most=LAYERS)
        strip = paragraph(figure.alt) + element("div", figure.html(heading=False), css="wide")
    shown = dossier.pages[: detail.pages]
    told = ""
    if len(shown) < len(dossier.pages):
        count = f"{len(shown)} of {counted(len(dossier.pages), 'layer')} shown"
        told = paragraph(f"{count}, the others left out to keep the file small.", css="note")
    pages = "".join(_page(page, detail) for page in shown) or missing("What units respond to")
    return Piece("inside", "Inside the network", strip + pages + told + _whole(dossier, detail))


def _whole(dossier: Dossier, detail: Detail) -> str:
    """Everything about some layers, part by part to unfold; the units stand open."""
    shown = dossier.looked[: detail.pages]
    articles: list[str] = []
    for page in shown:
        head = f"<h3>Everything about {escape(page.row.site)}</h3>{paragraph(layer_words(page))}"
        units = units_html(page, drawn=detail.units, rest=False)
        rest = "".join(
            unfold(p.title, p.content) for p in layer_parts(page) if p.content and p.anchor != "units"
        )
        notes = "".join(paragraph(note, css="note") for note in page.notes)
        articles.append(f'<article class="one">{head}{units}{rest}{notes}</article>')
    left = len(dossier.looked) - len(shown)
    said = (
        paragraph(f"{counted(left, 'layer')} more left out to keep the file small.", css="note")
        if left
        else ""
    )
    return "".join(articles) + said


def _page(page: FeaturePage, detail: Detail) -> str:
    best = best_first(page.pictures)
    made = feature_tiles(best, page.exemplars, page.real, limit=OPEN, k=detail.exemplars)
    left = min(detail.units, len(best.units)) - OPEN
    others = ""
    if left > 0:
        rest = chosen(best, range(OPEN, OPEN + left))
        drawn = feature_tiles(rest, page.exemplars, page.real, limit=left, k=detail.exemplars)
        others = unfold(f"{left} more, less sure ones last", drawn.html(heading=False, table=False))
    heading = f"<h3>What units of {escape(page.pictures.site)} respond to</h3>"
    table = ""
    if page.exemplars is not None and page.real is not None:
        real = exemplars(page.exemplars, page.real, limit=detail.units)
        table = unfold("The real inputs, in numbers", real.html(heading=False)) if real.chart is None else ""
    trust = ""
    if page.pictures.trust is not None:
        measures = picture_trust(page.pictures)
        trust = paragraph(measures.alt) + unfold(
            "How far to trust these pictures", measures.html(heading=False)
        )
    return heading + paragraph(made.alt) + made.html(heading=False) + others + trust + table


def uses(dossier: Dossier) -> Piece:
    """What the network uses over many rows of a table."""
    if dossier.spec is not None and not isinstance(dossier.spec, TabularSpec):
        told = "A single place means little over many inputs like these, so this part is for tables."
        return Piece("uses", "What it uses", paragraph(told, css="soft"))
    if dossier.importance is None:
        return Piece("uses", "What it uses", missing("The importance of each column"))
    drawn = importance(dossier.importance)
    about = paragraph(
        f"{drawn.alt} It is what the network does with a column, not what the column does in the world; "
        "columns that can stand in for each other both look unimportant.",
        css="soft",
    )
    about += paragraph(dossier.importance.note, css="note") if dossier.importance.note else ""
    curves = "".join(
        f"<h3>{escape(figure.title)}</h3>{paragraph(figure.alt)}{figure.html(heading=False)}"
        for figure in map(partial_dependence, dossier.dependence)
    )
    return Piece("uses", "What it uses", about + drawn.html(heading=False) + curves)


def _beyond_test(dossier: Dossier, given: RuleSet) -> str:
    """What held-out means where it is more than the rows that the network's own score rests on."""
    tested = 0 if dossier.data is None else len(dossier.data.part("test"))
    return "Held-out rows of rules are the validation and the test rows." if 0 < tested < given.n_test else ""


def rules(dossier: Dossier) -> Piece:
    """The rules, with what they leave unsaid."""
    given = dossier.rules
    own = "".join(figure.html() for value in dossier.own.values() for figure in figures_of(value))
    if own:
        about = (
            "This network can be read: what follows is what it computes, and how far that may be believed."
        )
        own = f"<h3>The network itself</h3>{paragraph(about)}{own}<h3>A stand-in that copies its answers</h3>"
    if given is None:
        return Piece("rules", "Rules", own + missing("A set of rules"))
    kind = "variance of its answers told" if dossier.task == "regression" else "agree with the network"
    body = [
        ("the rules", f"{percent(given.fidelity)} {share_interval(given.fidelity_low, given.fidelity_high)}"),
        ("control: a tree of that size that never saw the network", percent(given.null_fidelity)),
        ("control: always the commonest answer", percent(given.majority)),
        ("share of rows that a rule speaks for", percent(given.coverage)),
        ("the rules' own score against the true answers", score(dossier, given.accuracy)),
        ("the network's score on the same rows", score(dossier, given.network_accuracy)),
    ]
    table = rows(("what", f"{kind}, held-out [95 %]"), body)
    drawn = f"<h3>The rules, largest first</h3>{rules_table(given).html(heading=False)}"
    said = " ".join(part for part in (given.note, _beyond_test(dossier, given)) if part)
    note = paragraph(said, css="note") if said else ""
    whole = tree(given)
    branching = (
        f"<h3>As a tree</h3>{whole.html(heading=False, table=False)}" if whole.chart is not None else ""
    )
    body_html = paragraph(fidelity_words(given)) + table + note + drawn + branching
    return Piece("rules", "Rules", own + body_html)
