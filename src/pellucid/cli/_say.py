"""Results go to stdout, narration to stderr; bars only where someone is watching."""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, cast

from pellucid._version import __version__
from pellucid._visible import visible
from pellucid.cli._typed import noted
from pellucid.errors import PellucidError

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    from pellucid._core import Compute, Json, Subject
    from pellucid.tasks import Estimate

# documented in the README and in `pellucid --help`
EXIT = {
    "done": 0,
    "bug": 1,
    "usage": 2,
    "load": 3,
    "method": 4,
    "check": 5,
    "store": 7,
    "training": 8,
    "interrupted": 130,
}
SHORT, FIRST, SELDOM = (
    2.0,
    5.0,
    60.0,
)  # seconds: of work that needs no line, of the first line, most between two
_BY_ERROR = {
    "LoadError": "load",
    "MethodError": "method",
    "StoreError": "store",
    "TrainingError": "training",
    "CancelledError": "interrupted",
}


def exit_code(error: BaseException) -> int:
    """The documented exit code for an error.

    Example:
        >>> from pellucid.errors import LoadError
        >>> exit_code(LoadError("no such file"))
        3
    """
    if isinstance(error, KeyboardInterrupt):
        return EXIT["interrupted"]
    if not isinstance(error, PellucidError):
        return EXIT["bug"]
    return EXIT[_BY_ERROR.get(type(error).__name__, "usage")]


def narrate(text: str) -> None:
    """One line on stderr."""
    print(visible(noted(text)), file=sys.stderr, flush=True)  # noqa: T201


def result(text: str) -> None:
    """One line on stdout."""
    print(visible(text), flush=True)  # noqa: T201


def held_out_row(subject: Subject, number: int) -> str:
    """Which row what follows is about, by its name too where it has one."""
    from pellucid.tasks import held_out

    names = held_out(subject.needs_data("rows")).names
    return f"{subject.name}: held-out row {number}" + (f", {names[number]}" if names else "")


def show(value: object, *, narrated: bool = False) -> None:
    """A value on stdout (``narrated``: on stderr) as rich tables, as wide as the terminal."""
    from rich.console import Console

    # where nobody watches, tables keep the width that they need
    stream = sys.stderr if narrated else sys.stdout
    Console(file=stream, width=None if stream.isatty() else 120).print(_Marked(_in_words(value)))


def _in_words(value: object) -> object:
    """The same with the options of the command in the place of Python's arguments."""
    from rich.console import Group
    from rich.text import Text

    if isinstance(value, Group):
        for part in value.renderables:
            if isinstance(part, Text) and (said := noted(part.plain)) != part.plain:
                part.plain = said
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class _Marked:
    """A value as rich draws it, with control characters of names from outside marked."""

    value: object

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from rich.segment import Segment

        for part in console.render(cast("RenderableType", self.value), options):
            yield part if part.control else Segment(visible(part.text), part.style)


def document(
    command: str, inputs: dict[str, Json], results: object, *, seconds: float, seed: int = 0
) -> None:
    """Exactly one JSON document on stdout."""
    import torch

    from pellucid.cli._json import to_json

    whole = {
        "schema": "pellucid/1",
        "command": command,
        "inputs": inputs,
        "results": to_json(results),
        "seed": seed,
        "seconds": round(seconds, 3),
        "versions": {
            "pellucid": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    result(json.dumps(whole, ensure_ascii=False, allow_nan=False))


def tell_estimate(
    command: str, inputs: dict[str, Json], plan: Estimate, began: float, seed: int, *, as_json: bool
) -> None:
    """What a command would take, in place of its result."""
    if as_json:
        totals: dict[str, Json] = {"forward": plan.forward, "backward": plan.backward, "exact": plan.exact}
        totals |= {"seconds": plan.seconds, "memory": plan.memory}
        totals["steps"] = [dataclasses.asdict(step) for step in plan.steps]
        inputs = {**inputs, "estimate": True}
        document(command, inputs, totals, seconds=time.perf_counter() - began, seed=seed)
        return
    from pellucid import figures

    show(figures.text(plan))


def estimating(*, quiet: bool, batch_size: int, seed: int) -> AbstractContextManager[Compute]:
    """Progress of an estimate, as a share of the whole of it."""
    return progress("estimate", quiet=quiet, batch_size=batch_size, seed=seed, unit="%")


@contextmanager
def progress(
    title: str, *, quiet: bool = False, batch_size: int = 64, seed: int = 0, unit: str = ""
) -> Generator[Compute]:
    """A :class:`Compute` whose progress is drawn: one bar on a terminal, else lines where work is long.

    Where ``unit`` is given (``"%"``: as a share), progress counts towards the end of the whole command; else
    each piece of work brings a count of its own, and the bar adds up what went through the network.
    """
    from pellucid._core import Compute

    if quiet:
        yield Compute(batch_size=batch_size, seed=seed)
        return
    if not sys.stderr.isatty():
        yield Compute(batch_size=batch_size, seed=seed, progress=_Lines(title, whole=bool(unit)))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    known = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeLeft())
    counted = (TextColumn("{task.completed:,.0f} network rows, {task.fields[rate]}"), TimeElapsedColumn())
    shared = (BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeLeft())
    shown = shared if unit == "%" else known if unit else counted
    columns = (TextColumn("{task.description}"), *shown)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, rate="")
        told, began = _Sum(adding=not unit), time.monotonic()
        # what an earlier run finished says nothing of this one's pace
        first: list[int] = []

        def tell(done: int, total: int) -> None:
            at = told(done)
            if not first:
                first.append(at if unit else 0)
            rate = (at - first[0]) / max(time.monotonic() - began, 1e-3)
            words = f"{rate:,.0f} {unit or 'rows'}/s" if rate else ""
            bar.update(task, completed=at, total=total if unit else None, rate=words)

        yield Compute(batch_size=batch_size, seed=seed, progress=tell)


class _Sum:
    """How much was done in all, where each piece of work counts from the beginning."""

    def __init__(self, *, adding: bool) -> None:
        self._adding, self._before, self._last = adding, 0, 0

    def __call__(self, done: int) -> int:
        if self._adding and done < self._last:
            self._before += self._last
        self._last = done
        return self._before + done


class _Lines:
    """Lines for long work, none for short work: each tenth of the whole once.

    Where only pieces are counted, how much was done so far, ever more seldom down to once a minute.
    """

    def __init__(self, title: str, *, whole: bool) -> None:
        self._title, self._whole, self._began = title, whole, time.monotonic()
        self._told, self._next, self._sum = 0, FIRST, _Sum(adding=not whole)

    def __call__(self, done: int, total: int) -> None:
        at, passed = self._sum(done), time.monotonic() - self._began
        if self._whole:
            tenth = 10 * at // max(total, 1)
            if tenth > self._told and done < total and passed > SHORT:
                self._told = tenth
                narrate(f"{self._title}: {10 * tenth} %")
        elif passed > self._next:
            self._next = passed + min(passed, SELDOM)
            narrate(f"{self._title}: {at:,} network rows in {passed:.0f} s, going on")
