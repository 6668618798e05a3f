"""``pellucid layer``."""

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
from pellucid.cli._say import estimating, narrate, progress, tell_estimate
from pellucid.cli._unit import page_of_unit, tell_page, write_drawings
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Json


def layer(
    model: Model,
    site: Annotated[str, typer.Argument(help="Layer, as `pellucid layers` names it.")],
    given: GivenData = NO_DATA,
    weights: Weights = None,
    units: Annotated[
        str | None, typer.Option(help="Units, such as 0,3,7; left out, the 64 most moved.", metavar="LIST")
    ] = None,
    rows: Annotated[int, typer.Option(help="Most held-out rows to look at.")] = 1000,
    steps: Annotated[
        int, typer.Option(help="Steps of activation maximization for the 12 units that matter most; 0: none.")
    ] = 128,
    dictionary: Annotated[
        str | None,
        typer.Option(help="Learn one of the layer too: topk, batchtopk, jumprelu or nmf.", metavar="KIND"),
    ] = None,
    element: Annotated[
        int | None, typer.Option(help="Everything about this one element of the dictionary.", metavar="N")
    ] = None,
    concepts: Annotated[
        str | None,
        typer.Option(
            help="Test concepts here too: a folder with a folder of pictures per concept, or a column.",
            metavar="SETS",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Class that --concepts are asked about, by name or number.")
    ] = None,
    out: Page = None,
    svg: Drawings = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Everything about one layer.

    Its units with their real inputs, what they tell, what breaks without them, and what can be read off it.
    """
    from pellucid import tasks
    from pellucid.report import layer_page

    began = time.perf_counter()
    if element is not None and dictionary is None:
        raise InputError("--element shows one element of a dictionary: say which with --dictionary topk.")
    if (concepts is None) != (target is None):
        raise InputError(
            "--concepts are asked about a class: give --concepts SETS and --target CLASS, or neither."
        )
    if element is not None and concepts is not None:
        raise InputError("--concepts stand on the page of a whole layer: leave --element out.")
    subject = given.subject(model, weights)
    chosen = numbers(units, "--units")
    inputs: dict[str, Json] = {"model": model, "site": site, "units": units, "rows": rows}
    inputs |= {"dictionary": dictionary} | (
        {} if concepts is None else {"concepts": concepts, "target": target}
    )
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_layer(
                subject,
                site,
                units=chosen,
                rows=rows,
                steps=steps,
                dictionary=dictionary,
                concepts=concepts,
                target=target,
                compute=how,
            )
        tell_estimate("layer", inputs, plan, began, seed, as_json=as_json)
        return
    with progress("layer", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
        if element is not None and dictionary is not None:
            made = tasks.learned_dictionary(subject, site, dictionary, element=element, compute=compute)
            one = tasks.unit_of(
                subject, site, element, dictionary=made, steps=steps, rows=rows, compute=compute
            )
            about = {**inputs, "element": element}
            page_of_unit(one, about, out, svg, subject.name, began, seed, as_json=as_json)
            return
        page = tasks.layer(
            subject,
            site,
            units=chosen,
            rows=rows,
            steps=steps,
            dictionary=dictionary,
            concepts=concepts,
            target=target,
            compute=compute,
        )
    drawn = page.figures()
    write_drawings(drawn, svg)
    if out is not None:
        layer_page(page, out, name=subject.name)
        narrate(f"Page written to {out}")
    tell_page("layer", inputs, page, drawn, began, seed, as_json=as_json)
