"""The verb ``concepts``: whether answers depend on what people have names for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid._core import Compute, Dataset, Subject, TargetLike
from pellucid.data import pictures
from pellucid.errors import InputError, TargetError, near_misses
from pellucid.inputs import ImageSpec, TabularSpec
from pellucid.layers import Concepts
from pellucid.layers import concepts as held_against_random
from pellucid.tasks._feature_sites import feature_sites
from pellucid.tasks._rows import sample

RANDOM = "random"
QUARTER = 0.25


def concepts(
    subject: Subject,
    target: TargetLike | str,
    sets: str | Path | Mapping[str, Tensor],
    sites: Sequence[str] | None = None,
    *,
    random: Tensor | None = None,
    draws: int = 1000,
    most: int = 200,
    compute: Compute | None = None,
) -> Concepts:
    """Whether an answer depends on concepts, layer by layer, beside random concepts and an untrained copy.

    Args:
        subject: a network with data.
        target: a class by number or name, or any target. Where it is a class, its own inputs are asked.
        sets: what shows the concepts: a folder with a folder of pictures for each (one called ``random``
            serves as the random inputs); the name of a column, whose levels, or highest and lowest quarter,
            are the concepts; or inputs by name.
        sites: layers; left out, every layer with weights but the last.
        random: inputs without regard to the concepts; left out, the subject's own data.
        draws: random concepts.
        most: inputs used of each set.
        compute: how to run.

    Returns:
        :class:`pellucid.layers.Concepts`.

    Raises:
        InputError: where sets cannot be read or hold fewer than 30 inputs.
        TargetError: where a class has no such name.

    Cost:
        As :func:`pellucid.layers.concepts`.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> found = concepts(subject, "malignant", "worst area", ["dense1"], draws=99)
        >>> found.concepts
        ('high worst area', 'low worst area')
    """
    data = subject.needs_data("concepts")
    how = compute or Compute(batch_size=128)
    asked = _class_of(subject, target) if isinstance(target, str) else target
    own = data.inputs
    if isinstance(asked, int) and data.classes:
        own = data.inputs[data.answers == asked]
    shown, others = concept_sets(subject, data, sets)
    plain = random if random is not None else others
    names = list(sites) if sites is not None else list(feature_sites(subject))
    return held_against_random(
        subject.model,
        own[sample(len(own), most, seed=how.seed)],
        asked,
        shown,
        names,
        random=plain[sample(len(plain), most, seed=how.seed)],
        draws=draws,
        most=most,
        compute=how,
    )


def _class_of(subject: Subject, name: str) -> int:
    if name in subject.classes:
        return subject.classes.index(name)
    if name.isdigit():
        return int(name)
    raise TargetError(f"No class is called {name!r}. {near_misses(name, subject.classes)}")


def concept_sets(
    subject: Subject, data: Dataset, sets: str | Path | Mapping[str, Tensor]
) -> tuple[Mapping[str, Tensor], Tensor]:
    """Inputs by concept, and random ones."""
    if isinstance(sets, Mapping):
        return sets, data.inputs
    spec = subject.spec
    if isinstance(spec, TabularSpec):
        return _of_column(spec, data, str(sets))
    if isinstance(spec, ImageSpec):
        return _of_folder(spec, data, sets)
    raise InputError(
        f"Concepts of {type(spec).__name__} inputs are given as inputs by name: sets={{name: tensor}}."
    )


def _of_column(spec: TabularSpec, data: Dataset, name: str) -> tuple[dict[str, Tensor], Tensor]:
    """Rows of each level, or of the highest and the lowest quarter; random ones are any rows."""
    column = spec.column(name)
    place = [k for k, number in enumerate(spec.column_of_slot) if spec.columns[number].name == name]
    slots = data.inputs[:, place]
    if column.levels:
        level = slots.argmax(1)
        return {
            f"{name} {text}": data.inputs[level == k] for k, text in enumerate(column.levels)
        }, data.inputs
    values = slots[:, 0].double()
    low, high = values.quantile(torch.tensor([QUARTER, 1 - QUARTER]).double())
    return {
        f"high {name}": data.inputs[values >= high],
        f"low {name}": data.inputs[values <= low],
    }, data.inputs


def _of_folder(spec: ImageSpec, data: Dataset, folder: str | Path) -> tuple[dict[str, Tensor], Tensor]:
    """Pictures of each folder, on the scale of the subject."""
    height, width = data.inputs.shape[2:]
    colour = "grey" if spec.channels == 1 else "rgb"
    read = pictures(folder, size=(int(height), int(width)), colour=colour)
    if not isinstance(read.spec, ImageSpec):
        raise InputError(f"{folder} holds no pictures.")
    inputs = spec.from_pixels(read.spec.to_pixels(read.inputs)).to(data.inputs.dtype)
    shown = {name: inputs[read.answers == k] for k, name in enumerate(read.classes)}
    plain = shown.pop(RANDOM, data.inputs)
    return shown, plain
