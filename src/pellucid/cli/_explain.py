"""``pellucid explain``: why answers came out, for some rows or for a whole data set."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import (
    AsJson,
    BatchSize,
    Estimated,
    Model,
    Seed,
    Weights,
    numbers,
    parts_of,
    targets_of,
)
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import room_for
from pellucid.cli._say import (
    document,
    estimating,
    held_out_row,
    narrate,
    progress,
    result,
    show,
    tell_estimate,
)
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Compute, Explanation, Subject
    from pellucid.tasks import Estimate


def explain(
    model: Model,
    rows: Annotated[
        str, typer.Option("--input", "--row", help="Held-out rows, such as 0 or 3,5.", metavar="LIST")
    ] = "0",
    method: Annotated[
        str | None, typer.Option(help="Methods with commas between them; left out, the best supported one.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Class numbers or names with commas between them; left out, each row's top class.",
            metavar="LIST",
        ),
    ] = None,
    many: Annotated[
        str | None,
        typer.Option(
            "--rows",
            help="Rows of the data set: all, train, validation, test or ranges such as 0-999. "
            "Streams to --out FILE.parquet and goes on where it was stopped.",
            metavar="ROWS",
        ),
    ] = None,
    evidence: Annotated[bool, typer.Option(help="Test each explanation.")] = True,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the picture to a .png or .svg, a page to a .html; with --rows, a table to a .parquet "
            "or folder.",
            metavar="FILE",
        ),
    ] = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Every test whole: what it asks, its control, its note.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Why an answer came out, with evidence beside it.

    Several methods stand side by side with a random control; several targets share their passes.
    """
    from pellucid import tasks

    began = time.perf_counter()
    _refuse(many, out, estimate)
    names = parts_of(method)
    for name in names:
        tasks.method_named(name)
    subject = given.subject(model, weights)
    asked = targets_of(subject, target)
    settings = {"model": model, "input": rows, "rows": many, "method": method, "target": target}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as trial:
            plan = _plan(subject, many, rows, names, asked, evidence, trial)
        tell_estimate("explain", dict(settings), plan, began, seed, as_json=as_json)
        return
    if many is not None and out is not None:
        _stream(subject, many, names, asked, evidence, out, batch_size, seed, settings, began, as_json)
        return
    picked = numbers(rows, "--input") or [0]
    title = ", ".join(names) or "choosing a method"
    with progress(title, quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.explain_several(
            subject, picked, methods=names, targets=asked, cards=evidence, compute=compute
        )
    if out is not None:
        _write(subject, found, out, picked)
    if as_json:
        document("explain", dict(settings), found, seconds=time.perf_counter() - began, seed=seed)
    else:
        _tell(subject, found, picked, verbose=verbose)


def _plan(
    subject: Subject,
    many: str | None,
    rows: str,
    names: list[str],
    asked: list[int],
    evidence: bool,
    how: Compute,
) -> Estimate:
    from pellucid import tasks

    data = subject.needs_data("explain")
    held = tasks.held_out(data)
    picked = numbers(rows, "--input") or [0]
    x = (
        held.inputs[tasks.rows_named(held, picked)]
        if many is None
        else data.inputs[tasks.rows_named(data, many)]
    )
    shard = None
    if many is not None:
        each = tasks.work_of(subject, x, methods=names, targets=asked, cards=evidence, compute=how.at(0, 1))
        shard = tasks.shard_of(data.inputs, each)
    return tasks.estimate(
        subject,
        x,
        methods=names,
        targets=asked,
        cards=evidence,
        shard=shard,
        compute=how,
    )


def _refuse(many: str | None, out: Path | None, estimate: bool) -> None:
    tables = out is not None and (out.suffix.lower() in ("", ".parquet") or out.is_dir())
    if many is not None and not tables and not estimate:
        raise InputError(
            f"--rows streams to a file: give --out FILE.parquet, or a folder for shards; got {out or 'none'}."
        )
    if out is not None:
        room_for(out)
    if many is None and out is not None and out.suffix.lower() not in (".png", ".svg", ".html", ".json"):
        raise InputError(
            f"A picture is written as .png, .svg, .html or .json; got {out}. "
            "To write explanations of many rows, say which: --rows all."
        )


def _stream(
    subject: Subject,
    many: str,
    names: list[str],
    asked: list[int],
    evidence: bool,
    out: Path,
    batch_size: int,
    seed: int,
    settings: dict[str, str | None],
    began: float,
    as_json: bool,
) -> None:
    from pellucid import tasks

    chosen = tasks.rows_named(subject.needs_data("explain"), many)
    try:
        with progress("explaining", quiet=as_json, batch_size=batch_size, seed=seed, unit="rows") as compute:
            tasks.explain_to(
                out, subject, chosen, methods=names, targets=asked, cards=evidence, compute=compute
            )
    except KeyboardInterrupt:
        narrate("Finished shards are kept; the same command goes on after them.")
        raise
    if as_json:
        results = {"path": str(out), "rows": len(chosen)}
        document("explain", dict(settings), results, seconds=time.perf_counter() - began, seed=seed)
    else:
        narrate(f"{len(chosen):,} rows of {subject.name} explained:")
        result(str(out))


def _write(subject: Subject, found: tuple[Explanation, ...], out: Path, rows: list[int]) -> None:
    """One picture or page for each row: ``why.png``, of several rows ``why-3.png`` and ``why-5.png``."""
    from pellucid import figures

    for k, row in enumerate(rows):
        to = out if len(rows) == 1 else out.with_stem(f"{out.stem}-{row}")
        if to.suffix.lower() == ".html":
            from pellucid.report import why_page

            why_page(subject, found, to, row=row, place=k)
            narrate(f"Page written to {to}")
        else:
            figures.explanations(found, row=k).save(to)
            narrate(f"Picture written to {to}")


def _tell(subject: Subject, found: tuple[Explanation, ...], rows: list[int], *, verbose: bool) -> None:
    """Of several explanations first how each was tested, in one table; then what each says."""
    from pellucid import figures
    from pellucid.figures._words import picture_like

    for index, name in enumerate(rows):
        narrate(held_out_row(subject, name))
        several = [why.row(index) for why in found]
        cards = [card for why in several for card in why.cards]
        if len(several) > 1 and cards:
            show(figures.text(figures.tested(several)))
        together = len(several) > 1 and all(picture_like(why) for why in several)
        for why in [several] if together else several:
            show(figures.text(figures.explanations(why)))
        if verbose or len(several) == 1:
            for card in cards:
                show(figures.text(figures.evidence(card, whole=verbose)))
    if not verbose and any(why.cards for why in found):
        narrate("What each test asks, with its control: --verbose. How far over many rows: pellucid audit.")
