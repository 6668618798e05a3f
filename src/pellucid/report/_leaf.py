"""A page about one part of a network: a layer, a unit, a dictionary."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pellucid._core._store import write_bytes
from pellucid._version import __version__
from pellucid._visible import escaped as escape
from pellucid.figures import Figure
from pellucid.report._head import head
from pellucid.report._html import paragraph, section, unfold
from pellucid.report._terms import glossary

FEW = 30  # inputs below which the page says so on top
SHORT = 48  # letters of an entry of the contents


@dataclass(frozen=True, slots=True)
class Part:
    """One part of such a page: an anchor, a heading, a short name for the contents, ready HTML.

    A page of many parts is quicker where those that are ``far`` are drawn when they come near.
    """

    anchor: str
    title: str
    short: str
    content: str
    far: bool = False


def leaf(
    over: str, title: str, lede: str, parts: Sequence[Part], *, notes: Sequence[str], facts: Sequence[str]
) -> str:
    """The whole page as HTML; parts without content are left out, notes say why.

    Args:
        over: a line above the title: the network and the layer.
        title: what the page is about.
        lede: what matters most, in a sentence or two.
        parts: from top to bottom.
        notes: what could not be computed, and why.
        facts: for the foot: how many inputs, which seed.

    Returns:
        HTML that needs no network and no script; its last part says what the words on it mean.
    """
    shown = [part for part in parts if part.content]
    words = glossary(lede + "".join(part.content for part in shown))
    if words.content:
        shown.append(Part(words.anchor, words.title, "how to read", words.content))
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.short)}</a></li>' for part in shown)
    body = "".join(section(part.anchor, part.title, part.content, far=part.far) for part in shown)
    left = (
        unfold(f"What could not be computed ({len(notes)})", "".join(map(paragraph, notes))) if notes else ""
    )
    made = [
        *facts,
        f"pellucid {__version__}",
        f"torch {torch.__version__}",
        f"Python {platform.python_version()}",
    ]
    foot = f"<footer>{left}<p>Made by pellucid. {escape(' · '.join(made))}</p></footer>"
    top = f'<p class="soft over">{escape(over)}</p><h1>{escape(title)}</h1><p class="lede">{escape(lede)}</p>'
    nav = f'<nav aria-label="Contents"><ul>{links}</ul></nav>'
    main = f'<main class="page" id="main">{top}{nav}{body}{foot}</main>'
    page = f'<body><a class="skip" href="#main">Skip to the content</a>{main}</body>'
    return f'<!doctype html>\n<html lang="en">{head(f"{over} · {title}")}{page}</html>\n'


def figure_part(
    figure: Figure, anchor: str, *, words: bool = True, short: str = "", far: bool = False
) -> Part:
    """A figure as a part of the page, under its title."""
    if not short:
        cut = figure.title.partition(":")[0].partition(",")[0]
        short = figure.title if len(figure.title) <= SHORT else cut
    return Part(anchor, figure.title, short, told(figure, heading=False, words=words), far)


def few_words(n: int) -> str:
    """A warning where numbers rest on few inputs; nothing where they do not."""
    return f" Only {n} held-out inputs were looked at: every number here is rough." if n < FEW else ""


def told(figure: Figure | None, *, heading: bool = True, words: bool = True) -> str:
    """A figure under what it says in words; nothing where there is none."""
    if figure is None:
        return ""
    title = f"<h3>{escape(figure.title)}</h3>" if heading and figure.title else ""
    return title + (paragraph(figure.alt) if words else "") + figure.html(heading=False)


def written(html: str, path: str | Path) -> Path:
    """Write a page; an earlier file stays until the new one is complete."""
    write_bytes(html.encode(), path)
    return Path(path)
