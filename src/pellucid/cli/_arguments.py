"""Options that several commands share, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._places import figure_file, folder_of, page_of_figures
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid._core import Subject

NETWORK = "A run folder, a .pt2, a folder of Hugging Face, or package.module:attr / file.py:attr"
Model = Annotated[str, typer.Argument(help=f"{NETWORK}.", metavar="MODEL")]
Data = Annotated[
    str | None,
    typer.Option(
        help="Data to examine on: a path, a bundled name, or file.py:attr (a Dataset, or inputs and "
        "answers). A run folder brings its own and reads other files as it learned to; all their rows are "
        "held out.",
        metavar="DATA",
    ),
]
Answer = Annotated[
    str | None,
    typer.Option(
        help="Column to predict, where --data is a table; COLUMN=A,B,… where a network of your own has its "
        "outputs in that order.",
        metavar="COLUMN",
    ),
]
Text = Annotated[
    str | None, typer.Option(help="Column to read, where --data is a table of texts.", metavar="COLUMN")
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        help="What makes numbers of texts for a network of your own: a folder of Hugging Face, a "
        "tokenizer.json, a run folder, or file.py:attr (a tokenizer, a function from a text to tokens, a "
        "TextSpec).",
        metavar="WHAT",
    ),
]
Sound = Annotated[
    list[str] | None,
    typer.Option(
        help="How sounds are read for a network of your own, once each: front=waveform (or spectrogram), "
        "rate=16000, seconds=1, scale=none (as they lie in the file), pattern={label}_{take}.",
        metavar="NAME=VALUE",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(help="Weights to load: safetensors, or a checkpoint without code.", metavar="FILE"),
]
Picture = Annotated[
    Path | None,
    typer.Option(help="Write the picture to this .png or .svg.", metavar="FILE", callback=figure_file),
]
Drawings = Annotated[
    Path | None,
    typer.Option(
        "--svg", help="Write every figure as an SVG into this folder.", metavar="FOLDER", callback=folder_of
    ),
]
Page = Annotated[
    Path | None,
    typer.Option(
        help="Write the page to this .html, for a browser.", metavar="FILE", callback=page_of_figures
    ),
]
HeldOut = Annotated[
    str, typer.Option("--row", "--input", help="Held-out rows, such as 3 or 3,5.", metavar="LIST")
]
Refits = Annotated[
    int | None, typer.Option(help="Networks trained anew that judge; left out, 5 for a run of ours.")
]
Seed = Annotated[int, typer.Option(help="The only source of chance.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Estimated = Annotated[
    bool, typer.Option("--estimate", help="Say what it will take (passes, memory, time) and stop.")
]
BatchSize = Annotated[int, typer.Option(help="Most rows through the network at once.")]


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
