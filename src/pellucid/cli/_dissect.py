"""``pellucid dissect``."""

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
    numbers,
    subject_of,
)
from pellucid.cli._say import document, narrate, progress, show, tell_estimate
from pellucid.cli._unit import is_page, write_drawings

if TYPE_CHECKING:
    from pellucid._core import Json


def dissect(
    model: Model,
    site: Annotated[str, typer.Argument(help="Layer with maps, as `pellucid layers` names it.")],
    masks: Annotated[
        Path,
        typer.Option(
            help="Folder or .zip with images/NAME.jpg and masks/CONCEPT/NAME.png, bright where the concept "
            "lies.",
            metavar="FOLDER",
        ),
    ],
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    units: Annotated[
        str | None, typer.Option(help="Units, such as 0,3,7; left out, all.", metavar="LIST")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the page to this .html, or the figure to this .png, .svg or .pdf.", metavar="FILE"
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
    from pellucid import figures, tasks
    from pellucid._core import Compute
    from pellucid.report import inside_page

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    chosen = numbers(units, "--units")
    about: dict[str, Json] = {"model": model, "site": site, "masks": str(masks), "units": units}
    if estimate:
        how = Compute(batch_size=batch_size, seed=seed)
        plan = tasks.estimate_dissect(subject, site, masks, units=chosen, compute=how)
        tell_estimate("dissect", about, plan, began, seed, as_json=as_json)
        return
    with progress("dissect", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
        page = tasks.dissect(subject, site, masks, units=chosen, compute=compute)
    drawn = page.figures()
    write_drawings(drawn, svg)
    if is_page(out):
        facts = (f"{page.found.n} pictures of {page.real.name}", f"seed {seed}")
        inside_page(drawn, out, over=subject.name, title=f"What units of {site} detect", facts=facts)
        narrate(f"Page written to {out}")
    elif out is not None:
        drawn[-1].save(out)
        narrate(f"Figure written to {out}")
    if as_json:
        document("dissect", about, page, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in drawn:
        show(figures.text(each))
