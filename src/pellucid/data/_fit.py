"""From read columns to a TabularSpec, with everything estimated on the training rows only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data._answers import whole
from pellucid.data._kinds import Read, number_of, quoted
from pellucid.errors import InputError, near_misses
from pellucid.inputs import MISSING, Column, TabularSpec

BACKGROUND = 128  # training rows kept as background


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the user says about columns; everything else is read from the training rows."""

    units: Mapping[str, str]
    immutable: Sequence[str]
    monotone: Mapping[str, Literal[0, 1, -1]]
    levels: Mapping[str, Sequence[str]]
    absence: Literal["mean", "median", "background"]

    def check(self, names: Sequence[str]) -> None:
        """Refuse names that no column has."""
        for what in ("units", "immutable", "monotone", "levels"):
            for name in getattr(self, what):
                if name not in names:
                    said = "a direction (monotone; --rises, --falls)" if what == "monotone" else what
                    raise InputError(f"{said} names {name!r}, which is no column. {near_misses(name, names)}")

    def check_directions(self, reads: Mapping[str, Read]) -> None:
        """Refuse directions of what has no more and no less; ``reads`` are what is learned from."""
        for name in (name for name, sign in self.monotone.items() if sign):
            if name not in reads or reads[name].kind != "number":
                what = "holds categories" if name in reads else "is not learned from"
                raise InputError(
                    f"monotone names {name!r}, which {what}; only of numbers is there more and less. "
                    f"{near_misses('', [each for each, read in reads.items() if read.kind == 'number'])}"
                )


def fit_spec(reads: Mapping[str, Read], train: NDArray[np.bool_], meaning: Meaning) -> TabularSpec:
    """Columns with their moments, medians and levels, from the rows where ``train`` holds."""
    columns = [
        (_fit_number if read.kind == "number" else _fit_category)(name, read, train, meaning)
        for name, read in reads.items()
    ]
    return TabularSpec(tuple(columns), absence="mean" if meaning.absence == "background" else meaning.absence)


def with_background(spec: TabularSpec, rows: Tensor, meaning: Meaning, seed: int) -> TabularSpec:
    """The spec with some of its training rows, drawn by ``seed``."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    return TabularSpec(spec.columns, rows[order[:BACKGROUND].sort().values].clone(), meaning.absence)


def values_of(read: Read) -> Sequence[object]:
    """Raw values of a column, as a spec encodes them."""
    return read.numbers if read.kind == "number" else read.texts


def _fit_number(name: str, read: Read, train: NDArray[np.bool_], meaning: Meaning) -> Column:
    every = np.array([np.nan if value is None else value for value in read.numbers], dtype=np.float64)
    seen = every[train & ~np.isnan(every)]
    if not len(seen):
        raise InputError(
            f"{name}: no training row has a value. Leave it out "
            f"(--type {quoted(f'{name}=ignore')}, in Python types=)."
        )
    spread = float(seen.std())
    return Column(
        name,
        unit=meaning.units.get(name, ""),
        mean=float(seen.mean()),
        std=spread if spread > 0 else 1.0,
        immutable=name in meaning.immutable,
        monotone=meaning.monotone.get(name, 0),
        low=float(seen.min()),
        high=float(seen.max()),
        missing=bool(np.isnan(every).any()),
        integer=whole(read.numbers),
        median=float(np.median(seen)),
    )


def _fit_category(name: str, read: Read, train: NDArray[np.bool_], meaning: Meaning) -> Column:
    counts = Counter(
        MISSING if text is None else text for text, used in zip(read.texts, train, strict=True) if used
    )
    known = [text for text in counts if text != MISSING]
    levels = list(meaning.levels.get(name, _in_order(known)))
    strange = [text for text in known if text not in levels]
    if strange:
        raise InputError(f"{name}: levels= lists no {strange[0]!r}. {near_misses(strange[0], levels)}")
    levels += [MISSING] if MISSING in counts else []
    total = sum(counts.values())
    return Column(
        name,
        levels=tuple(levels),
        immutable=name in meaning.immutable,
        shares=tuple(counts[level] / total for level in levels),
    )


def _in_order(levels: Sequence[str]) -> list[str]:
    numbers = {level: number_of(level) for level in levels}
    if all(value is not None for value in numbers.values()):
        return sorted(levels, key=lambda level: numbers[level] or 0.0)
    return sorted(levels)


def unseen(reads: Mapping[str, Read], train: NDArray[np.bool_]) -> dict[int, str]:
    """Rows outside training with a level that no training row has, and what it is."""
    found: dict[int, str] = {}
    for name, read in reads.items():
        if read.kind == "category":
            known = {text for text, used in zip(read.texts, train, strict=True) if used}
            for k, (text, used) in enumerate(zip(read.texts, train, strict=True)):
                if not used and text not in known:
                    found.setdefault(k, f"{name} = {MISSING if text is None else text}")
    return found
