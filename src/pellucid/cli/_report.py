"""``pellucid report``: the dossier."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Estimated, Model, Seed, Weights, parts_of
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import any_file
from pellucid.cli._say import document, estimating, narrate, progress, result, tell_estimate


def _template(wanted: bool) -> None:
    if wanted:
        from pellucid.report import card_template

        result(card_template().rstrip())
        raise typer.Exit


def report(
    model: Model,
    out: Annotated[
        Path, typer.Option(help="Where to write the page.", metavar="FILE", callback=any_file)
    ] = Path("dossier.html"),
    layers: Annotated[
        str | None,
        typer.Option(
            help="Layers to tell everything about, such as conv2,dense1; left out, the most telling one.",
            metavar="LIST",
        ),
    ] = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    audit: Annotated[
        bool, typer.Option("--audit", help="Make an audit where none is kept with the run.")
    ] = False,
    card: Annotated[
        Path | None,
        typer.Option(help="What only people know (TOML); left out, card.toml in the run.", metavar="FILE"),
    ] = None,
    reader: Annotated[
        str,
        typer.Option(
            help="Whose order and words the page begins with: everyone, clinician, credit, auditor or "
            "engineer. What failed is shown to all.",
            metavar="READER",
        ),
    ] = "everyone",
    constraints: Annotated[
        Path | None, typer.Option(help="TOML file: which columns may change.", metavar="FILE")
    ] = None,
    max_mb: Annotated[
        float | None,
        typer.Option(help="Most megabytes; left out, 5 are aimed at and 15 never exceeded."),
    ] = None,
    card_template: Annotated[
        bool,
        typer.Option(
            "--card-template", callback=_template, is_eager=True, help="Print a card to fill in and stop."
        ),
    ] = False,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Write the dossier: one offline HTML file."""
    from pellucid.report import dossier, machine, write_within
    from pellucid.report._readers import reader_named
    from pellucid.report._report import checked_mb

    reader_named(reader)
    checked_mb(max_mb)

    began = time.perf_counter()
    subject = given.subject(model, weights)
    if estimate:
        from pellucid.report import estimate_report

        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = estimate_report(subject, compute=how)
        tell_estimate("report", {"model": model}, plan, began, seed, as_json=as_json)
        return
    with progress("report", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        made = dossier(
            subject,
            path=out,
            whole=parts_of(layers) or None,
            audit=audit,
            card=card,
            reader=reader,
            constraints=constraints,
            compute=compute,
        )
        typed = shlex.join(["pellucid", *sys.argv[1:]])  # with its data and how they are read
        made = dataclasses.replace(made, origin=dataclasses.replace(made.origin, command=typed))
        path = write_within(made, out, max_mb)
    if as_json:
        # the same document that the page holds
        inputs = {"model": model, "out": str(path)}
        seconds = time.perf_counter() - began
        document("report", dict(inputs), machine(made), seconds=seconds, seed=seed)
    else:
        narrate(f"Dossier of {subject.name}, {path.stat().st_size / 1e6:.1f} MB:")
        result(str(path))
