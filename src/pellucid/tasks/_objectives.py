"""What features are made of, from what people say: classes, differences, directions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pellucid._core import Subject
from pellucid.errors import InputError, TargetError, near_misses
from pellucid.features import Concept, Difference, Direction, Logit, Objective
from pellucid.inputs import TabularSpec
from pellucid.tasks._concepts import concept_sets
from pellucid.tasks._several import target_named

VECTORS = (".safetensors", ".npy")


def class_objective(subject: Subject, name: str) -> Logit:
    """The output of a class by name or number.

    Example:
        >>> import pellucid
        >>> data = (torch.rand(8, 3), torch.tensor([0, 1] * 4))
        >>> subject = pellucid.open(torch.nn.Linear(3, 2), data=data, classes=["cat", "dog"])
        >>> str(class_objective(subject, "dog"))
        'dog'
    """
    number = target_named(subject, name)
    return Logit(number, subject.classes[number] if number < len(subject.classes) else "")


def difference_objective(subject: Subject, names: Sequence[str]) -> Difference:
    """One class minus another.

    Raises:
        TargetError: where there are not two, or one does not exist.
    """
    if len(names) != 2:
        raise TargetError(
            f"A difference is between two classes, such as 3,5; got {', '.join(names) or 'none'}."
        )
    return Difference(*(class_objective(subject, name) for name in names))


def direction_objectives(subject: Subject, what: str) -> list[Objective]:
    """Directions in a layer's space: of a file with vectors, a class, a column, or folders of pictures.

    A ``.safetensors`` file holds one vector ``[units]`` per name, a ``.npy`` file one or several. Else what
    is said is a concept, whose direction runs from the mean of all data to the mean of the inputs that show
    it: those of the class; those of each level of the column, or of its highest and lowest quarter; or the
    pictures in each folder of a folder.

    Raises:
        InputError: where it is none of these, or holds nothing.
    """
    path = Path(what)
    if path.suffix in VECTORS and path.is_file():
        return list(_vectors(path))
    data = subject.needs_data("features")
    if what in subject.classes:
        own = data.inputs[data.answers == subject.classes.index(what)]
        return [Concept(own, data.inputs, name=f"direction of {class_objective(subject, what)}")]
    if not isinstance(subject.spec, TabularSpec) and not path.is_dir():
        raise InputError(
            f"{what!r} is no class, no folder of pictures and no file of vectors. "
            f"{near_misses(what, subject.classes)}"
        )
    shown, plain = concept_sets(subject, data, what)
    return [Concept(inputs, plain, name=name) for name, inputs in shown.items()]


def _vectors(path: Path) -> list[Direction]:
    try:
        if path.suffix == ".npy":
            # never a pickle: an array of objects is refused
            rows = torch.from_numpy(np.atleast_2d(np.load(path, allow_pickle=False)))
            found = {path.stem if len(rows) == 1 else f"{path.stem} {i}": row for i, row in enumerate(rows)}
        else:
            found = load_file(path)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise InputError(f"{path} holds no vectors that can be read: {error}") from error
    return [Direction(vector.float(), name=name) for name, vector in found.items()]
