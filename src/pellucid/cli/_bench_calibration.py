"""``pellucid bench calibration``: how often evidence passes what it should not, and what it should."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, BatchSize, Seed, parts_of
from pellucid.cli._given import NO_DATA, GivenData
from pellucid.cli._places import any_file
from pellucid.cli._say import document, narrate, result, show

if TYPE_CHECKING:
    from pellucid.evidence import Calibration, CalibrationRow
    from pellucid.figures import Figure


def calibration(
    model: Annotated[
        str | None,
        typer.Argument(help="A network of your own instead: a run folder or module:attr.", metavar="[MODEL]"),
    ] = None,
    network: Annotated[
        str, typer.Option(help="Which of mlp, cnn, vit, text to train and calibrate on.", metavar="LIST")
    ] = "mlp,cnn,vit,text",
    rows: Annotated[int, typer.Option(help="Most held-out rows of each.")] = 200,
    networks: Annotated[int, typer.Option(help="Untrained networks that serve as controls.")] = 20,
    fill: Annotated[str | None, typer.Option(help="Kinds of absence beside the usual one.")] = None,
    given: GivenData = NO_DATA,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the tables to this Markdown file.", metavar="FILE", callback=any_file),
    ] = None,
    batch_size: BatchSize = 256,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """How often evidence passes what it should not, and what it should.

    Maps that are known to be empty (of untrained networks, other classes, other inputs, made without a
    network, random) should pass a nominal 5 %; methods should pass often. All data are bundled or generated.
    """
    from pellucid import figures, tasks
    from pellucid._core import Compute
    from pellucid._core._store import write_bytes

    began = time.perf_counter()
    found: list[Calibration] = []
    clock = _Clock(quiet=as_json)
    for one in tasks.calibration(
        parts_of(network) if model is None else given.subject(model),
        rows=rows,
        fills=None if fill is None else parts_of(fill),
        controls=networks,
        tell=clock.say,
        watch=clock.tell,
        compute=Compute(batch_size=batch_size, seed=seed),
    ):
        found.append(one)
        if out is not None:  # what is done is kept, should the rest be stopped
            write_bytes(_page(found).encode(), out)
        if not as_json:
            for each in figures.figures_of(one):
                show(figures.text(each))
    if out is not None:
        narrate(f"Tables written to {out}")
    if as_json:
        inputs = {"model": model, "network": network, "rows": rows, "networks": networks, "fill": fill}
        document("bench calibration", dict(inputs), found, seconds=time.perf_counter() - began, seed=seed)
        return
    result(
        "No empty map passes any question above 6.5 %."
        if all(one.kept for one in found)
        else "Some empty maps pass above 6.5 %."
    )


class _Clock:
    """A line for each step and row that is done."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._began = quiet, time.perf_counter()

    def say(self, words: str) -> None:
        """What is being done."""
        if not self._quiet:
            narrate(f"  {time.perf_counter() - self._began:5.0f} s  {words}")

    def tell(self, row: CalibrationRow) -> None:
        """Which row is done."""
        from pellucid._core import percent

        share = next(iter(row.shares.values()))
        self.say(f"{row.name}: {percent(share.value)} of {row.n} maps pass the first question")


def _page(found: list[Calibration]) -> str:
    """The tables as Markdown, with how they came about."""
    from pellucid import figures

    parts = [HEAD]
    for one in found:
        parts += [f"## {one.network}", *(_section(each) for each in figures.figures_of(one))]
    return "\n\n".join(parts) + "\n"


def _section(figure: Figure) -> str:
    head = f"| {' | '.join(figure.table.columns)} |\n|{'|'.join('---' for _ in figure.table.columns)}|"
    rows = "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |" for cells in figure.table.texts()
    )
    return f"### {figure.title.split(':')[0]}\n\n{figure.alt}\n\n{head}\n{rows}\n\n{figure.note}"


HEAD = """# Calibration of the evidence

`pellucid bench calibration --out docs/calibration.md` made this page from bundled and generated data.

Every test of the card claims a nominal 5 % of false positives. Here it is given maps that are known to \
be empty: of further untrained networks, of the class that comes next, of another input, made without a \
network, random fields of growing smoothness. Shares carry Wilson's 95 % interval. Questions:

- *matters*: the joint test, the largest p over the map laid elsewhere, maps of other inputs and maps of \
19 untrained copies.
- *beats model-free*: better than the best map made without the network, beyond the interval, and told \
from chance.
- *holds: …*: told from chance under another kind of absence, with the same sign; *every absence*: under \
all of them.
- *opposite*: called the opposite of what the model does. A map of the wrong class is just that, so it \
is left out there.
- *stable*: p of stability where maps of other inputs stand for those of the same input under noise.

*About training*, *about this class* and *adds up* are gates on a size, no tests of chance: they have \
power but no false positive rate. A method that gives the next class the same map has no map of a wrong \
class."""
