"""``pellucid explain``: why one answer came out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import Answer, AsJson, BatchSize, Data, Model, Seed, Weights, numbers, subject_of
from pellucid.cli._say import document, narrate, progress, show

if TYPE_CHECKING:
    from pellucid._core import Explanation, Subject


def explain(
    model: Model,
    rows: Annotated[
        str, typer.Option("--input", help="Held-out rows, such as 0 or 3,5.", metavar="LIST")
    ] = "0",
    method: Annotated[
        str | None, typer.Option(help="Methods with commas between them; left out, the best supported one.")
    ] = None,
    target: Annotated[int | None, typer.Option(help="Class number; left out, each row's top class.")] = None,
    data: Data = None,
    answer: Answer = None,
    weights: Weights = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the picture to this .png or .svg.", metavar="FILE")
    ] = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Why an answer came out, with evidence beside it."""
    from pellucid import tasks

    began = time.perf_counter()
    subject = subject_of(model, data, answer, weights)
    chosen = [name.strip() for name in method.split(",")] if method else [None]
    for name in filter(None, chosen):
        tasks.method_named(name)
    picked = numbers(rows, "--input") or [0]
    found: list[Explanation] = []
    for name in chosen:
        with progress(
            name or "choosing a method", quiet=as_json, batch_size=batch_size, seed=seed
        ) as compute:
            found.append(tasks.explain(subject, picked, target=target, method=name, compute=compute))
    if out is not None:
        _write(found, out)
    if as_json:
        inputs = {"model": model, "input": rows, "method": method, "target": target}
        document("explain", dict(inputs), found, seconds=time.perf_counter() - began, seed=seed)
    else:
        _tell(subject, found, picked)


def _write(found: list[Explanation], out: Path) -> None:
    from pellucid import figures

    figures.explanations(found, row=0).save(out)
    narrate(f"Picture written to {out}")


def _tell(subject: Subject, found: list[Explanation], rows: list[int]) -> None:
    from pellucid import figures

    narrate(f"{subject.name}: held-out row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))}")
    for why in found:
        for index in range(len(why)):
            show(figures.text(why.row(index)))
