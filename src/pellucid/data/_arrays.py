"""Arrays that a network already takes, with what they may mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import Batch, Dataset, InputSpec, finite, split
from pellucid.data._fit import BACKGROUND
from pellucid.errors import InputError, near_misses
from pellucid.inputs import Column, ImageSpec, TabularSpec, TextSpec

Array = Tensor | NDArray[np.generic] | Sequence[object]


def arrays(
    x: Array,
    y: Array,
    spec: InputSpec | None = None,
    classes: Sequence[str] = (),
    *,
    name: str = "data",
    seed: int = 0,
) -> Dataset:
    """Inputs and answers as a network takes them; nothing is scaled or re-encoded.

    Without ``spec`` its meaning is guessed and said in ``notes``: three or four axes are pictures, on a
    scale of 0..1, 0..255 or, where they fit neither, from their darkest to their brightest value; two axes
    are a table of numbers without names, for which absent means the median.

    Args:
        x: ``[N, C, H, W]``, ``[N, H, W]`` (a channel axis is added) or ``[N, D]``, floating; tables may hold
            whole numbers.
        y: class numbers or names ``[N]``; floating numbers are regression unless ``classes`` are named.
        spec: what an input means; ``None`` guesses.
        classes: names in the order of the class numbers.
        name: short name for people.
        seed: of the split 70 : 15 : 15.

    Returns:
        A data set.

    Raises:
        InputError: if lengths differ, there are no rows, ``x`` has another number of axes, NaN or whole
            numbers as pixels, or ``y`` names a class that ``classes`` does not.

    Example:
        >>> data = arrays(torch.rand(20, 8, 8), torch.arange(20) % 2)
        >>> data.inputs.shape, data.classes
        (torch.Size([20, 1, 8, 8]), ('0', '1'))
    """
    inputs, notes = _inputs(x, spec)
    answers, known = _answers(y, tuple(classes))
    if len(inputs) != len(answers):
        raise InputError(
            f"Every input needs one answer, got {len(inputs)} inputs and {len(answers)} answers."
        )
    if not len(inputs):
        raise InputError("Expected at least one row, got none.")
    parts = split(answers, classes=bool(known), seed=seed)
    if spec is None:
        finite(inputs, "Inputs")
        spec, guess = _picture_spec(inputs) if inputs.ndim == 4 else _table_spec(inputs, parts)
        notes.append(guess)
    spec.check(inputs)
    return Dataset(name, inputs, answers, spec, known, parts, notes=tuple(notes), source="arrays in memory")


def tensor_of(array: Array, what: str) -> Tensor:
    """Numbers as a tensor; numpy's double precision, which is nobody's choice, becomes torch's default."""
    if isinstance(array, Tensor):
        return array.detach()
    several = isinstance(array, tuple) and any(isinstance(part, Tensor | np.ndarray) for part in array)
    if several or isinstance(array, Batch | Mapping):
        raise InputError(
            f"{what}: expected one tensor or array, got {type(array).__name__}. A data set holds one tensor; "
            "to explain a network of several, give pellucid.Batch({name: tensor}) to a function of "
            "pellucid.attribution."
        )
    try:
        numbers: NDArray[np.generic] = np.asarray(array)
        if numbers.dtype == np.float64:
            numbers = numbers.astype(np.float64 if torch.get_default_dtype() == torch.float64 else np.float32)
        # a DataFrame hands out its numbers for reading only, which torch warns of
        return torch.from_numpy(np.require(numbers, requirements=["C", "W"]))
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: expected a tensor or an array of numbers, got {error}.") from None


def _inputs(x: Array, spec: InputSpec | None) -> tuple[Tensor, list[str]]:
    inputs, notes = tensor_of(x, "Inputs"), list[str]()
    if spec is None and inputs.ndim not in (2, 3, 4):
        instead = (
            "For anything else give spec=…"
            if inputs.ndim < 5
            else "Volumes and other shapes go in as rows, x.flatten(1), to a network that is opened inside "
            f"a module whose forward calls it on x.unflatten(1, {tuple(inputs.shape[1:])}): "
            "docs/methods.md, Steps."
        )
        raise InputError(
            f"Inputs: expected [N, D], [N, H, W] or [N, C, H, W], got {list(inputs.shape)}. {instead}"
        )
    if inputs.ndim == 3 and (spec is None or isinstance(spec, ImageSpec)):
        inputs = inputs[:, None]
        notes.append(
            "Pictures [N, H, W] were given a channel axis: [N, 1, H, W]. Steps [N, T, D] go in as rows, "
            "x.flatten(1)."
        )
    whole = isinstance(spec, TextSpec)  # numbers of tokens
    if not whole and not inputs.is_floating_point() and not inputs.is_complex():
        if inputs.ndim == 4:
            raise InputError(
                f"Pictures: expected floating numbers, got {inputs.dtype}. Give them as the network takes "
                "them, such as x / 255."
            )
        inputs = inputs.to(torch.get_default_dtype())
    return inputs, notes


def _answers(y: Array, classes: tuple[str, ...]) -> tuple[Tensor, tuple[str, ...]]:
    named = not isinstance(y, Tensor) and np.asarray(y).dtype.kind in "UO"
    if named:
        return _named_answers([str(label) for label in cast("Sequence[object]", y)], classes)
    answers = tensor_of(y, "Answers")
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if answers.ndim != 1:
        hint = " For one-hot rows give y.argmax(1)." if answers.ndim == 2 else ""
        raise InputError(f"Answers: expected one number per row, got {list(answers.shape)}.{hint}")
    finite(answers[:, None], "Answers")
    if answers.is_floating_point() and not classes:
        return answers.float(), ()
    numbers = answers.long()
    if answers.is_floating_point() and bool((numbers != answers).any()):
        raise InputError("Answers: class numbers must be whole. Leave classes= out for regression.")
    if len(numbers) and int(numbers.min()) < 0:
        raise InputError(f"Answers: class numbers start at 0, got {int(numbers.min())}.")
    top = int(numbers.max()) + 1 if len(numbers) else 0
    if classes and top > len(classes):
        raise InputError(f"Answers: class number {top - 1}, but only {len(classes)} classes are named.")
    return numbers, classes or tuple(str(k) for k in range(top))


def _named_answers(labels: list[str], classes: tuple[str, ...]) -> tuple[Tensor, tuple[str, ...]]:
    classes = classes or tuple(sorted(set(labels)))
    place = {label: k for k, label in enumerate(classes)}
    strange = next((label for label in labels if label not in place), None)
    if strange is not None:
        raise InputError(f"Answers: {strange!r} is none of the classes. {near_misses(strange, classes)}")
    return torch.tensor([place[label] for label in labels], dtype=torch.int64), classes


def _picture_spec(inputs: Tensor) -> tuple[ImageSpec, str]:
    channels, height, width = inputs.shape[1:]
    low, high = (float(v) for v in torch.aminmax(inputs))
    if low >= 0 and high <= 1:
        return ImageSpec(channels, (height, width)), "Taken as pictures with pixels 0..1."
    if low >= 0 and high <= 255:
        low, high = 0.0, 255.0 if high > 1.5 else high
    scale = high - low if high > low else 1.0
    spec = ImageSpec(channels, (height, width), (-low / scale,), (1 / scale,))
    return (
        spec,
        f"Taken as pictures; {low:.3g} is read as black, {high:.3g} as full. spec=ImageSpec(…) says better.",
    )


def _table_spec(inputs: Tensor, parts: Tensor) -> tuple[TabularSpec, str]:
    train = inputs[parts == 0].double()
    columns = [
        Column(
            f"x{k + 1}",
            low=float(values.min()),
            high=float(values.max()),
            integer=bool((values == values.round()).all()),
            median=float(values.quantile(0.5)),
        )
        for k, values in enumerate(train.T)
    ]
    spec = TabularSpec(tuple(columns), inputs[parts == 0][:BACKGROUND].clone(), "median")
    note = "Taken as a table of numbers without names or units; spec=TabularSpec(…) says better."
    return spec, note
