"""Text from outside, before it is drawn or printed: what would steer a terminal or break a page is marked."""

from __future__ import annotations

import unicodedata
from html import escape

KEPT = "\n\t"
MARK = "\N{REPLACEMENT CHARACTER}"
HIDDEN = ("Cc", "Cs", "Cn")  # controls, halves of characters, characters that are none
TURNED = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # turn what follows around


def visible(text: str) -> str:
    """The text with each control character replaced by a mark; line ends and tabs stay.

    A class called ``"\\x1b[2J"`` would clear a terminal, and no SVG may hold it.

    Example:
        >>> visible("no\\x1b[2Jthing")
        'no\N{REPLACEMENT CHARACTER}[2Jthing'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in KEPT or not _hidden(c) else MARK for c in text)


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in HIDDEN or character in TURNED


def escaped(text: str) -> str:
    """The text for a page: control characters marked, and nothing in it is markup.

    Example:
        >>> escaped("<b>\\x1b")
        '&lt;b&gt;\N{REPLACEMENT CHARACTER}'
    """
    return escape(visible(text))
