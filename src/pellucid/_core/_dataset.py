"""Inputs with their answers, and what both mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._core._brief import brief
from pellucid._core._spec import InputSpec
from pellucid.errors import InputError, near_misses

Task = Literal["classification", "regression"]
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Inputs as a network takes them, their answers, and what both mean.

    Args:
        name: short name for people.
        inputs: ``[N, *shape]``, already encoded and normalised as ``spec`` says.
        answers: class numbers int64 ``[N]``, or float ``[N]`` for regression.
        spec: what an input means.
        classes: class names in the order of the class numbers; empty for regression.
        answer: what is predicted, in words ("diagnosis").
        unit: unit of the answer in regression.
        parts: int8 ``[N]``: 0 train, 1 validation, 2 test.
        notes: what was inferred, imputed or left out while reading, one sentence each.
        source: where the data come from, with licence where known.
        relevant: for planted tasks, bool ``[N, *shape]``: what truly decides each row.
        names: what each row is called, such as the file of a picture or a sound; empty if they have no names.

    Raises:
        InputError: if lengths differ or a class number has no name.
    """

    name: str
    inputs: Tensor
    answers: Tensor
    spec: InputSpec
    classes: tuple[str, ...]
    parts: Tensor
    answer: str = "answer"
    unit: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""
    relevant: Tensor | None = None
    names: tuple[str, ...] = ()

    __repr__ = brief

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        if not len(self.inputs) == len(self.answers) == len(self.parts):
            raise InputError(
                f"{self.name}: inputs, answers and parts need equal lengths, got "
                f"{len(self.inputs)}, {len(self.answers)} and {len(self.parts)}."
            )
        if self.names and len(self.names) != len(self):
            raise InputError(
                f"{self.name}: {len(self.names)} names for {len(self)} rows; each row needs one."
            )
        if self.classes and len(self.answers) and int(self.answers.max()) >= len(self.classes):
            raise InputError(
                f"{self.name}: class number {int(self.answers.max())} has no name; "
                f"{len(self.classes)} classes are named."
            )

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.inputs)

    @property
    def task(self) -> Task:
        """What is learned: classification where classes are named, else regression."""
        return "classification" if self.classes else "regression"

    @property
    def outputs(self) -> int:
        """Number of outputs that a network for this data needs."""
        return len(self.classes) or 1

    def rows(self, index: Tensor) -> Dataset:
        """The rows that a bool or int64 index names, in its order."""
        return Dataset(
            self.name,
            self.inputs[index],
            self.answers[index],
            self.spec,
            self.classes,
            self.parts[index],
            self.answer,
            self.unit,
            self.notes,
            self.source,
            None if self.relevant is None else self.relevant[index],
            tuple(self.names[k] for k in torch.arange(len(self))[index].tolist()) if self.names else (),
        )

    def part(self, name: Part) -> Dataset:
        """The train, validation or test rows."""
        if name not in PARTS:
            raise InputError(f"No part is called {name!r}. {near_misses(name, PARTS)}")
        return self.rows(self.parts == PARTS.index(name))


def split(
    answers: Tensor, *, classes: bool, seed: int = 0, shares: tuple[float, float] = (0.15, 0.15)
) -> Tensor:
    """Parts int8 ``[N]`` with the given validation and test shares, each class split alike.

    Example:
        >>> split(torch.tensor([0, 1] * 50), classes=True).bincount().tolist()
        [68, 16, 16]
    """
    generator = torch.Generator().manual_seed(seed)
    parts = torch.zeros(len(answers), dtype=torch.int8)
    strata = (
        [answers == c for c in answers.unique()] if classes else [torch.ones(len(answers), dtype=torch.bool)]
    )
    for stratum in strata:
        index = stratum.nonzero().flatten()
        index = index[torch.randperm(len(index), generator=generator)]
        held = [round(share * len(index)) for share in shares]
        parts[index[: held[0]]] = 1
        parts[index[held[0] : held[0] + held[1]]] = 2
    return parts
