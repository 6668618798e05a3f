"""``pellucid report``: the dossier."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import (
    Answer,
    AsJson,
    BatchSize,
    Data,
    Estimated,
    Model,
    Seed,
    Weights,
    parts_of,
    subject_of,
)
from pellucid.cli._say import document, narrate, progress, result, tell_estimate


def report(
    model: Model,
    out: Annotated[Path, typer.Option(help="Where to write the page.", metavar="FILE")] = Path(
        "dossier.html"
    ),
    layers: Annotated[
        str | None,
        typer.Option(
            help="Layers to tell everything about, such as conv2,dense1; left out, the most telling one.",
            metavar="LIST",
        ),
    ] = None,
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    audit: Annotated[
        bool, typer.Option("--audit", help="Make an audit where none is kept with the run.")
    ] = False,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Write the dossier: one offline HTML file."""
    from pellucid.report import report as write_report

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    if estimate:
        from pellucid._core import Compute
        from pellucid.report import estimate_report

        plan = estimate_report(subject, compute=Compute(batch_size=batch_size, seed=seed))
        tell_estimate("report", {"model": model}, plan, began, seed, as_json=as_json)
        return
    with progress("report", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        path = write_report(subject, out, whole=parts_of(layers) or None, audit=audit, compute=compute)
    if as_json:
        results = {"path": str(path), "bytes": path.stat().st_size}
        document("report", {"model": model}, results, seconds=time.perf_counter() - began, seed=seed)
    else:
        narrate(f"Dossier of {subject.name}, {path.stat().st_size / 1e6:.1f} MB:")
        result(str(path))
