"""One unit as a page: what ``pellucid features --unit`` and ``pellucid layer --element`` have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from pellucid.cli._places import PAGE
from pellucid.cli._say import document, narrate, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pellucid._core import Json
    from pellucid.figures import Figure
    from pellucid.tasks import UnitPage


def page_of_unit(
    page: UnitPage,
    inputs: Mapping[str, Json],
    out: Path | None,
    svg: Path | None,
    name: str,
    began: float,
    seed: int,
    *,
    as_json: bool,
) -> None:
    """A unit on the terminal or as JSON, and where it is asked for as a page or as drawings."""
    from pellucid import figures
    from pellucid.report import unit_page

    drawn = page.figures()
    write_drawings(drawn, svg)
    if out is not None:
        unit_page(page, out, name=name)
        narrate(f"Page written to {out}")
    command = "layer" if page.dictionary is not None else "features"
    tell_page(command, inputs, page, drawn, began, seed, as_json=as_json)
    if page.matters is not None and not as_json:
        show(figures.text(page.matters))


def tell_page(
    command: str,
    inputs: Mapping[str, Json],
    found: object,
    drawn: Sequence[Figure],
    began: float,
    seed: int,
    *,
    as_json: bool,
) -> None:
    """What was found, as one JSON document or figure by figure on the terminal."""
    from pellucid import figures

    if as_json:
        document(command, dict(inputs), found, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in drawn:
        show(figures.text(each))


def write_page(
    drawn: Sequence[Figure],
    out: Path | None,
    main: Figure,
    *,
    over: str,
    title: str,
    facts: Sequence[str],
) -> None:
    """The whole page into an .html, or its main figure into a .png, .svg or .pdf."""
    from pellucid.report import inside_page

    if out is None:
        return
    if is_page(out):
        inside_page(drawn, out, over=over, title=title, main=main, facts=facts)
        narrate(f"Page written to {out}")
    else:
        main.save(out)
        narrate(f"Figure written to {out}")


def is_page(out: Path | None) -> TypeGuard[Path]:
    """Whether a page is asked for, by the ending."""
    return out is not None and out.suffix.lower() in PAGE


def write_drawings(drawn: Sequence[Figure], folder: Path | None) -> None:
    """Every figure of a page as an SVG of its own, numbered in the order of the page."""
    if folder is None:
        return
    from pellucid.figures import counted, save_all

    narrate(f"{counted(len(save_all(drawn, folder)), 'drawing')} written to {folder}")
