"""``pellucid influence``: which training rows made an answer."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Estimated, Model, Picture, Seed, Weights, numbers
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._say import document, estimating, held_out_row, narrate, progress, show, tell_estimate


class Way(StrEnum):
    """How influence is measured."""

    tracin = "tracin"
    representer_points = "representer_points"


class Over(StrEnum):
    """Whose gradients count."""

    last = "last"
    all = "all"


def influence(
    model: Model,
    rows: Annotated[
        str, typer.Option("--input", "--row", help="Held-out rows, such as 0 or 3,5.", metavar="LIST")
    ] = "0",
    method: Annotated[Way, typer.Option(help="How it is measured.")] = Way.tracin,
    layers: Annotated[
        Over, typer.Option(help="For tracin: the last dense layer, or all parameters.")
    ] = Over.last,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Picture = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Which training rows made an answer, or spoke against it."""
    from pellucid import figures, tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    picked = numbers(rows, "--input") or [0]
    about = {"model": model, "input": rows, "method": method.value, "layers": layers.value}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_influence(
                subject, picked, method=method.value, layers=layers.value, compute=how
            )
        tell_estimate("influence", dict(about), plan, began, seed, as_json=as_json)
        return
    with progress("influence", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.influence(subject, picked, method=method.value, layers=layers.value, compute=compute)
    if out is not None:
        figures.influence(found, subject.data).save(out)
        narrate(f"Picture written to {out}")
    if as_json:
        document("influence", dict(about), found, seconds=time.perf_counter() - began, seed=seed)
        return
    for row, number in enumerate(picked):
        narrate(held_out_row(subject, number))
        show(figures.text(figures.influence(found, subject.data, row=row)))
