"""``pellucid features``."""

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
    Model,
    Seed,
    Weights,
    numbers,
    parts_of,
)
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import drawn_file, folder_of, page_of_figures
from pellucid.cli._say import document, estimating, progress, show, tell_estimate
from pellucid.cli._unit import page_of_unit, write_drawings, write_page
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Json, Subject
    from pellucid.features import Objective


class Changes(StrEnum):
    """How inputs are changed at random while they are made."""

    auto = "auto"
    none = "none"
    jitter = "jitter"
    full = "full"


class Kept(StrEnum):
    """What made inputs keep of the data."""

    auto = "auto"
    covariance = "covariance"
    spectrum = "spectrum"
    fourier = "fourier"
    phase = "phase"
    marginals = "marginals"
    free = "free"


def features(
    model: Model,
    site: Annotated[str | None, typer.Argument(help="Layer, as `pellucid layers` names it.")] = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    units: Annotated[
        str | None, typer.Option(help="Units, such as 0,3,7; left out, all.", metavar="LIST")
    ] = None,
    unit: Annotated[
        int | None, typer.Option(help="Everything about this one unit, on a page of its own.", metavar="N")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option("--class", help="Classes, by name or number, in place of units.", metavar="LIST"),
    ] = None,
    difference: Annotated[
        str | None, typer.Option(help="What moves one class rather than the other.", metavar="A,B")
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            help="Directions of the layer: a class, a column, a folder with a folder of pictures per "
            "concept, or a .safetensors or .npy file of vectors.",
            metavar="WHAT",
        ),
    ] = None,
    faces: Annotated[
        int | None, typer.Option(help="So many pictures of each, held apart from each other.", metavar="N")
    ] = None,
    accentuate: Annotated[
        str | None,
        typer.Option(
            help="Rows of the data to begin at; without units or classes, towards what the network reads.",
            metavar="ROWS",
        ),
    ] = None,
    caricature: Annotated[
        str | None,
        typer.Option(help="Rows of the data, of which the layer's view is exaggerated.", metavar="ROWS"),
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of activation maximization.")] = 256,
    seeds: Annotated[int, typer.Option(help="Starts of each.")] = 2,
    transforms: Annotated[
        Changes, typer.Option(help="How inputs are changed at random while they are made.")
    ] = Changes.auto,
    statistics: Annotated[Kept, typer.Option(help="What made inputs keep of the data.")] = Kept.auto,
    twin: Annotated[
        str | None,
        typer.Option(
            help="The same network trained from another start, such as a run with another --seed: do the "
            "pictures move its units too?",
            metavar="RUN",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep finished portions here; the same command goes on there.",
            metavar="FOLDER",
            callback=folder_of,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the page to this .html, or the pictures to this .png, .svg or .pdf.",
            metavar="FILE",
            callback=drawn_file,
        ),
    ] = None,
    svg: Drawings = None,
    batch_size: BatchSize = 128,
    seed: Seed = 0,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """What the units of a layer respond to most.

    Made inputs beside real ones and an untrained control. Also what moves a class, a difference of two or a
    direction; several faces of one; and real inputs with what matters made more of.
    """
    from pellucid import figures, tasks

    began = time.perf_counter()
    subject = given.subject(model, weights)
    about: dict[str, Json] = {"model": model, "site": site}
    if unit is not None:
        others = (units, classes, difference, direction, faces, accentuate, caricature, keep)
        if site is None or estimate or any(other is not None for other in others):
            raise InputError(
                "--unit shows one unit of the layer that is named: give SITE, and nothing else to make."
            )
        page_of_figures(out)
        with progress("unit", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
            one = tasks.unit_of(subject, site, unit, steps=steps, compute=compute)
        about |= {"unit": unit, "steps": steps}
        page_of_unit(one, about, out, svg, subject.name, began, seed, as_json=as_json)
        return
    asked = {"units": units, "class": classes, "difference": difference, "direction": direction}
    asked |= {"accentuate": accentuate, "caricature": caricature, "twin": twin}
    about |= {name: text for name, text in asked.items() if text is not None or name == "units"}
    about |= {} if statistics is Kept.auto else {"statistics": statistics.value}
    about |= {"steps": steps, "seeds": seeds} | ({} if faces is None else {"faces": faces})
    picked, goals = numbers(units, "--units"), _objectives(subject, classes, difference, direction)
    starts, looked = numbers(accentuate, "--accentuate") or [], numbers(caricature, "--caricature") or []
    second = None if twin is None else given.subject(twin)
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as how:
            plan = tasks.estimate_features(
                subject,
                site,
                units=picked,
                objectives=goals,
                accentuate=starts,
                caricatures=looked,
                faces=faces,
                steps=steps,
                seeds=seeds,
                transforms=transforms.value,
                statistics=statistics.value,
                compute=how,
            )
        tell_estimate("features", about, plan, began, seed, as_json=as_json)
        return
    with progress("features", quiet=as_json, batch_size=batch_size, seed=seed) as compute:
        page = tasks.features(
            subject,
            site,
            units=picked,
            objectives=goals,
            accentuate=starts,
            caricatures=looked,
            faces=faces,
            steps=steps,
            seeds=seeds,
            transforms=transforms.value,
            statistics=statistics.value,
            twin=second,
            keep=keep,
            compute=compute,
        )
    drawn = figures.feature_tiles(page.pictures, page.exemplars, page.real)
    trust = [] if page.pictures.trust is None else [figures.picture_trust(page.pictures)]
    write_drawings([drawn, *trust], svg)
    place = "the output" if page.pictures.site == "." else page.pictures.site
    title, facts = f"What moves {place}", (f"{steps} steps", f"seed {seed}")
    write_page([drawn, *trust], out, drawn, over=subject.name, title=title, facts=facts)
    if as_json:
        document("features", about, page, seconds=time.perf_counter() - began, seed=seed)
    else:
        show(figures.text(page.pictures))


def _objectives(
    subject: Subject, classes: str | None, difference: str | None, direction: str | None
) -> list[Objective]:
    """What is made, in place of units."""
    from pellucid import tasks

    # a class name may itself hold a comma
    names = [classes] if classes is not None and classes in subject.classes else parts_of(classes)
    goals: list[Objective] = [tasks.class_objective(subject, name) for name in names]
    if difference is not None:
        goals.append(tasks.difference_objective(subject, parts_of(difference)))
    if direction is not None:
        goals += tasks.direction_objectives(subject, direction)
    return goals
