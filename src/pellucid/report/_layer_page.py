"""One layer as a page of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pellucid import figures
from pellucid.figures import Figure, counted, percent, portion, signed
from pellucid.report._html import element, paragraph, unfold
from pellucid.report._leaf import Part, few_words, leaf, told, written
from pellucid.tasks import DictionaryPage, LayerPage

DRAWN = 12


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
    return written(layer_html(page, name=name), path)


def layer_html(page: LayerPage, *, name: str = "") -> str:
    """The page as HTML."""
    facts = (f"{counted(len(page.real), 'held-out input')} of {page.real.name}", f"seed {page.seed}")
    title = f"{name}: {page.row.site}" if name else page.row.site
    lede = layer_words(page) + few_words(len(page.real))
    return leaf("One layer", title, lede, layer_parts(page), notes=page.notes, facts=facts)


def layer_parts(page: LayerPage) -> tuple[Part, ...]:
    """The page from top to bottom."""
    effects = None if page.effects is None else figures.effects(page.effects, page.real.classes)
    together = None if page.together is None else figures.co_activation(page.together)
    return (
        Part("is", "What it is", "what it is", _identity(page)),
        Part("health", "Health", "health", told(page.health(), heading=False)),
        Part("units", "Units", "units", units_html(page)),
        Part("effects", "What breaks without them", "effects", told(effects, heading=False) + told(together)),
        Part(
            "heads",
            "Its heads",
            "heads",
            "" if page.heads is None else told(page.heads_drawn(page.heads), heading=False),
        ),
        Part("space", "Its space", "space", _space(page)),
        Part("directions", "Directions", "directions", _directions(page)),
        Part("adds", "What this layer adds", "what it adds", _adds(page)),
    )


def layer_words(page: LayerPage) -> str:
    """What matters most about a layer, in two or three sentences."""
    row = page.row
    said = [f"A {row.kind} of {counted(row.units, 'unit')}, {percent(row.dead)} of them dead"]
    said[0] += f", that does {portion(row.share)} of the work." if row.share else "."
    if page.gain is not None:
        gain = page.gain
        ends = f"{signed(100 * gain.low, 2)} to {signed(100 * gain.high, 2)}"
        clear = gain.low > 0 or gain.high < 0
        moved = f"changes by {signed(100 * gain.gain, 2)} points ({ends})"
        said.append(
            f"What a linear probe reads off it {moved} against what enters it."
            if clear
            else f"A linear probe reads it no better and no worse than what enters it ({ends} points)."
        )
    if page.effects is not None:
        clear = int((page.effects.low > 0).sum())
        said.append(
            f"Of {counted(len(page.effects.units), 'unit')}, {clear or 'none'} "
            f"{'cost' if clear > 1 else 'costs'} accuracy when taken away alone "
            f"(about {len(page.effects.units) / 40:.0f} would by chance)."
        )
    return " ".join(said)


def units_html(page: LayerPage, *, drawn: int = DRAWN, rest: bool = True) -> str:
    """The grid of units; those after the first stand folded, and what is not drawn is counted."""
    first = page.grid(limit=drawn)
    more = ""
    looked = len(page.strongest.units)
    if first.chart is None and looked > drawn:
        body = first.table.rows
        first = replace(first, table=replace(first.table, rows=body[:drawn]))
        last = replace(first, table=replace(first.table, rows=body[drawn:]))
        more = unfold(f"The other {counted(looked - drawn, 'unit')}", last.html(heading=False))
    elif rest and looked > drawn:
        others = page.grid(limit=looked, first=drawn)
        title = f"The other {counted(looked - drawn, 'unit')} that were looked at"
        more = unfold(title, others.html(heading=False, table=False))
    return told(first, heading=False) + more


def _identity(page: LayerPage) -> str:
    facts = figures.layer_facts(page.row)
    strongest = page.strongest
    seen = figures.field_on_input(strongest, page.real)
    left = element("div", facts.html(heading=False))
    if seen is None:
        return left
    right = element("div", f"<h3>{seen.title}</h3>" + seen.html(heading=False, table=False))
    about = paragraph(f"Unit {int(strongest.units[0])}. {seen.alt}", css="note")
    return element("div", left + element("div", right + about), css="two")


def _space(page: LayerPage) -> str:
    alike = None if page.similarity is None else figures.similarity(page.similarity)
    read = None if page.probes is None else figures.probes(page.probes)
    place = None if page.space is None else figures.space_map(page.space, page.real)
    return told(place) + told(alike) + told(read)


def _directions(page: LayerPage) -> str:
    named = None if page.concepts is None else figures.concepts(page.concepts)
    if page.dictionary is not None:
        return told(named) + dictionary_html(page.dictionary)
    asked = (
        "No dictionary was asked for. <code>--dictionary&nbsp;topk</code> (or batchtopk, jumprelu, nmf) "
        "learns one beside one of the network with shuffled weights"
    )
    concepts = "<code>--concepts&nbsp;SETS</code> <code>--target&nbsp;CLASS</code> tests named concepts here"
    asked += "." if named is not None else f"; {concepts}."
    return told(named) + element("p", asked, css="none")


def dictionary_html(page: DictionaryPage) -> str:
    """What a dictionary keeps beside its control, and its elements as units."""
    kept, elements = page.figures()
    return told(kept) + told(elements) + "".join(paragraph(note, css="note") for note in page.notes)


def _adds(page: LayerPage) -> str:
    gain = None if page.gain is None else figures.layer_gain(page.gain, page.real)
    early: Figure | None = None if page.early is None else figures.early_exits(page.early)
    return told(gain, heading=False) + told(early)
