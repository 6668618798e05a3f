"""``pellucid layers``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Drawings, Model, Seed, Weights
from pellucid.cli._depth import more_of_depth, write_depth
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._say import document, progress


def layers(
    model: Model,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    rows: Annotated[int, typer.Option(help="Most held-out rows to look at.")] = 512,
    hierarchy: Annotated[
        bool, typer.Option("--hierarchy", help="What builds up by depth, beside three untrained copies.")
    ] = False,
    beside: Annotated[
        str | None,
        typer.Option(help="Runs of other seeds, for three trained ones: RUN2,RUN3.", metavar="RUNS"),
    ] = None,
    trace: Annotated[
        int | None,
        typer.Option(
            help="Follow this held-out row from input to answer, every effect measured.", metavar="ROW"
        ),
    ] = None,
    swap: Annotated[
        bool, typer.Option("--swap", help="In the trace, other inputs in the place of a unit, not its mean.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write a page to this .html, for a browser.", metavar="FILE")
    ] = None,
    svg: Drawings = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """What every hidden layer is like.

    Shape, receptive field, dead units and rank, beside an untrained copy; what builds up from layer to layer.
    """
    from pellucid import tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    with progress("layers", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        summary = tasks.layers(subject, rows=rows, compute=compute)
    depth, way = more_of_depth(
        subject,
        given,
        curves=hierarchy,
        beside=beside,
        row=trace,
        swap=swap,
        rows=rows,
        batch_size=batch_size,
        seed=seed,
        quiet=as_json,
    )
    if not as_json:
        write_depth(subject, summary, depth, way, out, svg)
        return
    inputs = {"model": model, "rows": rows}
    asked = {"layers": summary, "hierarchy": depth, "trace": way}
    found = summary if depth is None and way is None else {k: v for k, v in asked.items() if v is not None}
    document("layers", dict(inputs), found, seconds=time.perf_counter() - began, seed=seed)
