"""The column that is to be learned: classes or a number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Task
from pellucid.data._kinds import number_of
from pellucid.data._raw import Cell, text_of
from pellucid.errors import InputError, near_misses

CLASSES = 10  # whole numbers with at most this many different values are taken as classes
EACH = 5  # and with at least this many rows for each


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers as a network learns them, for the rows that have one."""

    values: Tensor
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def read_answers(
    name: str,
    cells: Sequence[Cell],
    asked: Task | None,
    *,
    comma: bool = False,
    classes: Sequence[str] = (),
) -> Answers:
    """Class numbers or numbers from cells, none of them missing; ``classes`` in an order of their own."""
    tasks = ("classification", "regression")
    if asked is not None and asked not in tasks:
        raise InputError(f"task={asked!r} is not known. {near_misses(str(asked), tasks)}")
    known = [cell for cell in cells if cell is not None]
    numbers = [number_of(cell, comma) for cell in known]
    values = [value for value in numbers if value is not None]
    numeric = len(values) == len(numbers)
    if asked == "regression" and not numeric:
        wrong = [text_of(cell) for cell, value in zip(known, numbers, strict=True) if value is None]
        raise InputError(f"{name}: regression needs numbers, got {', '.join(map(repr, wrong[:4]))}.")
    different = len(set(values)) if numeric else len(set(map(text_of, known)))
    if different < 2:
        raise InputError(
            f"{name}: every row has the same answer, {text_of(known[0])!r}; there is nothing to learn. "
            "Expected at least two classes or different numbers."
        )
    guess = asked is None and not classes and numeric and not _few(values)
    if asked == "regression" or guess:
        return _number_answers(name, values, asked, different)
    return _class_answers(name, values if numeric else list(map(text_of, known)), asked, classes)


def _few(values: Sequence[float]) -> bool:
    different = len(set(values))
    whole = all(value == int(value) for value in values)
    return different == 2 or (whole and different <= CLASSES and len(values) >= EACH * different)


def _number_answers(name: str, values: Sequence[float], asked: Task | None, different: int) -> Answers:
    guessed = f"{name} has {different} different numbers, so it is learned as a number (regression)."
    return Answers(torch.tensor(values, dtype=torch.float32), (), () if asked else (guessed,))


def _class_answers(
    name: str, values: Sequence[float | str], asked: Task | None, classes: Sequence[str]
) -> Answers:
    counts = Counter(values)
    if len(counts) > max(CLASSES, len(values) / 2) or (len(counts) == len(values) > 2):
        advice = " Use task='regression'." if isinstance(values[0], float) else ""
        raise InputError(
            f"{name}: {len(counts)} different answers in {len(values)} rows are no classes; it looks like "
            f"names, free text or a measurement.{advice}"
        )
    found = sorted(counts)  # pyright: ignore[reportArgumentType] (all numbers or all texts)
    order = _ordered(name, found, classes)
    place = {value: k for k, value in enumerate(order)}
    notes: list[str] = []
    if asked is None and not classes and isinstance(order[0], float):
        notes.append(f"{name} has {len(order)} different numbers, read as classes, not as amounts.")
    notes += [f"{name}: {told}" for told in [twins(map(text_of, order), "classes")] if told]
    rare = [text_of(value) for value in order if counts[value] < 3]
    if rare:
        notes.append(f"Classes with fewer than 3 rows: {', '.join(rare)}. Nothing can be said about them.")
    return Answers(torch.tensor([place[value] for value in values]), tuple(map(text_of, order)), tuple(notes))


def twins(levels: Iterable[str], what: str) -> str:
    """Levels that differ by capitals or spaces only, in words; ``""`` where there are none."""
    groups: dict[str, list[str]] = {}
    for level in levels:
        groups.setdefault(" ".join(level.casefold().split()), []).append(level)
    shown = "; ".join(", ".join(map(repr, group)) for group in groups.values() if len(group) > 1)
    same = "Where they mean the same, write them alike in the file."
    return f"these {what} differ by capitals or spaces only: {shown}. {same}" if shown else ""


def _ordered(name: str, found: Sequence[float | str], classes: Sequence[str]) -> Sequence[float | str]:
    if not classes:
        return found
    known = {text_of(value): value for value in found}
    for label in classes:
        if label not in known:
            raise InputError(f"{name}: no row has the class {label!r}. {near_misses(label, known)}")
    unnamed = [label for label in known if label not in classes]
    if unnamed:
        raise InputError(f"{name}: levels= lists no {unnamed[0]!r}. {near_misses(unnamed[0], classes)}")
    return [known[label] for label in classes]


def whole(values: Sequence[float | None]) -> bool:
    """Whether all known numbers are whole."""
    return all(value is None or (math.isfinite(value) and value == int(value)) for value in values)
