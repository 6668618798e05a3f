"""``pellucid compare A B``: what differs between two networks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import NETWORK, AsJson, BatchSize, Drawings, Estimated, Seed, parts_of
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import page_of_figures
from pellucid.cli._say import document, estimating, narrate, progress, show, tell_estimate


def compare(
    a: Annotated[str, typer.Argument(help=f"{NETWORK}.", metavar="A")],
    b: Annotated[str, typer.Argument(help="Another that takes the same inputs.", metavar="B")],
    method: Annotated[
        str | None, typer.Option(help="Attribution method; left out, the first that fits both.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Most rows that are explained.")] = 64,
    beside: Annotated[
        str | None,
        typer.Option(help="Runs of A from other seeds, with commas: what they differ by is the noise floor."),
    ] = None,
    given: GivenData = NO_DATA,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the page to this .html, for a browser.", metavar="FILE", callback=page_of_figures
        ),
    ] = None,
    svg: Drawings = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """What differs between two networks.

    Who is right where, the same answers for different reasons, layers, rules that only one follows, and how
    far each one's explanations may be believed: on held-out rows that neither learned from.

    pellucid compare runs/old runs/new --out compare.html
    """
    from pellucid import figures, tasks
    from pellucid.cli._unit import write_drawings

    began = time.perf_counter()
    one, other = (given.subject(name) for name in (a, b))
    others = [given.subject(name) for name in parts_of(beside)]
    about = {"a": a, "b": b, "method": method, "rows": rows, "beside": beside, "data": given.data}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_compare(one, other, method=method, rows=rows, beside=others, compute=how)
        tell_estimate("compare", dict(about), plan, began, seed, as_json=as_json)
        return
    with progress("compare", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.compare(one, other, method=method, rows=rows, beside=others, compute=compute)
    if out is not None:
        from pellucid.report import compare_page

        compare_page(found, out)
        narrate(f"Page written to {out}")
    drawn = figures.figures_of(found)
    write_drawings(drawn, svg)
    if as_json:
        document("compare", dict(about), found, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in drawn:
        show(figures.text(each))
