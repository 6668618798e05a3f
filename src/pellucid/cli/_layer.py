"""``pellucid layer``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import Answer, AsJson, BatchSize, Data, Model, Seed, Weights, numbers, subject_of
from pellucid.cli._say import document, narrate, progress, show


def layer(
    model: Model,
    site: Annotated[str, typer.Argument(help="Layer, as `pellucid layers` names it.")],
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    units: Annotated[
        str | None, typer.Option(help="Units, such as 0,3,7; left out, the 64 most moved.", metavar="LIST")
    ] = None,
    rows: Annotated[int, typer.Option(help="Most held-out rows to look at.")] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="Write the page to this .html, for a browser.", metavar="FILE")
    ] = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Everything about one layer.

    Its units with their real inputs, what they tell, what breaks without them, and what can be read off it.
    """
    from pellucid import figures, tasks
    from pellucid.report import layer_page

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    chosen = numbers(units, "--units")
    with progress("layer", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        page = tasks.layer(subject, site, units=chosen, rows=rows, compute=compute)
    if out is not None:
        layer_page(page, out, name=subject.name)
        narrate(f"Page written to {out}")
    if as_json:
        inputs = {"model": model, "site": site, "units": units, "rows": rows}
        document("layer", dict(inputs), page, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in page.figures():
        show(figures.text(each))
