"""Small pieces of HTML; everything that comes from outside is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pellucid._visible import escaped as escape
from pellucid.figures import look
from pellucid.figures._figure import roomy


class Piece(NamedTuple):
    """One part of a dossier: its anchor, its heading, ready HTML."""

    anchor: str
    title: str
    content: str


def element(tag: str, content: str, *, css: str = "") -> str:
    """An element around ready HTML."""
    return f"<{tag}{f' class={chr(34)}{css}{chr(34)}' if css else ''}>{content}</{tag}>"


def paragraph(words: str, *, css: str = "") -> str:
    """A paragraph of plain words."""
    return element("p", escape(words), css=css)


def missing(what: str) -> str:
    """The line that stands where a part was not computed."""
    return paragraph(f"{what} was not computed for this dossier.", css="none")


def items(lines: Iterable[str], *, css: str = "") -> str:
    """A list of ready HTML lines."""
    return element("ul", "".join(f"<li>{line}</li>" for line in lines), css=css)


def rows(
    head: Sequence[str], body: Iterable[Sequence[str]], *, caption: str = "", right: Sequence[int] = ()
) -> str:
    """A table of ready HTML cells; ``right`` names columns of numbers."""

    def cell(tag: str, i: int, content: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        room = f' style="{style}"' if (style := roomy(_plain(content))) else ""
        return f"<{tag}{scope}{' class=r' if i in right else ''}{room}>{content}</{tag}>"

    # a column without a name has no heading
    top = "".join(cell("th" if name else "td", i, escape(name)) for i, name in enumerate(head))
    top = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    lines = "".join(f"<tr>{''.join(cell('td', i, c) for i, c in enumerate(line))}</tr>" for line in body)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    table = f'<table class="plain">{title}{top}<tbody>{lines}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _plain(content: str) -> str:
    """What of a cell is read."""
    return re.sub("<[^>]*>", "", content)


def mark(word: str) -> str:
    """The shape that goes with a word of evidence: full, half, hollow or dash."""
    shown = look(word)
    ring = f'<circle cx="6" cy="6" r="5" fill="none" stroke="{shown.colour}" stroke-width="1.6"/>'
    inside = {
        "full": f'<circle cx="6" cy="6" r="5.6" fill="{shown.colour}"/>',
        "half": f'{ring}<path d="M6 1a5 5 0 0 0 0 10z" fill="{shown.colour}"/>',
        "hollow": ring,
        "dash": f'<path d="M1 6h10" stroke="{shown.colour}" stroke-width="2"/>',
    }[shown.shape]
    return f'<svg class="mark" viewBox="0 0 12 12" aria-hidden="true">{inside}</svg>'


def word(name: str) -> str:
    """A word of evidence with its shape."""
    return f'<span class="w">{mark(name)}{escape(name)}</span>'


def section(anchor: str, title: str, content: str, *, far: bool = False) -> str:
    """A part of the page under its heading; ``far`` ones are drawn when they come near."""
    css = "part far" if far else "part"
    heading = f'<h2 id="{anchor}-title">{escape(title)}</h2>'
    return (
        f'<section class="{css}" id="{anchor}" aria-labelledby="{anchor}-title">{heading}{content}</section>'
    )


def unfold(summary: str, content: str) -> str:
    """Content behind a heading to open."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"
