"""``pellucid layers``, ``features`` and ``rules``."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
from pellucid.cli._say import document, narrate, progress, result, show, tell_estimate
from pellucid.cli._unit import page_of_unit, write_drawings
from pellucid.errors import InputError


def layers(
    model: Model,
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    rows: Annotated[int, typer.Option(help="Most held-out rows to look at.")] = 512,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """What every hidden layer is like.

    Shape, receptive field, dead units and rank, beside an untrained copy.
    """
    from pellucid import tasks

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    with progress("layers", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        summary = tasks.layers(subject, rows=rows, compute=compute)
    if as_json:
        document(
            "layers", {"model": model, "rows": rows}, summary, seconds=time.perf_counter() - began, seed=seed
        )
    else:
        from pellucid import figures

        show(figures.text(summary))


class Kept(StrEnum):
    """What a made input keeps of the data."""

    auto = "auto"
    covariance = "covariance"
    spectrum = "spectrum"
    fourier = "fourier"
    phase = "phase"
    marginals = "marginals"
    free = "free"


def features(
    model: Model,
    site: Annotated[str | None, typer.Argument(help="Layer, as `pellucid layers` names it.")] = None,
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    units: Annotated[
        str | None, typer.Option(help="Units, such as 0,3,7; left out, all.", metavar="LIST")
    ] = None,
    unit: Annotated[
        int | None, typer.Option(help="Everything about this one unit, on a page of its own.", metavar="N")
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of activation maximization.")] = 256,
    statistics: Annotated[Kept, typer.Option(help="What a made input keeps of the data.")] = Kept.auto,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the pictures to this .png, .svg or .pdf; with --unit the page to this .html.",
            metavar="FILE",
        ),
    ] = None,
    svg: Drawings = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """What the units of a layer respond to most.

    Made inputs beside real ones and an untrained control.
    """
    from pellucid import figures, tasks
    from pellucid._core import Compute

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    picked = numbers(units, "--units")
    if estimate:
        how = Compute(batch_size=batch_size, seed=seed)
        plan = tasks.estimate_features(subject, site, units=picked, steps=steps, compute=how)
        told = {"model": model, "site": site, "units": units, "steps": steps}
        tell_estimate("features", dict(told), plan, began, seed, as_json=as_json)
        return
    if unit is not None:
        if units is not None or site is None:
            raise InputError("--unit shows one unit of the layer that is named: give SITE, and no --units.")
        with progress("unit", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
            one = tasks.unit_of(subject, site, unit, steps=steps, compute=compute)
        about = {"model": model, "site": site, "unit": unit, "steps": steps}
        page_of_unit(one, about, out, svg, subject.name, began, seed, as_json=as_json)
        return
    with progress("features", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        page = tasks.features(
            subject, site, units=picked, steps=steps, statistics=statistics.value, compute=compute
        )
    drawn = figures.feature_tiles(page.pictures, page.exemplars, page.real)
    write_drawings([drawn], svg)
    if out is not None:
        drawn.save(out)
        narrate(f"Pictures written to {out}")
    if as_json:
        inputs = {
            "model": model,
            "site": site,
            "units": units,
            "steps": steps,
            "statistics": statistics.value,
        }
        document("features", dict(inputs), page, seconds=time.perf_counter() - began, seed=seed)
    else:
        show(figures.text(page.pictures))


class Form(StrEnum):
    """How rules are written."""

    text = "text"
    python = "python"
    json = "json"


def rules(
    model: Model,
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    leaves: Annotated[int | None, typer.Option(help="Most rules; left out, 8 or two per class.")] = None,
    form: Annotated[Form, typer.Option("--as", help="How to write them.")] = Form.text,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """The network's behaviour as decision rules.

    With their fidelity on held-out rows.
    """
    from pellucid import tasks
    from pellucid._core import Compute

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    found = tasks.rules(subject, leaves=leaves, compute=Compute(batch_size=batch_size, seed=seed))
    if as_json or form is Form.json:
        inputs = {"model": model, "leaves": leaves}
        document("rules", dict(inputs), found, seconds=time.perf_counter() - began, seed=seed)
    else:
        result(found.to_python() if form is Form.python else found.to_text())
