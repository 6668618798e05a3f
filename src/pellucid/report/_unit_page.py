"""One unit, or one element of a dictionary, as a page of its own."""

from __future__ import annotations

from pathlib import Path

from pellucid import figures
from pellucid.figures import cards_html, counted
from pellucid.figures._numbers import class_said
from pellucid.inputs import AudioSpec, TextSpec
from pellucid.report._html import element, paragraph, word
from pellucid.report._leaf import Part, few_words, leaf, told, written
from pellucid.tasks import UnitPage


def unit_page(page: UnitPage, path: str | Path, *, name: str = "") -> Path:
    """Write everything about one unit into one HTML file that needs no network and no JavaScript.

    Args:
        page: from :func:`pellucid.unit_of`.
        path: where to write; an earlier file stays until the new one is complete.
        name: of the network.

    Returns:
        The path.

    Raises:
        StoreError: if the file cannot be written.

    Example:
        >>> unit_page.__name__
        'unit_page'
    """
    return written(unit_html(page, name=name), path)


def unit_html(page: UnitPage, *, name: str = "") -> str:
    """The page as HTML."""
    called = "Element" if page.dictionary is not None else "Unit"
    over = " · ".join(part for part in (name, page.site, _of(page)) if part)
    parts = (
        Part("dictionary", "The dictionary", "dictionary", _dictionary(page)),
        Part("real", "Real inputs that move it", "real inputs", _real(page)),
        Part("made", "Inputs made to move it", "made inputs", _made(page)),
        Part("classes", "Which classes it tells", "classes", _classes(page)),
        Part("effect", "What breaks without it", "effect", _effect(page)),
        Part("together", f"{called}s that go with it", "companions", _together(page)),
    )
    facts = (f"{counted(len(page.real), 'held-out input')} of {page.real.name}", f"seed {page.seed}")
    title = f"{called} {page.unit}"
    lede = _lede(page) + few_words(len(page.real))
    return leaf(over, title, lede, parts, notes=page.notes, facts=facts)


def _of(page: UnitPage) -> str:
    if page.dictionary is None:
        return f"{page.total} units"
    return f"{page.dictionary.kind} dictionary of {page.total} elements"


def _lede(page: UnitPage) -> str:
    said: list[str] = []
    if not page.moved:
        gives = figures.number(float(page.values.values[0, 0]))
        said.append(f"No real input moves it: it gives {gives} for all {len(page.real):,}.")
    elif page.areas is not None:
        best = int(page.areas.auc.argmax())
        known = class_said(page.group_names[int(page.areas.classes[best])])
        area = f"AUC {figures.number(float(page.areas.auc[best]))}"
        sure = bool(page.areas.above_chance[best])
        said.append(
            f"It tells {known} best ({area}" if sure else f"It tells no class for certain ({area}, {known}"
        )
        before = None if page.untrained_areas is None else float(page.untrained_areas.auc.max())
        said[-1] += f"; best of an untrained copy {figures.number(before)})" if before is not None else ")"
        beaten = before is not None and sure and float(page.areas.low[best]) <= before
        said[-1] += ": not clearly better than the untrained copy." if beaten else "."
    if page.effects is not None:
        low, high = float(page.effects.low[0]), float(page.effects.high[0])
        ends = f"{figures.percent(low)} to {figures.percent(high)}"
        drop = float(page.effects.drop[0])
        moved = f"Without it accuracy {'falls' if drop > 0 else 'rises'} by {figures.percent(abs(drop))}"
        none = f"No loss of accuracy without it is shown ({ends}){_lead(page)}."
        said.append(f"{moved} (loss {ends})." if low > 0 or high < 0 else none)
    if page.pictures is not None:
        said.append(f"The made input {_trust(page.pictures.words[0])}.")
    return " ".join(said) or f"It was looked at over {counted(len(page.real), 'input')}."


def _lead(page: UnitPage) -> str:
    """What a loss too small to change answers does to the lead of the right one."""
    shown = page.matters
    if shown is None or shown.word == "failed":
        return ""
    return f", but the right answer's lead falls by {figures.number(shown.value)} {shown.unit}"


def _trust(name: str) -> str:
    said = {
        "weak": "is weakly supported",
        "did not start": "is missing: no start moved it",
        "not better than an untrained network": "tells no more than one made for an untrained network",
    }
    return said.get(name, f"is {name}")


def _dictionary(page: UnitPage) -> str:
    return "" if page.dictionary is None else told(figures.dictionary(page.dictionary), heading=False)


def _real(page: UnitPage) -> str:
    seen = figures.unit_inputs(page.strongest, page.middle, page.real, name=page.name)
    whole = figures.field_on_input(page.strongest, page.real) if page.moved else None
    return told(seen, heading=False) + told(whole)


def _made(page: UnitPage) -> str:
    made = page.pictures
    if made is None:
        return ""
    drawn = figures.feature_tiles(made, page.strongest, page.real, k=3, width=420)
    starts = made.pictures.shape[1]
    kind, place = "picture", " on the left, the strongest real inputs beside them"
    if isinstance(made.spec, TextSpec | AudioSpec):
        kind = "text" if isinstance(made.spec, TextSpec) else "sound"
        place = " on top, the strongest real inputs below them"
    elif page.real.inputs.ndim == 2:
        kind, place = "row", "; their mean is shown"
    about = f"Synthetic: {counted(starts, kind)} from as many random starts (seed {page.seed}){place}. "
    trust = element("p", f"How far to trust it: {word(made.words[0])}")
    measures = "" if made.trust is None else told(figures.picture_trust(made))
    return paragraph(about, css="soft") + trust + drawn.html(heading=False) + measures


def _classes(page: UnitPage) -> str:
    if page.areas is None or not page.moved:
        return ""
    values = page.values.values[:, 0]
    drawn = figures.unit_classes(
        values, page.groups, page.group_names, page.areas, page.untrained_areas, name=page.name
    )
    return told(drawn, heading=False)


def _effect(page: UnitPage) -> str:
    if page.effects is None:
        return ""
    drawn = figures.unit_effect(page.effects, page.real.classes, name=page.name)
    cards = "" if page.matters is None else cards_html([page.matters])
    return told(drawn, heading=False) + cards


def _together(page: UnitPage) -> str:
    if page.together is None or not page.moved:
        return ""
    return told(
        figures.co_activation(page.together, page.companions, page.real, unit=page.unit), heading=False
    )
