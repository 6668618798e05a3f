"""``pellucid layers``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import (
    AsJson,
    BatchSize,
    Drawings,
    Estimated,
    Model,
    Page,
    Seed,
    Weights,
    parts_of,
)
from pellucid.cli._depth import write_depth
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._say import document, estimating, progress, tell_estimate
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Json


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
    out: Page = None,
    svg: Drawings = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """What every hidden layer is like.

    Shape, receptive field, dead units and rank, beside an untrained copy; what builds up from layer to layer.
    """
    from pellucid import tasks

    began = time.perf_counter()
    if beside is not None and not hierarchy:
        raise InputError("--beside names other seeds for the curves: say --hierarchy as well.")
    if swap and trace is None:
        raise InputError(
            "--swap says what stands in the place of a unit in a trace: say --trace ROW as well."
        )
    subject = given.subject(model, weights)
    others = [given.subject(name) for name in parts_of(beside)] if hierarchy else None
    instead = "swap" if swap else "mean"
    inputs: dict[str, Json] = {"model": model, "rows": rows}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_layers(
                subject, rows=rows, beside=others, row=trace, instead=instead, compute=how
            )
        tell_estimate("layers", inputs, plan, began, seed, as_json=as_json)
        return
    tasks.refuse_depth(subject, others, trace)
    with progress("layers", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        summary = tasks.layers(subject, rows=rows, compute=compute)
    depth = way = None
    if others is not None:
        with progress("hierarchy", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
            depth = tasks.hierarchy(subject, others, rows=rows, compute=compute)
    if trace is not None:
        with progress("trace", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
            way = tasks.trace(subject, trace, instead=instead, rows=rows, compute=compute)
    write_depth(subject, summary, depth, way, out, svg, quiet=as_json)
    if not as_json:
        return
    asked = {"layers": summary, "hierarchy": depth, "trace": way}
    found = summary if depth is None and way is None else {k: v for k, v in asked.items() if v is not None}
    document("layers", inputs, found, seconds=time.perf_counter() - began, seed=seed)
