"""``pellucid dissect``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Drawings, Estimated, Model, Seed, Weights, numbers
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import drawn_file
from pellucid.cli._say import estimating, progress, tell_estimate
from pellucid.cli._unit import tell_page, write_drawings, write_page

if TYPE_CHECKING:
    from pellucid._core import Json


def dissect(
    model: Model,
    site: Annotated[str, typer.Argument(help="Layer with maps, as `pellucid layers` names it.")],
    masks: Annotated[
        Path,
        typer.Option(
            help="Folder or .zip with images/NAME.jpg and masks/CONCEPT/NAME.png, bright where the concept "
            "lies; masks/NAME.png where there is one.",
            metavar="FOLDER",
        ),
    ],
    given: GivenData = NO_DATA,
    weights: Weights = None,
    units: Annotated[
        str | None, typer.Option(help="Units, such as 0,3,7; left out, all.", metavar="LIST")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the page to this .html, or the figure to this .png, .svg or .pdf.",
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
    """Which units of a layer light up where labelled things lie.

    Beside masks of other pictures, random mixtures of units and an untrained copy.
    """
    from pellucid import tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    chosen = numbers(units, "--units")
    about: dict[str, Json] = {"model": model, "site": site, "masks": str(masks), "units": units}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_dissect(subject, site, masks, units=chosen, compute=how)
        tell_estimate("dissect", about, plan, began, seed, as_json=as_json)
        return
    with progress("dissect", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
        page = tasks.dissect(subject, site, masks, units=chosen, compute=compute)
    drawn = page.figures()
    write_drawings(drawn, svg)
    title, facts = (
        f"What units of {site} detect",
        (f"{page.found.n} pictures of {page.real.name}", f"seed {seed}"),
    )
    write_page(drawn, out, drawn[0], over=subject.name, title=title, facts=facts)
    tell_page("dissect", about, page, drawn, began, seed, as_json=as_json)
