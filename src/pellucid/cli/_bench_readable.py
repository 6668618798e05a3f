"""``pellucid bench readable``: is what can be read as good as what cannot?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, Seed, numbers, parts_of
from pellucid.cli._places import folder_of
from pellucid.cli._say import document, narrate, result, show

if TYPE_CHECKING:
    from pellucid.tasks import Contest, Entry

HEAD = ("model", "AUC", "behind the best", "accuracy", "to read", "CPU s", "folds")


def readable(
    sets: Annotated[
        str | None,
        typer.Option(help="Of breast-cancer, heart, pima, german-credit, heloc, adult.", metavar="LIST"),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="Of logistic, tree, rules, additive, attention, concepts, prototypes, ebm, boosting, mlp.",
            metavar="LIST",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the tables that are not bundled; else where PELLUCID_TEST_DATA says.",
            metavar="FOLDER",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep every fold here, and go on from what is there.", metavar="FOLDER", callback=folder_of
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="Outer folds.")] = 5,
    only: Annotated[str | None, typer.Option(help="Numbers of the folds to measure.", metavar="LIST")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small settings, nothing chosen: a trial of the command.")
    ] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables as Markdown, for documents.")] = False,
) -> None:
    """Networks that can be read beside a plain network, boosting, EBM, logistic regression and a tree.

    Nested cross-validation: settings are chosen inside the training rows of each fold. All six sets take
    hours; --out keeps what is done, so that the same command goes on where it was stopped.
    """
    from pellucid import tasks

    began = time.perf_counter()

    def tell(words: str) -> None:
        if not as_json:
            narrate(f"  {time.perf_counter() - began:5.0f} s  {words}")

    found = tasks.readable_contest(
        parts_of(sets) or None,
        models=parts_of(models) or None,
        data=data,
        out=out,
        folds=folds,
        only=numbers(only, "--only"),
        quick=quick,
        seed=seed,
        watch=tell,
    )
    if out is not None:
        kept = tasks.kept_contest(out, quick=quick, seed=seed, folds=folds)  # also what other calls left
        (out / "readable.md").write_text(as_markdown(kept) + "\n", encoding="utf-8")
    if as_json:
        given = {"sets": sets, "models": models, "data": None if data is None else str(data), "only": only}
        given |= {"out": None if out is None else str(out)}
        inputs = {**given, "folds": folds, "quick": quick}
        document("bench readable", dict(inputs), found, seconds=time.perf_counter() - began, seed=seed)
    elif markdown:
        result(as_markdown(found))
    else:
        _shown(found)


def _shown(found: Contest) -> None:
    from rich.table import Table

    for name in dict.fromkeys(entry.name for entry in found.table):
        table = Table(box=None, pad_edge=False, title=name, title_justify="left")
        for column in HEAD:
            table.add_column(column, justify="left" if column == "model" else "right", no_wrap=True)
        for entry in found.table:
            if entry.name == name:
                table.add_row(*_cells(entry))
        show(table)
        result("")
    for line in _notes(found):
        result(line)


def as_markdown(found: Contest) -> str:
    """One table for all sets."""
    lines = [f"| data | {' | '.join(HEAD)} |", f"|{'---|' * (len(HEAD) + 1)}"]
    lines += [f"| {entry.name} | {' | '.join(_cells(entry))} |" for entry in found.table]
    return "\n".join([*lines, "", *(f"- {line}" for line in _notes(found))])


def _cells(entry: Entry) -> tuple[str, ...]:
    behind = "best" if entry.behind[0] == 0 else _interval(entry.behind, "+.3f")
    size = f"{entry.terms:,.0f} {entry.counts}"
    auc, accuracy = _interval(entry.auc, ".3f"), _interval(entry.accuracy, ".3f")
    return entry.model, auc, behind, accuracy, size, f"{entry.seconds:.1f}", str(entry.folds)


def _interval(value: tuple[float, float, float], form: str) -> str:
    mean, low, high = value
    if mean != mean:
        return "no fold shared"
    top = min(high, 1.0) if form == ".3f" else high  # no area and no share is above 1
    return f"{mean:{form}}" if low != low else f"{mean:{form}} [{low:{form}}, {top:{form}}]"


def _notes(found: Contest) -> list[str]:
    lines = [
        "Means over held-out folds with 95 % intervals of the corrected resampled t-test; differences are"
    ]
    lines[0] += " paired by folds; sizes and processor seconds are medians."
    if found.quick:
        lines.append("Quick settings: these numbers say that the command works, not who is better.")
    return [*lines, *(f"Left out: {name}. {why}" for name, why in found.left_out.items())]
