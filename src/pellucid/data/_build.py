"""From a raw table to a data set: types, answers, parts, a spec fitted on training rows, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid._core import PARTS, Dataset, Task, split
from pellucid.data._answers import Answers, read_answers, twins
from pellucid.data._fit import Meaning, fit_spec, unseen, values_of, with_background
from pellucid.data._kinds import KINDS, Kind, Read, quoted, read_column
from pellucid.data._raw import Cell, RawTable, text_of
from pellucid.errors import InputError, near_misses

PART_WORDS = (("train", "training"), ("validation", "valid", "val", "dev"), ("test", "testing"))
NAMED, OF_MORE = 60, 12  # columns that a note names; of more, the first ones


@dataclass(frozen=True, slots=True)
class Reading:
    """How a raw table is to be understood."""

    meaning: Meaning
    types: Mapping[str, Kind]
    task: Task | None
    parts: str | None
    seed: int


def build(raw: RawTable, target: str, reading: Reading) -> Dataset:
    """The data set of a raw table; everything that was decided stands in its notes."""
    _check_names(raw, target, reading)
    cells, notes = _answered(raw, target)
    order = reading.meaning.levels.get(target, ())
    answers = read_answers(target, cells[target], reading.task, comma=raw.comma, classes=order)
    parts = _parts(cells, reading, answers)
    reads = {
        name: read_column(name, column, reading.types.get(name), comma=raw.comma)
        for name, column in cells.items()
        if name not in (target, reading.parts)
    }
    used = {name: read for name, read in reads.items() if read.kind != "ignore"}
    if not used:
        raise InputError(
            f"{raw.name}: nothing is left to learn {target!r} from. "
            f"{' '.join([*_left_out(reads), *_texts(cells, reads)])}"
        )
    reading.meaning.check([*reads, target])
    reading.meaning.check_directions(used)
    parts, keep, moved = _seen(used, parts, fixed=reading.parts is not None)
    spec = fit_spec(used, np.asarray(parts == 0), reading.meaning)
    used = used if bool(keep.all()) else {name: _kept(read, keep) for name, read in used.items()}
    inputs = spec.encode_columns({name: values_of(read) for name, read in used.items()})
    parts = parts[keep]
    spec = with_background(spec, inputs[parts == 0], reading.meaning, reading.seed)
    return Dataset(
        raw.name,
        inputs,
        answers.values[keep],
        spec,
        answers.classes,
        parts,
        answer=target,
        unit="" if answers.classes else reading.meaning.units.get(target, ""),
        notes=(*raw.notes, *notes, *_types(used), *_missing(used), *_left_out(reads), *answers.notes, *moved),
        source=raw.source,
    )


def _check_names(raw: RawTable, target: str, reading: Reading) -> None:
    for what, name in (("target", target), ("parts", reading.parts)):
        if name is not None and name not in raw.columns:
            raise InputError(
                f"{raw.name} has no column {name!r} for {what}. {near_misses(name, raw.columns)}"
            )
    for name, kind in reading.types.items():
        if name not in raw.columns:
            raise InputError(f"types names {name!r}, which is no column. {near_misses(name, raw.columns)}")
        if kind not in KINDS:
            raise InputError(f"types: {name!r} cannot be {kind!r}. {near_misses(str(kind), KINDS)}")


def _answered(raw: RawTable, target: str) -> tuple[Mapping[str, list[Cell]], list[str]]:
    have = [cell is not None for cell in raw.columns[target]]
    gone = have.count(False)
    if not any(have):
        raise InputError(f"{raw.name}: column {target!r} holds no value, so there is nothing to learn.")
    if not gone:
        return raw.columns, []
    note = f"{gone} of {raw.rows} rows have no value in {target!r} and were left out."
    kept = {name: [c for c, h in zip(column, have, strict=True) if h] for name, column in raw.columns.items()}
    return kept, [note]


def _parts(cells: Mapping[str, list[Cell]], reading: Reading, answers: Answers) -> Tensor:
    named, classes = reading.parts, bool(answers.classes)
    if named is None:
        return split(answers.values, classes=classes, seed=reading.seed)
    number = {word: k for k, words in enumerate(PART_WORDS) for word in words}
    words = ["" if cell is None else text_of(cell).casefold() for cell in cells[named]]
    wrong = next((k for k, word in enumerate(words) if word not in number), None)
    if wrong is not None:
        known = ", ".join(PARTS)
        raise InputError(f"{named}: row {wrong + 1} says {words[wrong]!r}; expected one of {known}.")
    parts = torch.tensor([number[word] for word in words], dtype=torch.int8)
    return with_validation(parts, answers.values, classes=classes, seed=reading.seed)


def with_validation(parts: Tensor, answers: Tensor, *, classes: bool, seed: int) -> Tensor:
    """Parts that a source gives, with what it leaves open (validation, test) taken from its training rows."""
    if not bool((parts == 0).any()):
        raise InputError("No row belongs to training.")
    open_ = tuple(0.0 if bool((parts == k).any()) else 0.15 for k in (1, 2))
    train = (parts == 0).nonzero().flatten()
    parts = parts.clone()
    parts[train] = split(answers[train], classes=classes, seed=seed, shares=(open_[0], open_[1]))
    return parts


def _seen(reads: Mapping[str, Read], parts: Tensor, *, fixed: bool) -> tuple[Tensor, Tensor, list[str]]:
    """Rows with a level that training lacks move to training, or go where the parts were given."""
    strange = unseen(reads, np.asarray(parts == 0))
    keep = torch.ones(len(parts), dtype=torch.bool)
    if not strange:
        return parts, keep, []
    shown = ", ".join(sorted(set(strange.values()))[:4])
    index = torch.tensor(list(strange))
    if fixed:
        keep[index] = False
        note = (
            f"{len(strange)} validation or test rows were left out: their level is not in training ({shown})."
        )
        return parts, keep, [note]
    parts = parts.clone()
    parts[index] = 0
    return parts, keep, [f"{len(strange)} rows were moved to training, which lacked their level ({shown})."]


def _kept(read: Read, keep: Tensor) -> Read:
    index = keep.nonzero().flatten().tolist()
    numbers = tuple(read.numbers[k] for k in index) if read.numbers else ()
    return Read(read.kind, numbers, tuple(read.texts[k] for k in index) if read.texts else (), read.reason)


def _types(reads: Mapping[str, Read]) -> list[str]:
    notes: list[str] = []
    numbers = [name for name, read in reads.items() if read.kind == "number"]
    if numbers:
        notes.append(f"Read as numbers: {_listed(numbers)}.")
    categories = [
        f"{name} ({len(set(read.texts) - {None})} levels{f'; {read.reason}' if read.reason else ''})"
        for name, read in reads.items()
        if read.kind == "category"
    ]
    if categories:
        notes.append(f"Read as categories: {_listed(categories)}.")
    for name, read in reads.items():
        known = sorted({text for text in read.texts if text is not None}) if read.kind == "category" else []
        notes += [f"{name}: {told}" for told in [twins(known, "levels")] if told]
    return notes


def _missing(reads: Mapping[str, Read]) -> list[str]:
    counts = {name: values_of(read).count(None) for name, read in reads.items()}
    counts = {name: count for name, count in counts.items() if count}
    if not counts:
        return []
    shown = _listed([f"{name} {count}" for name, count in counts.items()])
    return [
        f"Missing values: {shown}. A missing number takes the training median and a slot that says so; "
        "a missing category is a level of its own."
    ]


def _listed(names: Sequence[str]) -> str:
    """Names, of very many the first ones."""
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:OF_MORE])} and {len(names) - OF_MORE:,} more"


def _texts(cells: Mapping[str, list[Cell]], reads: Mapping[str, Read]) -> list[str]:
    """How to read the column that holds sentences, if one does."""
    spaces = {
        name: sum(" " in text_of(cell) for cell in cells[name] if cell is not None) / max(1, len(cells[name]))
        for name, read in reads.items()
        if read.kind == "ignore"
    }
    name = max(spaces, key=lambda n: spaces[n], default="")
    if not name or spaces[name] < 0.5:
        return []
    return [f"Column {name!r} holds sentences: read it with text={name!r}."]


def _back(name: str) -> str:
    return f"--type {quoted(f'{name}=category')}"


def _left_out(reads: Mapping[str, Read]) -> list[str]:
    return [
        f"Column {name!r} was left out: {read.reason}."
        + ("" if read.reason == "as asked" else f" {_back(name)} (types= in Python) brings it back.")
        for name, read in reads.items()
        if read.kind == "ignore"
    ]
