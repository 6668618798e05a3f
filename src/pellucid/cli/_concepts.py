"""``pellucid concepts``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Estimated, Model, Seed, Weights
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import drawn_file
from pellucid.cli._say import document, estimating, progress, show, tell_estimate
from pellucid.cli._unit import write_page


def concepts(
    model: Model,
    sets: Annotated[
        str,
        typer.Argument(
            help="Folder with a folder of pictures or sounds per concept, a column, 'dti > .43', or "
            "'name: class, class'.",
            metavar="SETS",
        ),
    ],
    target: Annotated[str, typer.Option(help="Class that is asked about, by name or number.")],
    sites: Annotated[
        str | None,
        typer.Option("--at", "--site", help="Layers, such as conv1,conv2; left out, all with weights."),
    ] = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    draws: Annotated[int, typer.Option(help="Random concepts that each is compared with.")] = 1000,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the page to this .html, or the figure to this .png or .svg.",
            metavar="FILE",
            callback=drawn_file,
        ),
    ] = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Whether an answer depends on concepts that people name.

    Layer by layer, beside random concepts and an untrained copy.
    """
    from pellucid import figures, tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    names = None if sites is None else [name.strip() for name in sites.split(",") if name.strip()]
    about = {"model": model, "sets": sets, "target": target, "at": sites, "draws": draws}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_concepts(subject, target, sets, names, draws=draws, compute=how)
        tell_estimate("concepts", dict(about), plan, began, seed, as_json=as_json)
        return
    with progress("concepts", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.concepts(subject, target, sets, names, draws=draws, compute=compute)
    drawn = figures.concepts(found)
    title, facts = f"What concepts do to {target}", (f"{draws:,} random concepts", f"seed {seed}")
    write_page([drawn], out, drawn, over=subject.name, title=title, facts=facts)
    if as_json:
        document("concepts", dict(about), found, seconds=time.perf_counter() - began, seed=seed)
    else:
        show(figures.text(found))
