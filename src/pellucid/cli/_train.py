"""``pellucid train``: from a file or a folder to a run folder."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._arguments import AsJson, Seed, numbers
from pellucid.cli._places import folder_of
from pellucid.cli._say import document, narrate, result, show
from pellucid.cli._watch import watching

if TYPE_CHECKING:
    from pellucid._core import Dataset, Subject


NETWORKS = (
    "For texts: text-cnn, transformer or gru; for pictures: vit. "
    "Readable by design: additive, attention, rules, concepts, prototypes."
)


class Front(StrEnum):
    """What a network for sounds takes."""

    waveform = "waveform"
    spectrogram = "spectrogram"


def train(
    data: Annotated[
        str,
        typer.Argument(
            help="A table (.csv, .parquet), a folder or .zip of pictures or sounds, .npz, or a bundled name.",
            metavar="DATA",
        ),
    ],
    target: Annotated[
        str | None, typer.Option(help="Column to predict, where DATA is a table.", metavar="COLUMN")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Column to read, where DATA is a table of texts.", metavar="COLUMN")
    ] = None,
    parts: Annotated[
        str | None, typer.Option(help="Column that says train, validation or test.", metavar="COLUMN")
    ] = None,
    network: Annotated[str | None, typer.Option(help=NETWORKS, metavar="NAME")] = None,
    out: Annotated[
        Path, typer.Option(help="Run folder to leave behind.", metavar="FOLDER", callback=folder_of)
    ] = Path("run"),
    epochs: Annotated[
        int | None, typer.Option(help="Most passes over the training rows; left out, what suits the network.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows per step; left out, what suits the network.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Step size; left out, one that suits the optimizer.")
    ] = None,
    optimizer: Annotated[str, typer.Option(help="adamw or sgd.")] = "adamw",
    concept: Annotated[
        list[str] | None,
        typer.Option(
            help="For network concepts, once each: 'dti > .43', 'name: age < 30 and home == own', a column "
            "of labels, or for pictures 'name: class, class'.",
            metavar="TEXT",
        ),
    ] = None,
    ordered: Annotated[
        bool,
        typer.Option(
            "--ordered", help="For network rules: a list, if / else if / else, instead of rules that add up."
        ),
    ] = False,
    max_rules: Annotated[
        int | None, typer.Option(help="For network rules: most rules; left out, 20.")
    ] = None,
    max_conditions: Annotated[
        int | None, typer.Option(help="For network rules: most conditions of each; left out, 4.")
    ] = None,
    rises: Annotated[
        list[str] | None,
        typer.Option(
            help="For networks additive and rules: of this column more can only raise the answer (of two "
            "classes, the second in order); holds everywhere. Once each.",
            metavar="COLUMN",
        ),
    ] = None,
    falls: Annotated[
        list[str] | None,
        typer.Option(help="The same where more can only lower it. Once each.", metavar="COLUMN"),
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(help="Widths of the hidden dense layers, such as 64,64.", metavar="LIST")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="relu, leaky_relu, gelu, silu, tanh or sigmoid.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", help="Override an inferred type: zip=category or age=number.", metavar="COLUMN=TYPE"
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            help="A word that stands for no value, beside NA, ? and the like; once each.", metavar="WORD"
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a table; left out, UTF-8, else Windows (cp1252).", metavar="NAME")
    ] = None,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out pictures and sounds that are damaged, and name them.")
    ] = False,
    pattern: Annotated[
        str | None,
        typer.Option(help='How sound files are named: "{label}_{speaker}_{take}".', metavar="TEXT"),
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option(
            help="Sounds for testing, by a part of the pattern: speaker=theo.", metavar="NAME=VALUE"
        ),
    ] = None,
    front: Annotated[
        Front | None, typer.Option(help="What a network for sounds takes; left out, the spectrogram.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Samples per second of sounds; left out, the commonest.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Length of sounds; left out, one that holds 95 % whole.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a network and leave a run folder.

    Its inner workings are watched while it trains.
    A run that was killed resumes where it stopped when the same command is given again.
    """
    from pellucid import figures, tasks
    from pellucid.rules import WeightedRules

    began = time.perf_counter()
    heard = tasks.Heard(pattern, held_out, None if front is None else front.value, rate, seconds)
    dataset = tasks.dataset_of(
        data,
        answer=target,
        types=tasks.parsed_types(types or []),
        text=text,
        parts=parts,
        missing=missing or (),
        encoding=encoding,
        skip=skip,
        heard=heard,
        rises=rises or (),
        falls=falls or (),
    )
    if not as_json:
        _describe(dataset)
    widths = numbers(hidden, "--hidden")
    net = tasks.network_for(
        dataset,
        kind=network,
        hidden=widths,
        activation=activation,
        concepts=concept or (),
        ordered=ordered,
        max_rules=max_rules,
        max_conditions=max_conditions,
        seed=seed,
    )
    with watching(quiet=as_json) as watch:
        subject = tasks.train(
            dataset,
            network=net,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            seed=seed,
            out=out,
            watch=watch,
        )
    score = tasks.performance(subject)
    told = _of_itself(subject)
    beside = tasks.plain_beside(subject, seed=seed)
    if as_json:
        notes = () if subject.data is None else subject.data.notes
        results = {"run": str(out), "performance": score, "record": _told(subject), "notes": notes}
        results |= {name: value for name, value in told.items() if name not in ("pairs", "attention")}
        if beside is not None:
            results["beside"] = beside.to_json()
        document(
            "train", {"data": data, "target": target}, results, seconds=time.perf_counter() - began, seed=seed
        )
        return
    for note in () if subject.data is None else subject.data.notes[len(dataset.notes) :]:
        narrate(note)
    for name, value in told.items():
        if isinstance(value, WeightedRules):
            narrate(value.to_text())
        elif name == "shapes":
            continue  # many plots: the last line names their command
        else:
            for figure in figures.figures_of(value):
                show(figures.text(figure), narrated=True)
    if pairs := tasks.pairs_found(subject):
        narrate(pairs)
    narrate(str(score))
    if warning := tasks.no_better(subject, score):
        narrate(warning)
    if beside is not None:
        narrate(beside.sentence)
    inside = "shapes" if "shapes" in told else "layers"
    narrate(f"Look inside with: pellucid {inside} {out} · pellucid explain {out} · pellucid report {out}")
    result(str(out))


def _of_itself(subject: Subject) -> dict[str, object]:
    """What a readable network says of itself; where that cannot be measured, why not is said."""
    from pellucid import tasks
    from pellucid.errors import InputError

    try:
        return tasks.own_account(subject)
    except InputError as error:
        narrate(f"No account of itself: {error}")
        return {}


def _told(subject: Subject) -> object:
    """The record without the weights that it keeps."""
    import dataclasses

    from pellucid.training import TrainingRecord

    record = subject.record
    return dataclasses.replace(record, snapshots=()) if isinstance(record, TrainingRecord) else record


def _describe(dataset: Dataset) -> None:
    from pellucid.figures import counted
    from pellucid.inputs import TabularSpec

    spec = dataset.spec
    # what a row holds for its owner, not the slots that a network is given
    shape = (
        counted(len(spec.columns), "column")
        if isinstance(spec, TabularSpec)
        else " × ".join(map(str, dataset.inputs.shape[1:]))
    )
    kind = (
        f"{len(dataset.classes)} classes"
        if dataset.classes
        else f"a number{f' in {dataset.unit}' if dataset.unit else ''}"
    )
    narrate(
        f"{dataset.name}: {counted(len(dataset), 'row')} of {shape}, predicting {dataset.answer} ({kind})"
    )
    for note in dataset.notes:
        narrate(f"  · {note}")
