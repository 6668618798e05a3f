"""Inputs that show a concept: from a folder, a column, or words about columns and classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid._core import Dataset, Subject
from pellucid.data import pictures, sounds
from pellucid.errors import InputError, near_misses
from pellucid.inputs import AudioSpec, ImageSpec, TabularSpec
from pellucid.networks import read_concepts
from pellucid.networks._concept_words import COMPARED, holds

RANDOM = "random"
QUARTER = 0.25
Sets = str | Path | Sequence[str | Path] | Mapping[str, Tensor]


def concept_sets(subject: Subject, data: Dataset, sets: Sets) -> tuple[Mapping[str, Tensor], Tensor]:
    """Inputs by concept, and random ones.

    Args:
        subject: whose inputs they are.
        data: rows from which columns, conditions and classes take theirs.
        sets: one or several of: a folder with a folder of pictures or sounds per concept (one called
            ``random`` serves as the random inputs); a column, whose levels, or highest and lowest quarter,
            are the concepts; ``"dti > .43"`` or ``"young owner: age < 30 and home == own"``; ``"has a loop:
            0, 6, 8, 9"``, the classes that have it. Or inputs by name.

    Raises:
        InputError: where they cannot be read.
    """
    if isinstance(sets, Mapping):
        return sets, data.inputs
    shown: dict[str, Tensor] = {}
    plain = data.inputs
    for each in [sets] if isinstance(sets, str | Path) else sets:
        found, others = _one(subject, data, each)
        twice = next((name for name in found if name in shown), None)
        if twice is not None:
            raise InputError(f"Two concepts are called {twice!r}. Give each its own name.")
        shown |= found
        plain = plain if others is None else others
    return shown, plain


def _one(subject: Subject, data: Dataset, said: str | Path) -> tuple[dict[str, Tensor], Tensor | None]:
    spec = subject.spec
    if isinstance(spec, TabularSpec):
        names = [column.name for column in spec.columns]
        if str(said) in names or not COMPARED.match(str(said)):
            return _of_column(spec, data, str(said)), None
        return _written(data, str(said)), None
    if Path(said).exists() and isinstance(spec, ImageSpec):
        return _of_pictures(spec, data, said)
    if Path(said).exists() and isinstance(spec, AudioSpec):
        return _of_sounds(spec, data, said)
    if ":" in str(said) and data.classes:
        return _written(data, str(said)), None
    folder = "pictures" if isinstance(spec, ImageSpec) else "sounds" if isinstance(spec, AudioSpec) else ""
    expected = f"a folder with a folder of {folder} per concept, or " if folder else ""
    if Path(said).exists():
        raise InputError(
            f"Concepts for a network that reads {spec.reads} are not read from files. Say which classes have "
            "them, such as 'name: class, class'; in Python give inputs by name."
        )
    raise InputError(
        f"{said} says no concept: expected {expected}the classes that have it, such as 'name: class, class'. "
        f"{near_misses(str(said), data.classes)}"
    )


def _written(data: Dataset, said: str) -> dict[str, Tensor]:
    """Rows of which conditions hold, or of classes."""
    found: dict[str, Tensor] = {}
    for concept in read_concepts([said], data):
        if concept.tests:
            found[concept.name] = data.inputs[holds(concept.tests, data.inputs) > 0]
        else:
            found[concept.name] = data.inputs[torch.isin(data.answers, torch.tensor(concept.classes))]
    return found


def _of_column(spec: TabularSpec, data: Dataset, name: str) -> dict[str, Tensor]:
    """Rows of each level, or of the highest and the lowest quarter."""
    column = spec.column(name)
    place = [k for k, number in enumerate(spec.column_of_slot) if spec.columns[number].name == name]
    slots = data.inputs[:, place]
    if column.levels:
        level = slots.argmax(1)
        return {f"{name} {text}": data.inputs[level == k] for k, text in enumerate(column.levels)}
    values = slots[:, 0].double()
    low, high = values.quantile(torch.tensor([QUARTER, 1 - QUARTER]).double())
    return {f"high {name}": data.inputs[values >= high], f"low {name}": data.inputs[values <= low]}


def _of_pictures(
    spec: ImageSpec, data: Dataset, folder: str | Path
) -> tuple[dict[str, Tensor], Tensor | None]:
    """Pictures of each folder, on the scale of the subject."""
    height, width = data.inputs.shape[2:]
    colour = "grey" if spec.channels == 1 else "rgb"
    read = pictures(folder, size=(int(height), int(width)), colour=colour)
    if not isinstance(read.spec, ImageSpec):
        raise InputError(f"{folder} holds no pictures.")
    return _by_class(read, spec.from_pixels(read.spec.to_pixels(read.inputs)).to(data.inputs.dtype))


def _of_sounds(spec: AudioSpec, data: Dataset, folder: str | Path) -> tuple[dict[str, Tensor], Tensor | None]:
    """Sounds of each folder, at the rate, length, pitches and level of the subject."""
    read = sounds(
        folder,
        front=spec.front,
        rate=spec.rate,
        seconds=spec.seconds(data.inputs.shape[-1]),
        bins=len(spec.frequencies) or 40,  # waveforms have none
    )
    own = read.spec
    if not isinstance(own, AudioSpec) or read.inputs.shape[1:] != data.inputs.shape[1:]:
        raise InputError(
            f"Sounds of {folder} came out as {list(read.inputs.shape[1:])}, and the network hears "
            f"{list(data.inputs.shape[1:])}; give them as inputs by name."
        )
    if spec.pitched and [round(f) for f in own.frequencies] != [round(f) for f in spec.frequencies]:
        raise InputError(f"The network hears other pitches than sounds of {folder} are read at.")
    return _by_class(read, spec.encoded(own.levels(read.inputs)).to(data.inputs.dtype))


def _by_class(read: Dataset, inputs: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
    shown = {name: inputs[read.answers == k] for k, name in enumerate(read.classes)}
    return shown, shown.pop(RANDOM, None)
