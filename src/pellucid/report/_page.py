"""The whole page."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid._visible import escaped as escape
from pellucid.errors import StoreError
from pellucid.report._beside import simple
from pellucid.report._cases import cases, trust
from pellucid.report._dossier import DETAILS, Detail, Dossier
from pellucid.report._findings import Finding, findings
from pellucid.report._front import front, strip
from pellucid.report._head import head
from pellucid.report._html import Piece
from pellucid.report._machine import script
from pellucid.report._parts import data, inside, performance, purpose, rules, training, uses
from pellucid.report._readers import fold, lead, reader_style, switch, troubles
from pellucid.report._rebuild import rebuild
from pellucid.report._terms import glossary
from pellucid.report._whatif import whatif

BUDGET, MOST = 5_000_000, 15_000_000
CONTENTS = (
    ("2", "purpose", "purpose"),
    ("3", "data", "data"),
    ("4", "performance", "how well"),
    ("5", "inside", "inside"),
    ("5 a", "uses", "what it uses"),
    ("5 b", "training", "training"),
    ("6", "cases", "cases"),
    ("7", "rules", "rules"),
    ("8", "whatif", "what if"),
    ("9", "trust", "trust"),
    ("10", "simple", "simple models"),
    ("11", "rebuild", "rebuild"),
    ("12", "glossary", "how to read"),
)
NAMES = {anchor: name for _, anchor, name in CONTENTS}


def render(
    dossier: Dossier, *, budget: int = BUDGET, most: int | None = None, details: Sequence[Detail] = DETAILS
) -> str:
    """The dossier as one HTML page that needs no network, no script and no other file.

    Where it would be larger than the budget it is drawn again with smaller pictures and fewer of them; the
    page says what it shows of how many.

    Args:
        dossier: what to tell.
        budget: bytes to stay within.
        most: bytes that are never exceeded, where even the smallest drawing is over the budget; left out,
            the budget.
        details: how much is drawn, the fullest first; the first that fits is taken.

    Returns:
        The page.

    Raises:
        StoreError: if even the smallest drawing exceeds ``most``.

    Example:
        >>> "was not computed" in render(Dossier("net", "regression"))
        True
    """
    least, page = 0, ""
    for detail in details:
        page = _page(dossier, detail)
        least = len(page.encode())
        if least <= budget:
            return page
    if most is not None and least <= most:
        return page
    raise StoreError(
        f"The dossier of {dossier.name} takes {least / 1e6:.1f} MB at its smallest, the budget is "
        f"{max(budget, most or 0) / 1e6:.1f} MB. Give fewer cases or layers, or a larger budget."
    )


def _page(dossier: Dossier, detail: Detail) -> str:
    top = front(dossier)
    pieces = [
        purpose(dossier),
        data(dossier),
        performance(dossier),
        inside(dossier, detail),
        uses(dossier),
        training(dossier),
        cases(dossier, detail),
        rules(dossier),
        whatif(dossier),
        trust(dossier),
        simple(dossier),
        rebuild(dossier, NAMES),
    ]
    pieces.append(glossary(top + "".join(piece.content for piece in pieces)))
    found = findings(dossier)
    links = "".join(f'<li><a href="#{anchor}">{name}</a></li>' for _, anchor, name in CONTENTS)
    parts = [
        strip(dossier),
        top,
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>',
        switch(dossier.reader, NAMES),
        *(_part(number, piece, found) for (number, _, _), piece in zip(CONTENTS, pieces, strict=True)),
    ]
    foot = "<footer>Made by pellucid. Its numbers are also in the JSON document at its end.</footer>"
    main = f'<main class="page" id="main">{"".join(parts)}{foot}</main>'
    body = f'<body><a class="skip" href="#main">Skip to the content</a>{main}{script(dossier)}</body>'
    start = head(f"{dossier.name} · dossier", reader_style(tuple(NAMES)))
    return f'<!doctype html>\n<html lang="en">{start}{body}</html>\n'


def _part(number: str, piece: Piece, found: tuple[Finding, ...]) -> str:
    """A part under its heading: what failed in it first, whoever reads, then what may be folded."""
    name = piece.anchor
    heading = f'<h2 id="{name}-title"><span class="no">{number}</span> {escape(piece.title)}</h2>'
    return (
        f'<section class="part" id="{name}" aria-labelledby="{name}-title">{heading}{lead(name)}'
        f'{troubles(found, name)}{fold(name, piece.title)}<div class="body">{piece.content}</div></section>'
    )
