"""Networks that others trained, on a person's own photographs, texts and recordings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from pellucid import data
from pellucid._core import PARTS, Dataset, InputSpec, Subject, brief, predict
from pellucid.inputs import AudioSpec, ImageSpec
from pellucid.tasks._performance import answers_of
from pellucid.tasks._pretrained import (
    SENTENCES,
    TOPICS,
    mobilenet,
    sentence_topics,
    speech_detector,
)

LONGEST = 128  # tokens of a text that are read


@dataclass(frozen=True, slots=True, eq=False)
class Guests:
    """A network on inputs whose true answers nobody told.

    Args:
        subject: its rows are the person's; what stands as their answers is what the network says.
        names: of the rows.
        others: inputs that the network is otherwise shown on, ``[P, *shape]``: what evidence compares with.
    """

    subject: Subject
    names: tuple[str, ...]
    others: Tensor

    __repr__ = brief


def own_photographs(path: str | Path) -> Guests:
    """MobileNetV2 on photographs from a file, a folder or a ``.zip``.

    Raises:
        LoadError, InputError: as :func:`pellucid.data.own_photographs`, or where weights are absent.
    """
    found, others = data.own_photographs(path), data.photographs(views=4)
    x = cast("ImageSpec", others.spec).from_pixels(cast("Tensor", found.inputs))
    return _guests(
        mobilenet(),
        "MobileNetV2",
        x,
        others.spec,
        others.classes,
        "object",
        "photographs",
        found,
        others.inputs,
        str(path),
    )


def own_sentences(path: str | Path, *, text: str | None = None, topics: tuple[str, ...] = TOPICS) -> Guests:
    """MiniLM asked which of several topics texts are about, from a file, a folder or a ``.zip``.

    Args:
        path, text: as for :func:`pellucid.data.own_texts`.
        topics: what to choose among, in words.

    Raises:
        LoadError, InputError: as :func:`pellucid.data.own_texts`, or where packages are absent.
    """
    found = data.own_texts(path, text=text)
    network, spec = sentence_topics(topics)
    spec = dataclasses.replace(spec, length=LONGEST)
    own = list(cast("tuple[str, ...]", found.inputs))
    ids = spec.encode([*own, *SENTENCES])
    longer = int((ids[: len(own), LONGEST - 1 :] != spec.pad).any(1).sum()) if ids.shape[1] == LONGEST else 0
    if longer:
        note = f"{longer} texts are read up to {LONGEST} tokens only."
        found = dataclasses.replace(found, notes=(*found.notes, note))
    return _guests(
        network, "MiniLM", ids[: len(own)], spec, topics, "topic", "texts", found, ids[len(own) :], str(path)
    )


def own_recordings(path: str | Path, *, seed: int = 0) -> Guests:
    """Silero's speech detector on recordings from a file, a folder or a ``.zip``.

    Raises:
        LoadError, InputError: as :func:`pellucid.data.own_sounds`, or where weights are absent.
    """
    others = data.voices(seed=seed)
    spec = cast("AudioSpec", others.spec)
    found = data.own_sounds(path, rate=spec.rate, seconds=spec.seconds(spec.size))
    waves = cast("Tensor", found.inputs)
    name = "Silero's speech detector"
    return _guests(
        speech_detector(),
        name,
        waves,
        spec,
        others.classes,
        "sound",
        "sounds",
        found,
        others.inputs,
        str(path),
    )


def _guests(
    network: nn.Module,
    name: str,
    x: Tensor,
    spec: InputSpec,
    classes: tuple[str, ...],
    answer: str,
    what: str,
    found: data.Own,
    others: Tensor,
    source: str,
) -> Guests:
    rows = Dataset(
        f"your {what}",
        x,
        answers_of(predict(network, x, spec=spec)).cpu(),
        spec,
        classes,
        torch.full((len(x),), PARTS.index("test"), dtype=torch.int8),
        answer=answer,
        notes=("No true answers are known; those counted here are the network's.", *found.notes),
        source=source,
    )
    return Guests(
        Subject(network, rows, spec, classes, f"{name} on your {what}", None, name), found.names, others
    )
