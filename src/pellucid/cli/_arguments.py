"""Options that several commands share, worded once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._say import narrate
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Dataset, Subject

LOOKED = 64  # rows that a network of one's own answers before all else

Model = Annotated[
    str, typer.Argument(help="A run folder, or package.module:attr / file.py:attr.", metavar="MODEL")
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Data to examine on: a path or a bundled name. A run folder brings its own; all rows of "
        "another table are held out.",
        metavar="DATA",
    ),
]
Answer = Annotated[
    str | None, typer.Option(help="Column to predict, where --data is a table.", metavar="COLUMN")
]
Weights = Annotated[
    Path | None,
    typer.Option(help="Weights to load: safetensors, or a checkpoint without code.", metavar="FILE"),
]
Picture = Annotated[Path | None, typer.Option(help="Write the picture to this .png or .svg.", metavar="FILE")]
Drawings = Annotated[
    Path | None,
    typer.Option("--svg", help="Write every figure as an SVG into this folder.", metavar="FOLDER"),
]
Page = Annotated[
    Path | None, typer.Option(help="Write the page to this .html, for a browser.", metavar="FILE")
]
HeldOut = Annotated[str, typer.Option("--row", help="Held-out rows, such as 3 or 3,5.", metavar="LIST")]
Refits = Annotated[
    int | None, typer.Option(help="Networks trained anew that judge; left out, 5 for a run of ours.")
]
Seed = Annotated[int, typer.Option(help="The only source of chance.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Estimated = Annotated[
    bool, typer.Option("--estimate", help="Say what it will take (passes, memory, time) and stop.")
]
BatchSize = Annotated[int, typer.Option(help="Most rows through the network at once.")]


def subject_of(model: str, data: str | None, answer: str | None, weights: Path | None) -> Subject:
    """Open what the command line names."""
    from contextlib import redirect_stdout

    from pellucid.tasks import open as open_subject

    # what a user's own module prints must not mix with results
    with redirect_stdout(sys.stderr):
        subject = open_subject(model, data=data, answer=answer, weights=weights)
    if data is not None and subject.data is not None:
        for note in subject.data.notes:  # such as rows that the network cannot read
            narrate(f"{subject.data.name}: {note}")
        if not Path(model).is_dir() and Path(data).exists():
            told = _scaled(subject, subject.data)
            if told:
                narrate(told)
    return subject


def _scaled(subject: Subject, data: Dataset) -> str:
    """In which unit pictures go into a network of the user's own, which may have learned in another."""
    import torch

    from pellucid._core import each_class, predict
    from pellucid.inputs import ImageSpec

    spec = data.spec
    if not isinstance(spec, ImageSpec) or not data.classes:
        return ""
    some = data.rows(torch.arange(0, len(data), max(1, len(data) // LOOKED))[:LOOKED])
    told = each_class(predict(subject.model, some.inputs)).argmax(-1)
    right = int((told.cpu() == some.answers).sum()) if told.shape == some.answers.shape else None
    mean, sd = (", ".join(f"{v:.3g}" for v in each[:3]) for each in (spec.mean, spec.std))
    more = ", …" if len(spec.mean) > 3 else ""
    said = (
        f"Pixels 0..1 go into the network as (pixel − mean) ÷ sd, mean {mean}{more} and sd {sd}{more}, "
        "the data's own."
    )
    if right is not None:
        said += f" Of {len(some)} rows it answers {right} rightly."
    return (
        f"{said} If it learned on other numbers, open it in Python: "
        "pellucid.open(network, data=(inputs, answers))."
    )


def numbers(text: str | None, what: str) -> list[int] | None:
    """``"3,5"`` as numbers.

    Example:
        >>> numbers("3,5", "--input")
        [3, 5]
    """
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(
            f"{what} takes whole numbers with commas between them, such as 3,5; got {text!r}."
        ) from None


def parts_of(text: str | None) -> list[str]:
    """``"a, b"`` as words.

    Example:
        >>> parts_of("saliency, occlusion"), parts_of(None)
        (['saliency', 'occlusion'], [])
    """
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def targets_of(subject: Subject, text: str | None) -> list[int]:
    """Class numbers from numbers or names with commas between them."""
    from pellucid.tasks import target_named

    # a class name may itself hold a comma
    names = [text] if text is not None and text in subject.classes else parts_of(text)
    return [target_named(subject, name) for name in names]
