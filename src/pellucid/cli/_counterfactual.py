"""``pellucid counterfactual``: what would have to be different."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli._arguments import (
    AsJson,
    BatchSize,
    Drawings,
    Estimated,
    HeldOut,
    Model,
    Refits,
    Seed,
    Weights,
    numbers,
    parts_of,
)
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import drawn_file
from pellucid.cli._say import document, estimating, held_out_row, narrate, progress, show, tell_estimate
from pellucid.errors import InputError


def counterfactual(
    model: Model,
    rows: HeldOut = "0",
    wanted: Annotated[
        str | None,
        typer.Option(help="The answer wished for: a class, or in regression low:high.", metavar="ANSWER"),
    ] = None,
    immutable: Annotated[
        str | None, typer.Option(help="Columns that cannot change, such as sex,age.", metavar="LIST")
    ] = None,
    actionable: Annotated[
        str | None, typer.Option(help="The only columns that may change.", metavar="LIST")
    ] = None,
    up: Annotated[str | None, typer.Option(help="Columns that can only rise.", metavar="LIST")] = None,
    down: Annotated[str | None, typer.Option(help="Columns that can only fall.", metavar="LIST")] = None,
    most: Annotated[int | None, typer.Option(help="Most columns that may change at once.")] = None,
    constraints: Annotated[
        Path | None, typer.Option(help="All of that, ranges, steps and links in a TOML file.", metavar="FILE")
    ] = None,
    answers: Annotated[int, typer.Option("--ways", help="Different ways for each row.")] = 3,
    least: Annotated[float | None, typer.Option(help="Probability that the wanted class must reach.")] = None,
    steady: Annotated[
        bool, typer.Option("--steady", help="Only changes that networks trained anew agree on.")
    ] = False,
    refits: Refits = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write it as a page (.html), or the first figure as .png or .svg.",
            metavar="FILE",
            callback=drawn_file,
        ),
    ] = None,
    svg: Drawings = None,
    batch_size: BatchSize = 4096,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """The smallest plausible changes that alter an answer.

    Of a row of a table, within what can change.
    """
    from pellucid import figures, tasks
    from pellucid.cli._unit import write_drawings
    from pellucid.report import recourse_page
    from pellucid.rules import Constraints, constraints_from

    began = time.perf_counter()
    subject = given.subject(model, weights)
    picked = numbers(rows, "--row") or [0]
    only = None if actionable is None else parts_of(actionable)
    limits = Constraints() if constraints is None else constraints_from(constraints)
    whole = limits.also(
        immutable=parts_of(immutable), actionable=only, up=parts_of(up), down=parts_of(down), most=most
    )
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_case(
                subject,
                "counterfactual",
                picked,
                refits=refits,
                constraints=whole,
                compute=how,
            )
        tell_estimate("counterfactual", {"model": model, "row": rows}, plan, began, seed, as_json=as_json)
        return
    with progress("counterfactual", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.counterfactual(
            subject,
            picked,
            wanted=_wanted(wanted, numeric=not subject.classes),
            constraints=whole,
            k=answers,
            least=least,
            steady=steady,
            refits=refits,
            compute=compute,
        )
    drawn = [figures.counterfactual(found, row=i) for i in range(len(found))]
    more = [figures.semifactual(found, row=i) for i in range(len(found))]
    write_drawings([each for pair in zip(drawn, more, strict=True) for each in pair if each is not None], svg)
    if out is not None and out.suffix.lower() in (".html", ".htm"):
        recourse_page(found, out, name=subject.name, rows=picked)
        narrate(f"Page written to {out}")
    elif out is not None:
        drawn[0].save(out)
        narrate(f"Figure written to {out}")
    if as_json:
        inputs = {"model": model, "row": rows, "wanted": wanted, "least": least, "steady": steady}
        document(
            "counterfactual", dict(inputs), found.to_json(), seconds=time.perf_counter() - began, seed=seed
        )
        return
    for name, first, second in zip(picked, drawn, more, strict=True):
        narrate(held_out_row(subject, name))
        show(figures.text(first))
        if second is not None:
            show(figures.text(second))


def _wanted(text: str | None, *, numeric: bool) -> str | tuple[float, float] | None:
    if text is None or not numeric:
        return text
    low, sign, high = text.partition(":")
    try:
        return float(low or "-inf"), float(high or "inf") if sign else float("nan")
    except ValueError:
        raise InputError(
            f"In regression --wanted takes a range low:high, such as 30: or 10:20; got {text!r}."
        ) from None
