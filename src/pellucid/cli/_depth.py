"""``pellucid layers RUN --hierarchy --trace 3``: what builds up from layer to layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli._say import narrate

if TYPE_CHECKING:
    from pellucid._core import Subject
    from pellucid.layers import Hierarchy, LayerSummary, TracedExample


def write_depth(
    subject: Subject,
    summary: LayerSummary,
    depth: Hierarchy | None,
    way: TracedExample | None,
    out: Path | None,
    svg: Path | None,
    *,
    quiet: bool = False,
) -> None:
    """Figures into one page or a folder, and as text to the terminal where it is not to be ``quiet``."""
    from pellucid import figures, tasks
    from pellucid.cli._say import show
    from pellucid.cli._unit import write_drawings
    from pellucid.report import depth_page

    drawn = list(figures.layer_strips(summary))
    found, strips = [figures.layer_words(summary)], len(drawn)
    if depth is not None:
        drawn.append(figures.hierarchy(depth))
        found = [drawn[-1].alt]
    if way is not None:
        held = tasks.held_out(subject.needs_data("trace"))
        drawn.append(figures.traced(way, held))
        found = [figures.carried(way, held)]
    if out is not None:
        depth_page(drawn, out, name=subject.name, lede=" ".join(found))
        narrate(f"Page written to {out}")
    write_drawings(drawn, svg)
    if quiet:
        return
    show(figures.text(summary))
    for each in drawn[strips:]:
        show(figures.text(each))
