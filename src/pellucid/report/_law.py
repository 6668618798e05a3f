"""Headings of regulations, and where the page has facts for them; kept as dated data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TypedDict, cast

from pellucid._visible import escaped as escape
from pellucid.report._html import paragraph, rows, unfold


class Heading(TypedDict):
    """A heading of a text, and parts of the page that hold facts for it."""

    heading: str
    where: list[str]


class Text(TypedDict):
    """A text with its headings."""

    name: str
    status: str
    items: list[Heading]


class Law(TypedDict):
    """All texts, and when they were read."""

    read_on: str
    text: list[Text]


@cache
def law() -> Law:
    """The data file.

    Example:
        >>> len(law()["text"]) > 3
        True
    """
    told = files("pellucid.report").joinpath("_law.toml").read_text(encoding="utf-8")
    return cast("Law", cast("object", tomllib.loads(told)))


def law_index(names: dict[str, str]) -> str:
    """Text by text, heading by heading: where the facts are; ``names`` are the parts of the page."""
    found = law()
    about = paragraph(
        f"An index for readers who answer to a regulation, as read on {found['read_on']}. It says where this "
        "page has facts, not that a duty is met; dates of duties move.",
        css="soft",
    )
    return about + "".join(
        unfold(
            text["name"],
            paragraph(text["status"], css="soft")
            + rows(("heading", "facts in this page"), [_row(item, names) for item in text["items"]]),
        )
        for text in found["text"]
    )


def _row(item: Heading, names: dict[str, str]) -> tuple[str, str]:
    links = ", ".join(f'<a href="#{place}">{escape(names[place])}</a>' for place in item["where"])
    return escape(item["heading"]), links or '<span class="none">only the owner can tell</span>'
