"""``pellucid check``: expectations on a network, run like tests."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import NETWORK, AsJson, BatchSize, Estimated, Weights
from pellucid.cli._given import NO_DATA, GivenData, described
from pellucid.cli._places import any_file, page_file
from pellucid.cli._say import EXIT, document, estimating, narrate, result, tell_estimate
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid.tasks._check import Checked, Expectations, Outcome

USUAL = "expectations.toml"


def check(
    model: Annotated[
        str,
        typer.Argument(
            help=f"{NETWORK}; or the file of expectations, where it names its model.",
            metavar="MODEL",
        ),
    ],
    expectations: Annotated[
        Path | None,
        typer.Argument(
            help=f"TOML file; left out, {USUAL} in the run folder or here.", metavar="EXPECTATIONS"
        ),
    ] = None,
    given: GivenData = NO_DATA,
    weights: Weights = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="The approved run to compare with, where a no-worse is expected.", metavar="FILE"),
    ] = None,
    approve: Annotated[
        bool,
        typer.Option(
            "--approve",
            help="Write what was measured as the approved run: to --baseline, the file's own, or beside it.",
        ),
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option(help="Write JUnit XML for a build server.", metavar="FILE", callback=any_file),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write the page, with pictures, to this .html.", metavar="FILE", callback=page_file
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="Most held-out rows to explain; left out, as the file says.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The only source of chance; left out, as the file says.")
    ] = None,
    batch_size: BatchSize = 256,
    estimate: Estimated = False,
    as_json: AsJson = False,
) -> None:
    """Whether a network keeps what is expected of it.

    Exit code 5 where it does not. Each number is judged on its 95 % interval: passed where all of it keeps
    the bound, failed where all of it breaks it, undecided where these rows cannot tell. See docs/check.md.
    """
    import dataclasses

    from pellucid import tasks
    from pellucid._core import Compute
    from pellucid.tasks._check import approve as write_approved
    from pellucid.tasks._check import as_told, opened

    began = time.perf_counter()
    named, asked = _named(model, expectations)
    asked = asked if rows is None else dataclasses.replace(asked, rows=rows)
    seed = asked.seed if seed is None else seed
    told = as_told(asked, given.told())
    subject = described(lambda: opened(asked, told, model=named, weights=weights), told)
    how, inputs = Compute(batch_size=batch_size, seed=seed), {"model": model, "expectations": asked.path}
    if estimate:
        with estimating(quiet=as_json, batch_size=batch_size, seed=seed) as trial:
            plan = tasks.estimate_check(subject, asked, compute=trial)
        tell_estimate("check", dict(inputs), plan, began, seed, as_json=as_json)
        return
    place = _place(asked, baseline)
    known = place
    if approve and (place is None or not place.exists()):
        known, asked = None, _first(asked)
    found = tasks.check(
        subject,
        dataclasses.replace(asked, baseline=""),
        baseline=known,
        watch=None if as_json else _Teller(named or subject.origin),
        compute=how,
    )
    _write(found, junit, html)
    if approve:
        to = place or Path(asked.path).with_suffix(".approved.json")
        narrate(f"Approved run written to {write_approved(found, to)}; {found.summary()}.")
    if as_json:
        about = {**inputs, "baseline": None if known is None else str(known)}
        document("check", dict(about), found.to_json(), seconds=time.perf_counter() - began, seed=seed)
    else:
        result(f"{found.name}: {found.summary()}")
    if not found.passed:
        sys.exit(EXIT["check"])


def _named(model: str, expectations: Path | None) -> tuple[str, Expectations]:
    """What is checked, empty where the file names it, and what is expected of it."""
    from pellucid.tasks._check import read_expectations

    if model.endswith(".toml"):
        if expectations is not None:
            raise InputError("Give the network first and the file of expectations second.")
        return "", read_expectations(model)
    if expectations is None:
        tried = [Path(model) / USUAL, Path(USUAL)]
        expectations = next((place for place in tried if place.is_file()), None)
        if expectations is None:
            raise InputError(
                f"There is no {tried[0]} and no {USUAL} here. Give one: pellucid check {model} FILE.toml; "
                "docs/check.md shows one."
            )
    return model, read_expectations(expectations)


def _first(asked: Expectations) -> Expectations:
    """What can be measured where nothing was approved before."""
    import dataclasses

    rest = tuple(each for each in asked.expectations if each.kind != "no-worse")
    if len(rest) < len(asked.expectations):
        narrate("This is the first approved run: no-worse is not judged.")
    return dataclasses.replace(asked, expectations=rest)


def _place(asked: Expectations, baseline: Path | None) -> Path | None:
    from pellucid.tasks._check import beside

    if baseline is not None:
        return baseline
    return Path(beside(asked.path, asked.baseline)) if asked.baseline else None


def _write(found: Checked, junit: Path | None, html: Path | None) -> None:
    from pellucid.report import check_page
    from pellucid.report import junit as write_junit

    if junit is not None:
        narrate(f"JUnit XML written to {write_junit(found, junit)}")
    if html is not None:
        narrate(f"Page written to {check_page(found, html)}")


class _Teller:
    """Each outcome in letters, as it comes."""

    def __init__(self, run: str) -> None:
        self._run = run

    def __call__(self, outcome: Outcome) -> None:
        from pellucid import figures

        result(figures.check_text(outcome, run=self._run))
