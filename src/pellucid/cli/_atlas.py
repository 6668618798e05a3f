"""``pellucid atlas``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Drawings, Estimated, Model, Seed, Weights
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import drawn_file
from pellucid.cli._say import estimating, progress, tell_estimate
from pellucid.cli._unit import tell_page, write_drawings, write_page

if TYPE_CHECKING:
    from pellucid._core import Json


def atlas(
    model: Model,
    site: Annotated[str, typer.Argument(help="Layer, as `pellucid layers` names it.")],
    given: GivenData = NO_DATA,
    weights: Weights = None,
    grid: Annotated[int, typer.Option(help="Side of the map in cells.")] = 8,
    rows: Annotated[int, typer.Option(help="Most inputs to look at.")] = 1000,
    steps: Annotated[int, typer.Option(help="Steps of activation maximization.")] = 128,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the page to this .html, or the atlas to this .png, .svg or .pdf.",
            metavar="FILE",
            callback=drawn_file,
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
    from pellucid import tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    about: dict[str, Json] = {"model": model, "site": site, "grid": grid, "rows": rows, "steps": steps}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_atlas(subject, site, grid=grid, rows=rows, steps=steps, compute=how)
        tell_estimate("atlas", about, plan, began, seed, as_json=as_json)
        return
    with progress("atlas", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
        page = tasks.atlas(subject, site, grid=grid, rows=rows, steps=steps, compute=compute)
    drawn = page.figures()
    write_drawings(drawn, svg)
    title, facts = f"Atlas of {site}", (f"seed {seed}",)
    write_page(drawn, out, drawn[0], over=subject.name, title=title, facts=facts)
    tell_page("atlas", about, page, drawn, began, seed, as_json=as_json)
