"""``pellucid layers RUN --hierarchy --trace 3``: what builds up from layer to layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli._arguments import parts_of
from pellucid.cli._say import narrate, progress
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Subject
    from pellucid.cli._given import GivenData
    from pellucid.layers import Hierarchy, LayerSummary, TracedExample


def more_of_depth(
    subject: Subject,
    given: GivenData,
    *,
    curves: bool,
    beside: str | None,
    row: int | None,
    swap: bool,
    rows: int,
    batch_size: int,
    seed: int,
    quiet: bool,
) -> tuple[Hierarchy | None, TracedExample | None]:
    """The curves and the trace, where they were asked for."""
    from pellucid import tasks

    if beside is not None and not curves:
        raise InputError("--beside names other seeds for the curves: say --hierarchy as well.")
    if swap and row is None:
        raise InputError(
            "--swap says what stands in the place of a unit in a trace: say --trace ROW as well."
        )
    depth = way = None
    if curves:
        others = [given.subject(name) for name in parts_of(beside)]
        with progress("hierarchy", quiet=quiet, batch_size=batch_size, seed=seed) as compute:
            depth = tasks.hierarchy(subject, others, rows=rows, compute=compute)
    if row is not None:
        with progress("trace", quiet=quiet, batch_size=batch_size, seed=seed) as compute:
            way = tasks.trace(subject, row, instead="swap" if swap else "mean", rows=rows, compute=compute)
    return depth, way


def write_depth(
    subject: Subject,
    summary: LayerSummary,
    depth: Hierarchy | None,
    way: TracedExample | None,
    out: Path | None,
    svg: Path | None,
) -> None:
    """Figures into one page or a folder, and as text to the terminal."""
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
    show(figures.text(summary))
    for each in drawn[strips:]:
        show(figures.text(each))
