"""``pellucid layers`` and ``rules``."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated

import typer

from pellucid.cli._arguments import (
    Answer,
    AsJson,
    BatchSize,
    Data,
    Model,
    Seed,
    Weights,
    subject_of,
)
from pellucid.cli._say import document, progress, result, show


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
