"""``pellucid anchor``, ``reasons``, ``nearest`` and ``decision``: one answer from several sides."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import (
    AsJson,
    BatchSize,
    Drawings,
    Estimated,
    HeldOut,
    Model,
    Picture,
    Refits,
    Seed,
    Weights,
    numbers,
    parts_of,
)
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import page_of_figures
from pellucid.cli._say import document, estimating, held_out_row, narrate, progress, show, tell_estimate
from pellucid.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pellucid._core import Json

Row = Annotated[int, typer.Option("--row", "--input", help="Held-out row.")]
Texts = Annotated[
    Path | None,
    typer.Option(help="TOML file with a [reason] table: words by column.", metavar="FILE"),
]

Protected = Annotated[
    str | None,
    typer.Option(help="Columns on which no decision may rest; marked, never hidden.", metavar="LIST"),
]


class Drawn(StrEnum):
    """How named columns of a table are drawn."""

    neighbour = "neighbour"
    marginal = "marginal"


def anchor(
    model: Model,
    row: Row = 0,
    threshold: Annotated[float, typer.Option(help="Precision that is asked for.")] = 0.95,
    sampling: Annotated[Drawn, typer.Option(help="How named columns are drawn.")] = Drawn.neighbour,
    most: Annotated[int, typer.Option(help="Most conditions.")] = 5,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Picture = None,
    batch_size: BatchSize = 4096,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Conditions under which an answer stays, and how often.

    With a bound on how often, over fresh draws.
    """
    from pellucid import figures, tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_case(subject, "anchor", row, compute=how)
        tell_estimate("anchor", {"model": model, "row": row}, plan, began, seed, as_json=as_json)
        return
    with progress("anchor", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.anchor(
            subject, row, threshold=threshold, sampling=sampling.value, most=most, compute=compute
        )
    if out is not None:
        figures.anchor(found).save(out)
        narrate(f"Figure written to {out}")
    if as_json:
        inputs = {"model": model, "row": row, "threshold": threshold, "sampling": sampling.value}
        document("anchor", dict(inputs), found.to_json(), seconds=time.perf_counter() - began, seed=seed)
    else:
        show(figures.text(found))


def reasons(
    model: Model,
    rows: HeldOut = "0",
    adverse: Annotated[
        str | None, typer.Option(help="The adverse class; left out, each row's answer.", metavar="CLASS")
    ] = None,
    texts: Texts = None,
    protected: Protected = None,
    level: Annotated[float, typer.Option(help="Share of refits from which a reason is stable.")] = 0.7,
    refits: Refits = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Picture = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """At most four principal reasons of an answer.

    Against the average approved row, with their stability. For tables with classes.
    """
    from pellucid import figures, tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    picked = numbers(rows, "--row") or [0]
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_case(subject, "reasons", picked, refits=refits, compute=how)
        tell_estimate("reasons", {"model": model, "row": rows}, plan, began, seed, as_json=as_json)
        return
    with progress("reasons", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.reason_codes(
            subject,
            picked,
            adverse=adverse,
            texts=_texts(texts),
            protected=parts_of(protected),
            level=level,
            refits=refits,
            compute=compute,
        )
    if out is not None:
        figures.reason_codes(found[0]).save(out)
        narrate(f"Figure written to {out}")
    warning = tasks.no_better(subject)
    if as_json:
        inputs = {"model": model, "row": rows, "adverse": adverse, "protected": protected, "level": level}
        told = [each.to_json() | _warned(warning) for each in found]
        document("reasons", dict(inputs), told, seconds=time.perf_counter() - began, seed=seed)
        return
    for number, each in zip(picked, found, strict=True):
        narrate(held_out_row(subject, number))
        show(figures.text(each))
    if warning:
        narrate(warning)


def nearest(
    model: Model,
    rows: HeldOut = "0",
    site: Annotated[
        str | None, typer.Option("--at", "--site", help="Layer; left out, the last hidden one.")
    ] = None,
    k: Annotated[int, typer.Option("--k", help="How many on each side.")] = 3,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Picture = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Training inputs that a hidden layer takes for most alike.

    With the same answer, and with another.
    """
    from pellucid import figures, tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    picked = numbers(rows, "--row") or [0]
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_case(subject, "nearest", picked, compute=how)
        tell_estimate("nearest", {"model": model, "row": rows}, plan, began, seed, as_json=as_json)
        return
    with progress("nearest", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.nearest(subject, picked, site=site, k=k, compute=compute)
    known = subject.needs_data("nearest")
    if out is not None:
        figures.nearest(found, known).save(out)
        narrate(f"Figure written to {out}")
    if as_json:
        inputs = {"model": model, "row": rows, "at": found.site, "k": k}
        document("nearest", dict(inputs), found, seconds=time.perf_counter() - began, seed=seed)
        return
    for i, number in enumerate(picked):
        narrate(held_out_row(subject, number))
        show(figures.text(figures.nearest(found, known, row=i)))


def decision(
    model: Model,
    row: Row = 0,
    wanted: Annotated[str | None, typer.Option(help="The answer wished for.", metavar="CLASS")] = None,
    constraints: Annotated[
        Path | None,
        typer.Option(help="TOML file: what may change, and a [reason] table of texts.", metavar="FILE"),
    ] = None,
    protected: Protected = None,
    refits: Refits = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write it as a page (.html).", metavar="FILE", callback=page_of_figures),
    ] = None,
    svg: Drawings = None,
    batch_size: BatchSize = 1024,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """One answer walked through.

    Its reasons, what holds it, what would change it, real rows like it.
    """
    from pellucid import figures, tasks
    from pellucid.cli._unit import write_drawings
    from pellucid.report import decision_figures, decision_page

    began = time.perf_counter()
    subject = given.subject(model, weights)
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_case(subject, "decision", row, refits=refits, compute=how)
        tell_estimate("decision", {"model": model, "row": row}, plan, began, seed, as_json=as_json)
        return
    with progress("decision", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.decision(
            subject,
            row,
            wanted=wanted,
            constraints=constraints,
            texts=_texts(constraints),
            protected=parts_of(protected),
            refits=refits,
            compute=compute,
        )
    drawn = decision_figures(found)
    write_drawings(drawn, svg)
    if out is not None:
        decision_page(found, out)
        narrate(f"Page written to {out}")
    if warning := tasks.no_better(subject):
        narrate(warning)
    if as_json:
        inputs = {"model": model, "row": row, "wanted": wanted, "protected": protected, "refits": refits}
        told = found.to_json() | _warned(warning)
        document("decision", dict(inputs), told, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in drawn:
        show(figures.text(each))
    for note in found.notes:
        narrate(note)


def _warned(warning: str) -> dict[str, Json]:
    """What a reader of the document must know too."""
    return {"warning": warning} if warning else {}


def _texts(path: Path | None) -> Mapping[str, str]:
    if path is None:
        return {}
    from pellucid.rules import read_toml

    given = read_toml(path).get("reason", {})
    if not isinstance(given, dict):
        raise InputError(f'{path}: [reason] takes words by column, such as income = "Income too low".')
    return {str(name): str(text) for name, text in given.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
