"""Rows in groups: by the levels of a column, by ranges of a number, by the true answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Subject, amount
from pellucid.errors import InputError
from pellucid.tasks._check._examined import Examined, column_of, table_of

ANSWER = "answer"
MOST = 24


def check_slices(subject: Subject, by: str, cuts: Sequence[float]) -> None:
    """Raise where rows cannot be grouped so."""
    if not by:
        if cuts:
            raise InputError("cuts says where a column is cut; by= names the column.")
        return
    if by == ANSWER and not _is_column(subject, by):
        if not subject.classes:
            raise InputError("by = 'answer' needs classes; this network gives a number.")
        return
    column = table_of(subject, by).column(by)
    if column.levels and cuts:
        raise InputError(f"{by} has levels ({', '.join(column.levels[:4])} …); cuts belong to numbers.")
    if list(cuts) != sorted(set(cuts)):
        raise InputError(f"cuts rise, such as [30, 45, 60]; got {list(cuts)}.")
    if len(column.levels) > MOST:
        raise InputError(f"{by} has {len(column.levels)} levels; slices are at most {MOST}.")


def slices(seen: Examined, by: str, cuts: Sequence[float]) -> list[tuple[str, Tensor]]:
    """``(label, held-out row numbers)`` of each group that has rows; all rows where nothing is named."""
    everything = torch.arange(len(seen.held))
    if not by:
        return [("all held-out rows", everything)]
    if by == ANSWER and not _is_column(seen.subject, by):
        word = seen.held.answer
        groups = [(f"{word} {name}", seen.held.answers == k) for k, name in enumerate(seen.subject.classes)]
    else:
        groups = _by_column(seen, by, cuts)
    return [(label, everything[here]) for label, here in groups if bool(here.any())]


def _is_column(subject: Subject, by: str) -> bool:
    return by in {column.name for column in getattr(subject.spec, "columns", ())}


def _by_column(seen: Examined, by: str, cuts: Sequence[float]) -> list[tuple[str, Tensor]]:
    values, _ = seen.column(by)
    column = table_of(seen.subject, by).column(by)
    if column.levels:
        return [
            (f"{by} = {level}", torch.tensor([value == level for value in values])) for level in column.levels
        ]
    numbers = torch.tensor([np.nan if v is None else float(str(v)) for v in values], dtype=torch.float64)
    edges = list(cuts) or _quartiles(seen, by)
    said = [f"{cut:g}" for cut in cuts] or _told(edges)
    ends = list(zip([-np.inf, *edges, np.inf], ["", *said, ""], strict=True))
    found = [
        (_range(by, low, high, column.unit), (numbers >= least) & (numbers < most))
        for (least, low), (most, high) in itertools.pairwise(ends)
    ]
    return [*found, (f"{by} missing", numbers.isnan())]


def _quartiles(seen: Examined, by: str) -> list[float]:
    """Cuts of the training rows at a quarter, the half and three quarters."""
    learned = seen.data.rows(seen.data.parts == 0) if bool((seen.data.parts == 0).any()) else seen.data
    values = [float(str(v)) for v in column_of(seen.subject, learned, by)[0] if v is not None]
    return sorted(set(np.quantile(values, [0.25, 0.5, 0.75]).tolist()))


def _told(edges: Sequence[float]) -> list[str]:
    """Cuts in three digits that matter, in more where these would not tell them apart."""
    for digits in range(3, 17):
        said = [amount(edge, digits) for edge in edges]
        if len(set(said)) == len(said):
            return said
    return [repr(edge) for edge in edges]


def _range(by: str, low: str, high: str, unit: str) -> str:
    said = f"{low} ≤ {by} < {high}" if low and high else f"{by} ≥ {low}" if low else f"{by} < {high}"
    return f"{said} {unit}".rstrip()
