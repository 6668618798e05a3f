"""Pictures, sounds and texts at a path, read as a network's own spec says instead of as they suggest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid._core import Dataset, InputSpec
from pellucid.data._names import from_path
from pellucid.data._pictures import pictures
from pellucid.data._sounds import sounds
from pellucid.data._text import texts
from pellucid.errors import InputError, near_misses
from pellucid.inputs import AudioSpec, ImageSpec, TabularSpec, TextSpec

HOW = {
    "pictures": "give a folder or .zip of pictures with a folder per class, or an .npz",
    "sounds": "give a folder or .zip of sounds with a folder per class",
    "texts": "give a table and say which column holds the texts (text), or a folder of .txt files per class",
    "rows of a table": "give a table, such as a .csv",
}


def read_as(
    place: Path,
    spec: InputSpec,
    *,
    target: str | None = None,
    text: str | None = None,
    pattern: str | None = None,
    held_out: str | None = None,
) -> Dataset:
    """What lies at a path, with the scale, length, rate or tokens of ``spec``.

    Raises:
        InputError: where it is of another kind, or cannot be brought to what the spec asks for.
    """
    if isinstance(spec, TextSpec):
        _refuse_front(spec, pattern, held_out, place)
        return texts(place, text=text, target=target, tokenizer=spec)
    if text is not None:
        raise InputError(
            f"The network reads {spec.reads}, so there is no column of texts to name (text={text!r})."
        )
    if isinstance(spec, AudioSpec) and not place.name.lower().endswith(".npz"):
        seconds = spec.seconds(spec.size) if spec.size else None
        bins = len(spec.frequencies) or 40
        found = sounds(
            place, pattern=pattern, held_out=held_out, front=spec.front, rate=spec.rate, seconds=seconds,
            bins=bins,
        )  # fmt: skip
        return _sounding(found, spec)
    _refuse_front(spec, pattern, held_out, place)
    if isinstance(spec, ImageSpec) and (place.is_dir() or place.suffix.lower() == ".zip"):
        colour = {1: "grey", 3: "rgb"}.get(spec.channels)
        found = pictures(place, size=spec.size, colour=colour)  # pyright: ignore[reportArgumentType]
    else:
        found = from_path(place, target)
    return rescaled(found, spec)


def rescaled(found: Dataset, spec: InputSpec) -> Dataset:
    """Pictures that were read on a scale of their own, on the scale of ``spec``."""
    own, inputs = same_kind(found, spec).spec, found.inputs
    if isinstance(own, ImageSpec) and isinstance(spec, ImageSpec):
        alike = (own.mean, own.std) == (spec.mean, spec.std)
        inputs = inputs if alike else spec.from_pixels(own.to_pixels(inputs))
    spec.check(inputs[:1])
    return dataclasses.replace(found, inputs=inputs, spec=spec)


def _sounding(found: Dataset, spec: AudioSpec) -> Dataset:
    own = found.spec
    assert isinstance(own, AudioSpec)
    same = ("rate", "hop", "window", "channels")
    apart = [name for name in same if getattr(own, name) != getattr(spec, name) and getattr(spec, name)]
    if spec.pitched and any(
        abs(a - b) > 0.01 for a, b in zip(own.frequencies, spec.frequencies, strict=True)
    ):
        apart.append("frequencies")
    if apart:
        raise InputError(
            f"{found.name}: spectrograms that files are read into differ from the network's in "
            f"{', '.join(apart)}. Give it inputs made your way: data=(inputs, answers)."
        )
    alike = (own.mean, own.std) == (spec.mean, spec.std)
    inputs = found.inputs if alike else spec.encoded(own.levels(found.inputs))
    spec.check(inputs[:1])
    return dataclasses.replace(found, inputs=inputs, spec=spec)


def same_kind(found: Dataset, spec: InputSpec) -> Dataset:
    """The same rows.

    Raises:
        InputError: where they are of another kind than ``spec``, or a table of other columns.
    """
    own = found.spec
    if type(own) is not type(spec):
        raise InputError(_other_kind(found, spec))
    if isinstance(own, TabularSpec) and isinstance(spec, TabularSpec):
        names, wanted = ([column.name for column in each.columns] for each in (own, spec))
        if names != wanted:
            raise InputError(
                f"The network reads the columns {', '.join(wanted[:6])}{', …' if len(wanted) > 6 else ''}; "
                f"{found.name} holds {', '.join(names[:6])}{', …' if len(names) > 6 else ''}."
            )
    return found


def _other_kind(found: Dataset, spec: InputSpec) -> str:
    wanted = spec.reads
    instead = HOW.get(wanted, "give such")
    return f"The network reads {wanted}, and {found.name} holds {held_as(found)}: {instead}."


def held_as(found: Dataset) -> str:
    """What rows are, in words: ``"rows of a table of 3 columns"``."""
    kind = found.spec.reads
    if isinstance(found.spec, TextSpec):
        return kind
    if isinstance(found.spec, TabularSpec):
        count = len(found.spec.columns)
        return f"{kind} of {count} column{'s' if count != 1 else ''}"
    if isinstance(found.spec, AudioSpec):  # front= makes the other
        kind = "spectrograms" if found.spec.pitched else "waveforms"
    return f"{kind} of {' × '.join(map(str, found.inputs.shape[1:]))}"


def _refuse_front(spec: InputSpec, pattern: str | None, held_out: str | None, place: Path) -> None:
    for name, given in (("pattern", pattern), ("held_out", held_out)):
        if given is not None:
            raise InputError(f"{name}={given!r} is of sounds; the network reads {spec.reads} ({place.name}).")


def as_named(found: Dataset, classes: Sequence[str]) -> Dataset:
    """The same rows with the numbers that a network's outputs have: by the names of its ``classes``.

    Answers that are whole numbers 0, 1, … are numbers of outputs.

    Raises:
        InputError: where an answer is none of the classes.
    """
    names = tuple(classes)
    if not names or found.classes == names or not found.classes:
        return found
    if set(found.classes) <= set(names):
        places = [names.index(name) for name in found.classes]
    elif all(name.isdigit() and int(name) < len(names) for name in found.classes):
        places = [int(name) for name in found.classes]
    else:
        strange = next(name for name in found.classes if name not in names)
        raise InputError(
            f"{found.name}: {strange!r} is none of the classes of the network ({', '.join(names[:8])}"
            f"{', …' if len(names) > 8 else ''}). {near_misses(strange, names)}"
        )
    answers: Tensor = torch.tensor(places)[found.answers]
    return dataclasses.replace(found, answers=answers, classes=names)
