"""Arrays in numpy's .npz files, read without pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import Dataset, Task, finite, split
from pellucid.data._answers import Answers, read_answers
from pellucid.data._build import Reading, build, with_validation
from pellucid.data._fit import Meaning
from pellucid.data._kinds import Kind
from pellucid.data._paths import existing_file
from pellucid.data._raw import Cell, cell_of, raw_table
from pellucid.data._scale import standardised
from pellucid.data._zipped import Zipped
from pellucid.errors import InputError, LoadError, near_misses

SINGLE = ("x", "y")
SPLIT = ("x_train", "y_train", "x_test", "y_test")
CHANNELS = (1, 3, 4)
PART = "(part)"


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a file holds: inputs, answers, and whether each row is for testing (``None``: it does not say)."""

    x: NDArray[np.generic]
    y: NDArray[np.generic]
    test: NDArray[np.bool_] | None
    classes: tuple[str, ...]
    columns: tuple[str, ...]


def npz(path: str | Path, *, task: Task | None = None, seed: int = 0) -> Dataset:
    """Read ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``, from an ``.npz`` file.

    Three or four axes are pictures (``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]``; whole numbers are
    divided by 255), standardised per channel over the training part. Two axes are a table of numbers,
    standardised per column. Optional keys: ``classes`` (names in the order of the sorted answers) and
    ``columns`` (names of a table's columns).

    Args:
        path: the file.
        task: ``"classification"`` or ``"regression"``; ``None`` decides by the answers.
        seed: of what is split: 70 : 15 : 15, or validation out of the training rows where a test is given.

    Returns:
        A data set with an :class:`pellucid.inputs.ImageSpec` or :class:`pellucid.inputs.TabularSpec`.

    Raises:
        LoadError: if there is no such file or it is no ``.npz``.
        InputError: if keys are absent, arrays hold objects (which would need pickle), lengths differ, or
            numbers are NaN.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "shapes.npz"
        >>> np.savez(file, x=np.arange(960).reshape(60, 4, 4) % 255, y=["square", "disc"] * 30)
        >>> data = npz(file)
        >>> data.inputs.shape, data.classes
        (torch.Size([60, 1, 4, 4]), ('disc', 'square'))
    """
    path = existing_file(path)
    held = _held(_members(path), path.name)
    if held.x.ndim == 2:
        return _table(held, path, task, seed)
    if held.x.ndim in (3, 4):
        return _pictures(held, path, task, seed)
    raise InputError(
        f"{path.name}: x has the shape {list(held.x.shape)}; expected pictures or a table [N, D]."
    )


def _members(path: Path) -> Mapping[str, NDArray[np.generic]]:
    try:
        if not zipfile.is_zipfile(path):
            raise LoadError(f"{path.name} is no .npz file. Write it with numpy.savez(path, x=…, y=…).")
        Zipped(path).bounded()
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "allow_pickle" not in str(error) and "Object arrays" not in str(error):
            raise InputError(f"{path.name} cannot be read: {error}.") from None
        raise InputError(
            f"{path.name} holds arrays of Python objects, which could run code when read. "
            "Save plain numbers or texts instead."
        ) from None
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError(f"{path.name} is damaged: {error}.") from error


def _held(members: Mapping[str, NDArray[np.generic]], name: str) -> Arrays:
    keys = SPLIT if "x_train" in members else SINGLE
    absent = [key for key in keys if key not in members]
    if absent:
        raise InputError(
            f"{name} has no array {absent[0]!r}; expected x and y, or x_train, y_train, x_test and y_test. "
            f"{near_misses(absent[0], members)}"
        )
    pairs = [(members[x], members[y]) for x, y in zip(keys[::2], keys[1::2], strict=True)]
    for (x, y), x_name, y_name in zip(pairs, keys[::2], keys[1::2], strict=True):
        if x.ndim == 0 or len(x) != y.size:
            raise InputError(f"{name}: {x_name} has the shape {list(x.shape)}, {y_name} {list(y.shape)}; "
                             "every input needs one answer.")  # fmt: skip
        if not len(x):
            raise InputError(f"{name}: {x_name} has no rows.")
    if len({x.shape[1:] for x, _ in pairs}) > 1:
        raise InputError(f"{name}: inputs for training and testing have different shapes.")
    test = None if keys is SINGLE else np.repeat([False, True], [len(pairs[0][0]), len(pairs[1][0])])
    return Arrays(
        np.concatenate([x for x, _ in pairs]),
        np.concatenate([y.reshape(-1) for _, y in pairs]),
        test,
        tuple(str(label) for label in members.get("classes", np.array([])).tolist()),
        tuple(str(label) for label in members.get("columns", np.array([])).tolist()),
    )


def _pictures(held: Arrays, path: Path, task: Task | None, seed: int) -> Dataset:
    pixels, notes = _pixels(held.x, path.name)
    finite(pixels, path.name)
    whole = held.y.dtype.kind in "iub"
    answers = _answers(held, "classification" if whole and task is None else task)
    parts = _parts(held, answers, seed)
    inputs, spec = standardised(pixels, parts)
    return Dataset(path.stem, inputs, answers.values, spec, answers.classes, parts,
                   notes=(*notes, *answers.notes), source=str(path))  # fmt: skip


def _answers(held: Arrays, task: Task | None) -> Answers:
    answers = read_answers("y", [cell_of(value, ()) for value in held.y.tolist()], task)
    return replace(answers, classes=_named(held, answers.classes))


def _named(held: Arrays, classes: tuple[str, ...]) -> tuple[str, ...]:
    if not held.classes or not classes:
        return classes
    if len(held.classes) != len(classes):
        raise InputError(f"{len(held.classes)} classes are named, but y has {len(classes)} different values.")
    return held.classes


def _parts(held: Arrays, answers: Answers, seed: int) -> Tensor:
    classes = bool(answers.classes)
    if held.test is None:
        return split(answers.values, classes=classes, seed=seed)
    given = torch.from_numpy(held.test.astype(np.int8) * 2)
    return with_validation(given, answers.values, classes=classes, seed=seed)


def _pixels(x: NDArray[np.generic], name: str) -> tuple[Tensor, list[str]]:
    if x.dtype.kind not in "iufb":
        raise InputError(f"{name}: x holds {x.dtype}, expected numbers.")
    shape, notes = list(x.shape), list[str]()
    last = x.ndim == 4 and shape[-1] in CHANNELS and shape[1] not in CHANNELS
    if last:
        notes.append(f"Shape {shape} was read as [N, height, width, channels].")
    if x.ndim == 3 and x.dtype.kind == "f" and (x.min() < 0 or x.max() > 255):  # hardly grey levels
        notes.append(
            f"Shape {shape} was read as grey pictures [N, height, width]; for series [N, steps, channels] "
            "there is no reading: the functions of pellucid.attribution take them as they are."
        )
    tensor = torch.from_numpy(np.ascontiguousarray(x.astype(np.float32)))
    tensor = tensor[:, None] if x.ndim == 3 else tensor.permute(0, 3, 1, 2) if last else tensor
    low, high = (float(v) for v in torch.aminmax(tensor))
    if low >= 0 and high <= 1:
        return tensor.contiguous(), notes
    if low >= 0 and high <= 255:
        return tensor.contiguous() / 255, [*notes, "Pixels were divided by 255."]
    note = f"Values {low:.3g}..{high:.3g} were stretched to pixels 0..1."
    return (tensor.contiguous() - low) / (high - low), [*notes, note]


def _table(held: Arrays, path: Path, task: Task | None, seed: int) -> Dataset:
    if held.x.dtype.kind not in "iufb":
        raise InputError(f"{path.name}: x holds {held.x.dtype}, expected numbers.")
    if not np.isfinite(held.x.astype(np.float64)).all():
        raise InputError(f"{path.name}: x has NaN or infinite numbers. Clean or impute them first.")
    names = held.columns or tuple(f"x{k + 1}" for k in range(held.x.shape[1]))
    if len(names) != held.x.shape[1]:
        raise InputError(f"{path.name}: {len(names)} columns are named, but x has {held.x.shape[1]}.")
    cells: list[list[Cell]] = held.x.astype(np.float64).T.tolist()
    answers: list[Cell] = [cell_of(value, ()) for value in held.y.tolist()]
    titles, columns = [*names, "y"], [*cells, answers]
    if held.test is not None:
        words: list[Cell] = ["test" if t else "train" for t in held.test.tolist()]
        titles, columns = [*titles, PART], [*columns, words]
    raw = raw_table(path.stem, titles, columns, source=str(path))
    types: dict[str, Kind] = dict.fromkeys(names, "number")
    reading = Reading(Meaning({}, (), {}, {}, "mean"), types, task, None if held.test is None else PART, seed)
    data = build(raw, "y", reading)
    return replace(data, classes=_named(held, data.classes))
