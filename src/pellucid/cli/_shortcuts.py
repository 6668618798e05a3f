"""``pellucid shortcuts``: what decides alone although it should not."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Estimated, Model, Seed, Weights
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import page_file
from pellucid.cli._say import document, estimating, narrate, show, tell_estimate

if TYPE_CHECKING:
    from pellucid.evidence import Shortcuts


def shortcuts(
    model: Model,
    rows: Annotated[int, typer.Option(help="Most held-out rows; at least 40.")] = 400,
    pairs: Annotated[int, typer.Option(help="Mixed rows for each part.")] = 200,
    method: Annotated[
        str, typer.Option(help="Whose maps are clustered; pictures and spectrograms only.")
    ] = "input_x_gradient",
    part: Annotated[
        str | None, typer.Option(help="test, validation, train or all rows; left out, the held-out ones.")
    ] = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the page to this .html, for a browser.", metavar="FILE", callback=page_file),
    ] = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Search a network for Clever-Hans behaviour.

    Corners, border, colour, fine detail, single columns, words, bands and clusters of attribution maps are
    exchanged between rows with different answers: what the network follows against all the rest decides
    alone. And rows that lie in training and held-out data.
    """
    from pellucid import figures, tasks
    from pellucid._core import Compute

    began = time.perf_counter()
    subject = given.subject(model, weights)
    how = Compute(batch_size=batch_size, seed=seed)
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as trial:
            plan = tasks.estimate_shortcuts(
                subject, rows=rows, pairs=pairs, method=method, part=part, compute=trial
            )
        inputs = {"model": model, "rows": rows, "pairs": pairs}
        tell_estimate("shortcuts", dict(inputs), plan, began, seed, as_json=as_json)
        return
    narrate(f"Exchanging parts between rows of {subject.name}")
    found = tasks.shortcuts(
        subject,
        rows=rows,
        pairs=pairs,
        method=method,
        part=part,
        compute=how,
    )
    if out is not None:
        from pellucid.report import shortcuts_page

        shortcuts_page(found, out, name=subject.name)
        narrate(f"Page written to {out}")
    if as_json:
        inputs = {"model": model, "rows": rows, "pairs": pairs, "method": method, "part": part}
        seconds = time.perf_counter() - began
        document("shortcuts", dict(inputs), without_inputs(found), seconds=seconds, seed=seed)
        return
    for each in figures.figures_of(found):
        show(figures.text(each))


def without_inputs(found: Shortcuts) -> Shortcuts:
    """The search without the inputs of its cases, which belong in no document; their row numbers stay."""
    lean = [
        one
        if one.cases is None
        else dataclasses.replace(
            one,
            cases=dataclasses.replace(
                one.cases,
                rest=one.cases.rest[:0],
                donor=one.cases.donor[:0],
                mixed=one.cases.mixed[:0],
                marked=None,
            ),
        )
        for one in found.suspicions
    ]
    return dataclasses.replace(found, suspicions=tuple(lean))
