"""``pellucid atlas``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import (
    Answer,
    AsJson,
    BatchSize,
    Data,
    Drawings,
    Estimated,
    Model,
    Seed,
    Weights,
    subject_of,
)
from pellucid.cli._say import document, narrate, progress, show, tell_estimate
from pellucid.cli._unit import is_page, write_drawings

if TYPE_CHECKING:
    from pellucid._core import Json


def atlas(
    model: Model,
    site: Annotated[str, typer.Argument(help="Layer, as `pellucid layers` names it.")],
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    grid: Annotated[int, typer.Option(help="Side of the map in cells.")] = 8,
    rows: Annotated[int, typer.Option(help="Most inputs to look at.")] = 1000,
    steps: Annotated[int, typer.Option(help="Steps of activation maximization.")] = 128,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the page to this .html, or the atlas to this .png, .svg or .pdf.", metavar="FILE"
        ),
    ] = None,
    svg: Drawings = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """What a layer tells apart, as a map of made inputs.

    Real activations laid out so that like lies beside like, an input made for each cell; beside it the real
    inputs of the same cells, and the atlas of an untrained copy.
    """
    from pellucid import figures, tasks
    from pellucid._core import Compute
    from pellucid.report import inside_page

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    about: dict[str, Json] = {"model": model, "site": site, "grid": grid, "rows": rows, "steps": steps}
    if estimate:
        how = Compute(batch_size=batch_size, seed=seed)
        plan = tasks.estimate_atlas(subject, site, grid=grid, rows=rows, steps=steps, compute=how)
        tell_estimate("atlas", about, plan, began, seed, as_json=as_json)
        return
    with progress("atlas", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
        page = tasks.atlas(subject, site, grid=grid, rows=rows, steps=steps, compute=compute)
    drawn = page.figures()
    write_drawings(drawn, svg)
    if is_page(out):
        inside_page(drawn, out, over=subject.name, title=f"Atlas of {site}", facts=(f"seed {seed}",))
        narrate(f"Page written to {out}")
    elif out is not None:
        drawn[0].save(out)
        narrate(f"Picture written to {out}")
    if as_json:
        document("atlas", about, page, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in drawn:
        show(figures.text(each))
