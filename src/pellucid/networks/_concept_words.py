"""What people write as concepts, read against the columns or classes of a data set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError, near_misses
from pellucid.inputs import MISSING, OTHER, Column, TabularSpec

COMPARED = re.compile(r"^(.+?)\s*(>=|<=|==|!=|=|>|<)\s*(.+)$")
MOST_COLUMNS = 30  # columns that give concepts where the user names none: those that tell classes apart best
QUARTILES = (0.25, 0.5, 0.75)
Test = tuple[int, str, float]  # slot, sign, value in the units of the slot


@dataclass(frozen=True, slots=True)
class Concept:
    """A yes-or-no question about an input.

    Args:
        name: for people.
        tests: slots of a row, all of which must hold; where the concept is read from a row.
        learned: whether an encoder must tell it. ``False`` for code over columns, which is computed.
        classes: numbers of the classes that have it; where it is known by class.
    """

    name: str
    tests: tuple[Test, ...] = ()
    learned: bool = True
    classes: tuple[int, ...] = ()


def holds(tests: Sequence[Test], x: Tensor) -> Tensor:
    """Where all tests hold: 0 or 1 in the type of ``x`` ``[N]``."""
    every = torch.ones(len(x), dtype=torch.bool, device=x.device)
    for slot, sign, value in tests:
        found = x[:, slot]
        if sign == ">":
            every = every & (found > value)
        elif sign == ">=":
            every = every & (found >= value)
        elif sign == "<":
            every = every & (found < value)
        elif sign == "<=":
            every = every & (found <= value)
        else:
            every = every & ((found == value) if sign == "==" else (found != value))
    return every.to(x.dtype)


def read_concepts(said: Sequence[str] | Mapping[str, str], dataset: Dataset) -> list[Concept]:
    """Concepts as people write them.

    For a table ``"dti > .43"``, ``"young owner: age < 30 and housing == own"`` (computed), or the name of a
    column that holds a label (learned from the other columns). For pictures and others a name and the
    classes that have it: ``"has a loop: 0, 6, 8, 9"`` (learned).

    Raises:
        InputError: if a column, level or class is not there, a number is none, or a name comes twice.
    """
    if isinstance(said, Mapping):
        pairs = list(said.items())
    else:
        pairs = [_named(text) for text in said]
    read = _of_table if isinstance(dataset.spec, TabularSpec) else _of_classes
    found = [concept for name, text in pairs for concept in read(name, text, dataset)]
    names = [concept.name for concept in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Two concepts are called {twice!r}. Give each its own name: 'name: condition'.")
    if not found:
        raise InputError("A concept bottleneck needs at least one concept.")
    return found


def usual_concepts(dataset: Dataset) -> list[Concept]:
    """Where nobody names concepts: numbers above their quartiles, and the levels of categories."""
    if not isinstance(dataset.spec, TabularSpec):
        raise InputError(
            f"{dataset.name} is no table, so its concepts must be said: labels beside the inputs, or a name "
            'with the classes that have it, such as "has a loop: 0, 6, 8, 9".'
        )
    train, spec = dataset.part("train"), dataset.spec
    found: list[Concept] = []
    for k in _telling(train, spec):
        column, start = spec.columns[k], spec.column_of_slot.index(k)
        if column.levels:
            found += _levels(column, start)
        else:
            found += _above_quartiles(column, start, train.inputs)
        if column.missing and bool(train.inputs[:, start + 1].any()):
            found.append(Concept(f"{column.name} is missing", ((start + 1, ">", 0.5),), learned=False))
    if not found:
        raise InputError(f"{dataset.name}: no column varies, so there is no concept to tell.")
    return found


def _levels(column: Column, start: int) -> list[Concept]:
    named = [(i, level) for i, level in enumerate(column.levels) if level not in (MISSING, OTHER)]
    kept = named[1:] if len(named) == 2 else named
    tests: list[tuple[str, Test]] = [(f"{column.name} = {v}", (start + i, ">", 0.5)) for i, v in kept]
    return [Concept(name, (test,), learned=False) for name, test in tests]


def _above_quartiles(column: Column, start: int, rows: Tensor) -> list[Concept]:
    """A concept at each quartile, written with three digits, unless it holds for all rows or none."""
    values = rows[:, start]
    cuts = {float(f"{column.mean + column.std * float(values.quantile(q)):.3g}") for q in QUARTILES}
    unit = f" {column.unit}" if column.unit else ""
    found = [
        Concept(f"{column.name} > {cut:.10g}{unit}", ((start, ">", _slot(column, cut)),), learned=False)
        for cut in sorted(cuts)
    ]
    return [each for each in found if 0 < float(holds(each.tests, rows).mean()) < 1]


def _slot(column: Column, number: float) -> float:
    """A number as rows keep it, so that equal numbers stay equal."""
    return float(column.slot(np.array([number]))[0])


def _telling(train: Dataset, spec: TabularSpec) -> list[int]:
    """Numbers of the columns, in their order; of many those whose slots differ most between classes."""
    x, hot = train.inputs.double(), torch.nn.functional.one_hot(train.answers, train.outputs).double()
    means = (hot.T @ x) / hot.sum(0).clamp_min(1)[:, None]
    between = (hot.mean(0)[:, None] * (means - x.mean(0)).square()).sum(0) / x.var(0, correction=0).clamp_min(
        1e-9
    )
    owner = torch.tensor(spec.column_of_slot)
    best = torch.zeros(len(spec.columns), dtype=torch.double).scatter_reduce(0, owner, between, "amax")
    return sorted(best.argsort(descending=True, stable=True)[:MOST_COLUMNS].tolist())


def _named(text: str) -> tuple[str, str]:
    name, colon, rest = text.partition(":")
    return (name.strip(), rest.strip()) if colon else ("", text.strip())


def _of_table(name: str, text: str, dataset: Dataset) -> list[Concept]:
    spec = dataset.spec
    assert isinstance(spec, TabularSpec)
    if any(column.name == text for column in spec.columns):
        return _label_column(name, text, spec)
    tests = tuple(_test(part.strip(), spec) for part in re.split(r"\s+and\s+", text))
    return [Concept(name or text, tests, learned=False)]


def _label_column(name: str, text: str, spec: TabularSpec) -> list[Concept]:
    k = [column.name for column in spec.columns].index(text)
    column, start = spec.columns[k], spec.column_of_slot.index(k)
    if column.levels:
        levels = [level for level in column.levels if level not in (MISSING, OTHER)]
        kept = levels[1:] if len(levels) == 2 else levels
        place = {level: start + i for i, level in enumerate(column.levels)}
        yes = len(levels) == 2 and bool(name)
        return [Concept(name if yes else f"{text} = {v}", ((place[v], ">", 0.5),)) for v in kept]
    low, high = column.low, column.high
    if low is None or high is None or not column.integer or high - low != 1:
        raise InputError(
            f"{text} holds more than two numbers, so it is no label. Say where the concept begins, such as "
            f"'{text} > {column.mean:.3g}'."
        )
    return [Concept(name or text, ((start, ">", _slot(column, (low + high) / 2)),))]


def _test(text: str, spec: TabularSpec) -> Test:
    names = [column.name for column in spec.columns]
    parts = COMPARED.match(text)
    if parts is None:
        raise InputError(
            f"{text!r} is neither a column nor a condition such as 'dti > .43'. {near_misses(text, names)}"
        )
    name, sign, value = parts[1].strip(), "==" if parts[2] == "=" else parts[2], parts[3].strip(" '\"")
    if name not in names:
        raise InputError(f"A concept asks for {name!r}, which is no column. {near_misses(name, names)}")
    k = names.index(name)
    column, start = spec.columns[k], spec.column_of_slot.index(k)
    if column.levels:
        if sign not in ("==", "!="):
            raise InputError(f"{name} holds names, which have no more or less; ask with == or !=.")
        if value not in column.levels:
            raise InputError(f"{name} has no level {value!r}. {near_misses(value, column.levels)}")
        return start + column.levels.index(value), ">" if sign == "==" else "<", 0.5
    try:
        number = float(value)
    except ValueError:
        raise InputError(f"{name} is a number, and a concept compares it with {value!r}.") from None
    return start, sign, _slot(column, number)


def _of_classes(name: str, text: str, dataset: Dataset) -> list[Concept]:
    wanted = [part.strip() for part in text.split(",")]
    strange = next((each for each in wanted if each not in dataset.classes), None)
    if strange is not None or not name:
        raise InputError(
            f'A concept of {dataset.name} is a name and the classes that have it, such as "round: '
            f'{", ".join(dataset.classes[:2])}"; {strange or text!r} is no class. '
            f"{near_misses(strange or text, dataset.classes)}"
        )
    numbers = tuple(dataset.classes.index(each) for each in wanted)
    if len(numbers) == len(dataset.classes):
        raise InputError(f"All classes have {name!r}, so it tells nothing.")
    return [Concept(name, classes=numbers)]
