"""Options that several commands share, worded once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli._say import narrate
from pellucid.cli._typed import SOUND
from pellucid.errors import InputError, near_misses

if TYPE_CHECKING:
    from pellucid._core import Dataset, Subject
    from pellucid.inputs import AudioSpec, ImageSpec
    from pellucid.tasks import Heard

LOOKED = 64  # rows that a network of one's own answers before all else

Model = Annotated[
    str, typer.Argument(help="A run folder, or package.module:attr / file.py:attr.", metavar="MODEL")
]
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


def subject_of(
    model: str,
    data: str | None,
    answer: str | None,
    weights: Path | None,
    text: str | None = None,
    tokenizer: str | None = None,
    sound: list[str] | None = None,
) -> Subject:
    """Open what the command line names."""
    from contextlib import redirect_stdout

    from pellucid.tasks import open as open_subject

    told = {"--text": text, "--tokenizer": tokenizer, "--sound": sound}
    alone = next((name for name, given in told.items() if given), None)
    if data is None and alone is not None:
        raise InputError(f"{alone} says how --data is read: give --data too.")
    column, _, order = (answer or "").partition("=")
    # what a user's own module prints must not mix with results
    with redirect_stdout(sys.stderr):
        subject = open_subject(
            model,
            data=data,
            answer=column or None,
            classes=parts_of(order),
            text=text,
            tokenizer=tokenizer,
            heard=_heard(sound or []),
            weights=weights,
        )
    if data is not None and subject.data is not None:
        for note in subject.data.notes:  # such as rows that the network cannot read
            narrate(f"{subject.data.name}: {note}")
        if not Path(model).is_dir() and (said := _given(subject, subject.data, ordered=bool(order))):
            narrate(said)
    return subject


def _heard(settings: list[str]) -> Heard | None:
    """``["rate=8000"]`` as what it says of sounds."""
    from pellucid.tasks import Heard

    given = dict[str, str]()
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign or not value:
            raise InputError(f"--sound takes NAME=VALUE, such as --sound rate=16000; got {setting!r}.")
        key = name.strip().replace("-", "_")
        if key not in SOUND:
            raise InputError(f"--sound knows no {name!r}. {near_misses(key, SOUND)}")
        given[key] = value.strip()
    if not given:
        return None
    numbers = {name: _number(name, given[name]) for name in ("rate", "seconds") if name in given}
    rate = numbers.get("rate")
    return Heard(
        given.get("pattern"),
        given.get("held_out"),
        given.get("front"),  # pyright: ignore[reportArgumentType] (the reader refuses others)
        None if rate is None else round(rate),
        numbers.get("seconds"),
        given.get("scale"),  # pyright: ignore[reportArgumentType]
    )


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"--sound {name}= takes a number, got {value!r}.") from None


def _given(subject: Subject, data: Dataset, *, ordered: bool) -> str:
    """What goes into a network of the user's own, which may have learned from something else."""
    import torch

    from pellucid._core import each_class, predict
    from pellucid.inputs import AudioSpec, ImageSpec, TextSpec

    spec = data.spec
    if not isinstance(spec, ImageSpec | TextSpec | AudioSpec) or not data.classes:
        return ""
    some = data.rows(torch.arange(0, len(data), max(1, len(data) // LOOKED))[:LOOKED])
    told = each_class(predict(subject.model, some.inputs, spec=spec)).argmax(-1)
    right = int((told.cpu() == some.answers).sum()) if told.shape == some.answers.shape else None
    if isinstance(spec, TextSpec):
        length = f", up to {spec.length} of them" if spec.length else ""
        said = f"Texts go into the network as numbers of tokens{length}."
    else:
        said = _scaled(spec)
    if right is not None:
        said += f" Of {len(some)} rows it answers {right} rightly."
    if not ordered:
        said += f" Its outputs are taken in the order {', '.join(data.classes[:6])}"
        said += ", …." if len(data.classes) > 6 else "."
    return said + (
        ""
        if isinstance(spec, TextSpec)
        else " If it learned on other numbers, name data that you made yourself: --data file.py:attr."
    )


def _scaled(spec: ImageSpec | AudioSpec) -> str:
    from pellucid.inputs import ImageSpec

    if not isinstance(spec, ImageSpec) and set(spec.mean) == {0.0} and set(spec.std) == {1.0}:
        return (
            f"Sounds go into the network as {'levels in dB' if spec.pitched else 'they lie in the file, ±1'}."
        )
    mean, sd = (", ".join(f"{v:.3g}" for v in each[:3]) for each in (spec.mean, spec.std))
    more = ", …" if len(spec.mean) > 3 else ""
    what = "Pixels 0..1" if isinstance(spec, ImageSpec) else "Levels in dB" if spec.pitched else "Samples ±1"
    one = "pixel" if isinstance(spec, ImageSpec) else "level" if spec.pitched else "sample"
    return (
        f"{what} go into the network as ({one} − mean) ÷ sd, mean {mean}{more} and sd {sd}{more}, "
        "the data's own."
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
