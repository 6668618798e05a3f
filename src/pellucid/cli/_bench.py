"""``pellucid bench``: which methods find what is known to matter, and what the tests themselves are worth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Estimated, Seed, parts_of
from pellucid.cli._bench_calibration import calibration
from pellucid.cli._bench_readable import readable
from pellucid.cli._given import with_options
from pellucid.cli._leaderboard import run_leaderboard
from pellucid.cli._places import folder_of
from pellucid.cli._say import document, narrate, progress, result, show
from pellucid.errors import InputError, near_misses

if TYPE_CHECKING:
    from pellucid.evidence import GroundTruth, Localisation, Measure, TruthRow

READINGS = {"magnitude": "by size |value|", "positive": "by what speaks for the class (positive values)"}

bench = typer.Typer(no_args_is_help=True, help="Measure methods and tests where the truth is known.")


@bench.callback()
def _bench() -> None:
    """Measure methods and tests where the truth is known."""


bench.command("calibration")(with_options(calibration))
bench.command("readable")(readable)


@bench.command("truth")
def truth(
    task: Annotated[
        str,
        typer.Argument(
            help="leaderboard (all planted tasks), names of some of them with commas between them, or one of "
            "planted (two of them, with more detail), davis and mosaics.",
            metavar="TASK",
        ),
    ] = "leaderboard",
    data: Annotated[
        Path | None,
        typer.Option(
            help="Pictures for davis (images/, masks/, index.csv) and mosaics (names begin with the class "
            "number): a folder or a .zip.",
            metavar="PATH",
        ),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Methods with commas between them; left out, all.")
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            help="Most network rows per method and network; dear methods see fewer inputs. Left out, "
            "10,000 for the leaderboard, 100,000 for planted and 6,000 for pictures."
        ),
    ] = None,
    twin: Annotated[bool, typer.Option(help="Measure an untrained copy too; not in the leaderboard.")] = True,
    regions: Annotated[
        int | None,
        typer.Option(
            help="Photographs: superpixels to cut them into for methods that take parts away (exact_shapley "
            "needs 16 or fewer); left out, 8 × 8 cells.",
            min=1,
        ),
    ] = None,
    peers: Annotated[bool, typer.Option(help="Leaderboard: captum and shap too, where installed.")] = True,
    inputs: Annotated[int, typer.Option(help="Leaderboard: most inputs for each network.")] = 24,
    seeds: Annotated[int, typer.Option(help="Leaderboard: networks for each task.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Leaderboard: folder for results; what is there is not measured again.",
            metavar="FOLDER",
            callback=folder_of,
        ),
    ] = None,
    estimate: Estimated = False,
    batch_size: BatchSize = 64,
    seed: Seed = 0,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables as Markdown, for documents.")] = False,
) -> None:
    """Which methods find what is known to matter.

    The leaderboard trains small networks on tasks with a planted reason, shows by intervention that they live
    by it, and measures every method, captum's and shap's beside ours, with rows for chance and for maps that
    know nothing of the network. It takes some ten minutes; --out keeps what is done and goes on from there.
    """
    from pellucid import tasks

    began = time.perf_counter()
    if budget is not None and budget < 1:
        raise InputError(f"--budget must be at least 1, got {budget}.")
    named = parts_of(method) or None
    if task not in tasks.TRUTH_TASKS:
        if data is not None:
            raise InputError("The planted tasks are generated; they take no data.")
        if regions is not None:
            raise InputError(f"--regions cuts photographs (davis, mosaics); {task} has none.")
        run_leaderboard(
            None if task == "leaderboard" else _planted_among(task),
            method=named,
            peers=peers,
            inputs=inputs,
            seeds=seeds,
            budget=budget or 10_000,
            out=out,
            estimate=estimate,
            as_json=as_json,
            markdown=markdown,
            batch_size=batch_size,
            seed=seed,
        )
        return
    if out is not None or estimate:
        raise InputError(f"--out and --estimate belong to the leaderboard; {task} is measured in one go.")
    clock = _Clock(quiet=as_json)
    with progress("truth", quiet=as_json, batch_size=batch_size, seed=seed, unit="%") as compute:
        found = tasks.truth(
            task,
            source=data,
            among=named,
            budget=budget,
            twin=twin,
            regions=regions,
            watch=clock.tell,
            compute=compute,
        )
    if as_json:
        given = {
            "task": task,
            "data": None if data is None else str(data),
            "method": method,
            "budget": budget,
            "regions": regions,
        }
        document("bench truth", dict(given), found, seconds=time.perf_counter() - began, seed=seed)
        return
    for each in found:
        _markdown(each) if markdown else _tables(each)


def _planted_among(text: str) -> list[str]:
    """``"xor,border"`` as names of planted tasks."""
    from pellucid.tasks import TRUTH_TASKS, leaderboard_names

    known = ("leaderboard", *TRUTH_TASKS, *leaderboard_names())
    for name in parts_of(text):
        if name not in leaderboard_names():
            raise InputError(f"There is no task {name!r}. {near_misses(name, known)}")
    return parts_of(text)


class _Clock:
    """A line for each method that is done."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._began = quiet, time.perf_counter()

    def tell(self, row: TruthRow) -> None:
        """Say which method is done, on how many inputs, and how long all took so far."""
        if not self._quiet:
            took = f"{row.magnitude.n} inputs, {row.rows} network rows each"
            narrate(f"  {time.perf_counter() - self._began:5.0f} s  {row.method}: {took}")


def _tables(found: GroundTruth) -> None:
    from rich.table import Table

    result(f"\n{_title(found)}")
    for reading, words in READINGS.items():
        table = Table(box=None, pad_edge=True, title=words, title_justify="left")
        for name in _HEAD:
            table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
        for cells in _rows(found, reading):
            table.add_row(*cells)
        show(table)
    for line in _missing(found, ""):
        result(f"  {line}")


def _markdown(found: GroundTruth) -> None:
    result(f"\n### {_title(found)}\n")
    for reading, words in READINGS.items():
        result(f"{words[:1].upper()}{words[1:]}:\n")
        result(f"| {' | '.join(_HEAD)} |\n|{'|'.join('---' for _ in _HEAD)}|")
        for cells in _rows(found, reading):
            result(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
        result("")
    for line in _missing(found, "`"):
        result(f"- {line}")


def _missing(found: GroundTruth, mark: str) -> list[str]:
    """What was not measured, one line for each reason."""
    groups: dict[str, list[str]] = {}
    for name, why in found.refused.items():
        reason = why.split(". ")[0].removeprefix(f"{name} ").rstrip(".")
        groups.setdefault(f"{reason[:1].upper()}{reason[1:]}", []).append(f"{mark}{name}{mark}")
    if found.dear:
        told = [f"{mark}{name}{mark} ({cost:,})" for name, cost in found.dear.items()]
        groups[f"Too dear, in network rows an input, for a budget of {found.budget:,}"] = told
    return [f"Not measured. {reason}: {', '.join(names)}." for reason, names in groups.items()]


_HEAD = ("method", "gain", "pointing", "AUC", "rank acc.", "untrained", "n", "rows")


def _title(found: GroundTruth) -> str:
    from pellucid._core import percent

    return f"{found.task} ({found.n} inputs, area {percent(found.area)}, {found.target} explained)"


def _rows(found: GroundTruth, reading: str) -> list[tuple[str, ...]]:
    """One line a method, the best energy first, baselines marked."""

    def read(row: TruthRow) -> Localisation:
        return row.magnitude if reading == "magnitude" else row.positive

    ordered = sorted(found.table, key=lambda row: -read(row).gain.value)
    return [_cells(row, read(row), with_twin=reading == "magnitude") for row in ordered]


def _cells(row: TruthRow, read: Localisation, *, with_twin: bool) -> tuple[str, ...]:
    blank = "–" if row.untrained is None or not with_twin else f"{row.untrained.value:.2f}"
    return (
        f"({row.method})" if row.baseline else row.method,
        _number(read.gain),
        _number(read.pointing),
        _number(read.auc),
        f"{read.precision.value:.2f}",
        blank,
        str(read.n),
        "–" if row.baseline else f"{row.rows:,}",
    )


def _number(measure: Measure) -> str:
    return f"{measure.value:.2f} [{measure.low:.2f}, {measure.high:.2f}]"
