"""``pellucid importance``: what the network uses over many rows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import (
    AsJson,
    BatchSize,
    Estimated,
    Model,
    Picture,
    Seed,
    Weights,
    parts_of,
    targets_of,
)
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._say import document, estimating, narrate, progress, show, tell_estimate
from pellucid.errors import InputError


def importance(
    model: Model,
    method: Annotated[
        str, typer.Option(help="permutation, mean, partial-dependence or interactions.")
    ] = "permutation",
    column: Annotated[
        str | None,
        typer.Option(
            help="Columns with commas between them, for partial-dependence; left out, the three most used.",
            metavar="LIST",
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Class number or name.", metavar="CLASS")] = None,
    row: Annotated[int, typer.Option("--input", "--row", help="Held-out row, for interactions.")] = 0,
    rows: Annotated[int, typer.Option(help="Most held-out rows to look at.")] = 256,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Picture = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """What the network uses over many rows, with intervals.

    By swapping parts between rows, by mean attribution, along one column, or in pairs.
    """
    from pellucid import tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    asked = targets_of(subject, target)
    if len(asked) > 1:
        raise InputError(f"--target takes one class here, got {target!r}.")
    about = {"model": model, "method": method, "column": column, "target": target, "rows": rows}
    columns, wanted = parts_of(column), asked[0] if asked else None
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_importance(
                subject, method, columns=columns, target=wanted, row=row, rows=rows, compute=how
            )
        tell_estimate("importance", dict(about), plan, began, seed, as_json=as_json)
        return
    with progress(method, quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.importance_of(
            subject, method, columns=columns, target=wanted, row=row, rows=rows, compute=compute
        )
    if out is not None:
        _write(found, out)
    if as_json:
        document("importance", dict(about), found, seconds=time.perf_counter() - began, seed=seed)
    else:
        _tell(found)


def _each(found: object) -> list[object]:
    return [*found] if isinstance(found, tuple) else [found]


def _write(found: object, out: Path) -> None:
    from pellucid import figures

    drawn = [figure for each in _each(found) for figure in figures.figures_of(each)]
    figures.save_together(drawn, out)
    narrate(f"Picture written to {out}")


def _tell(found: object) -> None:
    from pellucid import figures

    for each in _each(found):
        show(figures.text(each))
        if note := getattr(each, "note", ""):
            narrate(str(note))
