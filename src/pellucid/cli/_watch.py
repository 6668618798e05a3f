"""Training, as it is watched in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pellucid.cli._say import narrate

if TYPE_CHECKING:
    from rich.table import Table

    from pellucid.training import Epoch


@contextmanager
def watching(*, quiet: bool = False) -> Generator[Callable[[Epoch], None]]:
    """A consumer of epochs: a live table on a terminal, a line per epoch elsewhere, nothing when quiet."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        yield from _live()
    else:
        yield lambda epoch: narrate(line(epoch))


def _live() -> Generator[Callable[[Epoch], None]]:
    from rich.console import Console
    from rich.live import Live

    seen: list[Epoch] = []
    with Live(console=Console(stderr=True), refresh_per_second=8) as screen:

        def tell(epoch: Epoch) -> None:
            seen.append(epoch)
            screen.update(_table(seen[-12:]))

        yield tell


def _table(epochs: list[Epoch]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("epoch", "loss", "validation loss", "score", "validation score"):
        table.add_column(name, justify="right")
    table.add_column("layers: dead units · update ÷ weight")
    for epoch in epochs:
        table.add_row(
            f"{epoch.index + 1}{' *' if epoch.best else ''}",
            f"{epoch.train_loss:.4f}",
            f"{epoch.validation_loss:.4f}",
            f"{epoch.train_score:.3f}",
            f"{epoch.validation_score:.3f}",
            _health(epoch),
        )
    return table


def line(epoch: Epoch) -> str:
    """One epoch in one line."""
    return (
        f"epoch {epoch.index + 1:>3}  loss {epoch.train_loss:.4f}, validation {epoch.validation_loss:.4f}  "
        f"score {epoch.train_score:.3f}, validation {epoch.validation_score:.3f}"
        f"{'  best' if epoch.best else ''}  {_health(epoch)}{f'  {epoch.stopped}' if epoch.stopped else ''}"
    )


def _health(epoch: Epoch) -> str:
    from pellucid._core import percent

    ill = [f"{h.site} {percent(h.dead, 0)} dead" for h in epoch.layers if h.dead and h.dead > 0.1]
    ratios = [h.update_ratio for h in epoch.layers if h.update_ratio]
    steps = f"updates {min(ratios):.0e}–{max(ratios):.0e} of weights" if ratios else ""
    return " · ".join(filter(None, [", ".join(ill[:3]), steps]))
