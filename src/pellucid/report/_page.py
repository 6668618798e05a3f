"""The whole page."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.errors import StoreError
from pellucid.report._cases import cases, trust
from pellucid.report._dossier import DETAILS, Detail, Dossier
from pellucid.report._front import front, strip
from pellucid.report._head import head
from pellucid.report._machine import script
from pellucid.report._parts import data, inside, performance, purpose, rules, training, uses
from pellucid.report._rebuild import glossary, rebuild

BUDGET = 5_000_000
CONTENTS = (
    ("performance", "how well"),
    ("cases", "cases"),
    ("trust", "trust"),
    ("uses", "what it uses"),
    ("inside", "inside"),
    ("rules", "rules"),
    ("training", "training"),
    ("data", "data"),
    ("purpose", "purpose"),
    ("rebuild", "rebuild"),
    ("glossary", "how to read"),
)


def render(dossier: Dossier, *, budget: int = BUDGET, details: Sequence[Detail] = DETAILS) -> str:
    """The dossier as one HTML page that needs no network, no script and no other file.

    Where it would be larger than the budget it is drawn again with smaller pictures and fewer of them; the
    page says what it shows of how many.

    Args:
        dossier: what to tell.
        budget: most bytes.
        details: how much is drawn, the fullest first; the first that fits is taken.

    Returns:
        The page.

    Raises:
        StoreError: if even the smallest drawing exceeds the budget.

    Example:
        >>> "was not computed" in render(Dossier("net", "regression"))
        True
    """
    least = 0
    for detail in details:
        page = _page(dossier, detail)
        least = len(page.encode())
        if least <= budget:
            return page
    raise StoreError(
        f"The dossier of {dossier.name} takes {least / 1e6:.1f} MB at its smallest, the budget is "
        f"{budget / 1e6:.1f} MB. Give fewer cases or layers, or a larger budget."
    )


def _page(dossier: Dossier, detail: Detail) -> str:
    links = "".join(f'<li><a href="#{anchor}">{name}</a></li>' for anchor, name in CONTENTS)
    parts = [
        strip(dossier),
        front(dossier),
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>',
        performance(dossier),
        cases(dossier, detail),
        trust(dossier),
        uses(dossier),
        inside(dossier, detail),
        rules(dossier),
        training(dossier),
        data(dossier),
        purpose(dossier),
        rebuild(dossier),
        glossary(),
    ]
    foot = "<footer>Made by pellucid. Its numbers are also in the JSON document at its end.</footer>"
    main = f'<main class="page" id="main">{"".join(parts)}{foot}</main>'
    body = f'<body><a class="skip" href="#main">Skip to the content</a>{main}{script(dossier)}</body>'
    return f'<!doctype html>\n<html lang="en">{head(f"{dossier.name} · dossier")}{body}</html>\n'
