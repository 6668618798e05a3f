"""What all expectations about slices share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from torch import Tensor

from pellucid.errors import InputError
from pellucid.figures import number, percent
from pellucid.tasks._check._examined import Examined
from pellucid.tasks._check._expectation import missing
from pellucid.tasks._check._outcome import WORST, Bound, Line
from pellucid.tasks._check._sliced import slices


def limit_text(bound: Bound) -> str:
    """A bound in words.

    Example:
        >>> limit_text(Bound("at most", 0.02)), limit_text(Bound("at least", 3, "number", "kg"))
        ('at most 2\\xa0%', 'at least 3 kg')
    """
    shown = percent(bound.limit) if bound.unit == "share" else number(bound.limit)
    return f"{bound.side} {shown} {bound.name}".rstrip()


def grouped(what: str, bound: Bound, by: str) -> str:
    """An expectation about slices in words."""
    return f"{what} is {limit_text(bound)}" + (f" in every slice of {by}" if by else "")


def check_share(name: str, value: float) -> None:
    """Raise where a limit is no share."""
    if not 0 <= value <= 1:
        hint = f" Did you mean {value / 100:g}?" if 1 < value <= 100 else ""
        raise InputError(f"{name} is a share from 0 to 1, got {value:g}.{hint}")


def in_slices(
    seen: Examined,
    by: str,
    cuts: tuple[float, ...],
    one: Callable[[str, Tensor, int], Line],
    bound: Bound,
    *,
    each: Tensor | None = None,
    control: Callable[[Tensor], float] | None = None,
    control_name: str = "",
) -> tuple[list[Line], Tensor]:
    """A line for every slice, and the row numbers of the worst.

    Args:
        seen: the subject.
        by, cuts: how rows are grouped.
        one: the line of ``(label, held-out row numbers, number of slices)``.
        bound: what lines are held against.
        each: ``[held-out rows]``, numbers whose mean a line's value is.
        control: the same number for what costs nothing.
        control_name: what that is.
    """
    groups = slices(seen, by, cuts)
    lines: list[tuple[Line, Tensor]] = []
    for label, rows in groups:
        try:
            made = one(label, rows, len(groups))
        except InputError as error:
            made = missing(label, str(error))
        if control is not None and made.value is not None:
            made = dataclasses.replace(made, control=control(rows), control_name=control_name)
        if each is not None:
            made = dataclasses.replace(made, each=each[rows], rows=rows)
        lines.append((made, rows))
    sign = 1 if bound.side == "at least" else -1
    lines.sort(key=lambda pair: (WORST.index(pair[0].word), sign * (pair[0].value or 0.0)))
    return [made for made, _ in lines], lines[0][1]
