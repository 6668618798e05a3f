"""``pellucid patch``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import (
    AsJson,
    BatchSize,
    Drawings,
    Estimated,
    Model,
    Page,
    Seed,
    Weights,
    numbers,
)
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._say import estimating, progress, tell_estimate
from pellucid.cli._unit import tell_page, write_drawings, write_page

if TYPE_CHECKING:
    from pellucid._core import Json


def patch(
    model: Model,
    clean: Annotated[
        str, typer.Option("--from", help="Held-out rows whose activations are carried over.", metavar="ROWS")
    ],
    corrupt: Annotated[
        str,
        typer.Option("--to", help="Held-out rows that they are carried into, pair by pair.", metavar="ROWS"),
    ],
    site: Annotated[
        str | None, typer.Argument(help="Layer whose units are carried over; left out, whole layers are.")
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="A later layer: the connections from SITE to it.", metavar="SITE")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Class, or A,B for one minus another; left out, what is read for --from minus what is read "
            "for --to.",
            metavar="WHAT",
        ),
    ] = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    out: Page = None,
    svg: Drawings = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Where the difference between two inputs is decided.

    Activations of one are carried into the other: whole layers, units of one, or connections between two.
    """
    from pellucid import tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    rows = numbers(clean, "--from") or [], numbers(corrupt, "--to") or []
    about: dict[str, Json] = {"model": model, "from": list(rows[0]), "to": list(rows[1])}
    about |= {"site": site, "into": into, "target": target}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_patch(subject, *rows, site, into, target=target, compute=how)
        tell_estimate("patch", about, plan, began, seed, as_json=as_json)
        return
    with progress("patch", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        found = tasks.patch(subject, *rows, site, into, target=target, compute=compute)
    drawn = found.figures()
    write_drawings(drawn, svg)
    title, facts = "Where the difference is decided", (f"seed {seed}",)
    write_page(drawn, out, drawn[0], over=subject.name, title=title, facts=facts)
    tell_page("patch", about, found, drawn, began, seed, as_json=as_json)
