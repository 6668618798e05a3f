"""Inputs as a person reads them: columns in their units, or the brightness of the cells of a picture."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.errors import InputError
from pellucid.inputs import MISSING, OTHER, AudioSpec, Column, ImageSpec, TabularSpec
from pellucid.inputs._column import is_missing, level_of
from pellucid.rules._rule import GIVEN

Row = Mapping[str, object]
LARGE = 21  # pixels a side from which a picture is told in 7 × 7 cells instead of 4 × 4
MOMENTS, PITCHES = 8, 4  # cells of time and pitch that rules on sounds speak of


@dataclass(frozen=True, slots=True)
class Feature:
    """One number that a tree splits on: a column's number, or whether it has a level.

    Args:
        column: where it comes from.
        level: ``None`` for the number itself; else it is 1 where the column has this level.
    """

    column: Column
    level: str | None = None


def readable_columns(spec: InputSpec, x: Tensor) -> tuple[Column, ...]:
    """The columns that rules on such inputs speak of."""
    if isinstance(spec, TabularSpec):
        return spec.columns
    if isinstance(spec, ImageSpec):
        down, across = _grid(x)
        return tuple(
            Column(f"row {r + 1}, column {c + 1}", low=0.0, high=1.0)
            for r in range(down)
            for c in range(across)
        )
    if isinstance(spec, AudioSpec):
        return tuple(Column(name, "dB") for name in _coarse(spec, x).group_names(x))
    raise InputError(
        f"Rules over inputs read tables, pictures and sounds, and this network reads {spec.reads}: a rule "
        "about single words would say little. Say site= for rules over the units of a layer "
        "(pellucid.tasks.unit_rules), or explain single answers: pellucid.explain."
    )


def readable_rows(spec: InputSpec, x: Tensor) -> list[dict[str, object]]:
    """Inputs as rules read them: one mapping of column name to value for each row.

    Args:
        spec: what the inputs mean: a :class:`~pellucid.inputs.TabularSpec` gives its columns in their units,
            an :class:`~pellucid.inputs.ImageSpec` the mean brightness (0 black, 1 full, mean of all channels)
            of each cell of a coarse grid: 7 × 7 for pictures of 21 pixels a side or more, else 4 × 4,
            an :class:`~pellucid.inputs.AudioSpec` the level in dB of each of up to 4 × 8 cells of pitch and
            time.
        x: ``[N, *shape]``.

    Returns:
        One mapping a row.

    Raises:
        InputError: for inputs of another kind.

    Example:
        >>> import torch
        >>> readable_rows(ImageSpec(), torch.full((1, 1, 8, 8), 0.25))[0]["row 4, column 1"]
        0.25
    """
    if isinstance(spec, TabularSpec):
        return spec.decode(x)
    names = [column.name for column in readable_columns(spec, x)]
    if isinstance(spec, AudioSpec):
        levels = _coarse(spec, x).cell_levels(x).cpu().tolist()
        return [dict(zip(names, row, strict=True)) for row in levels]
    pixels = spec.to_pixels(x) if isinstance(spec, ImageSpec) else x
    light = F.adaptive_avg_pool2d(pixels.double().mean(1), _grid(x))
    return [dict(zip(names, cells, strict=True)) for cells in light.flatten(1).cpu().tolist()]


def _coarse(spec: AudioSpec, x: Tensor) -> AudioSpec:
    """The spec with as few cells as a person may still keep apart."""
    step = math.ceil(x.shape[-1] / MOMENTS)
    bins = math.ceil(len(spec.frequencies) / PITCHES)
    return dataclasses.replace(spec, seconds_of_cell=spec.seconds(step), bins_of_cell=bins)


def _grid(x: Tensor) -> tuple[int, int]:
    cells = 7 if min(x.shape[-2:]) >= LARGE else 4
    return min(cells, x.shape[-2]), min(cells, x.shape[-1])


def cell(column: Column, raw: object) -> tuple[float, str]:
    """A raw value as number and as level; what does not apply is NaN or empty.

    Raises:
        InputError: for a level that the column does not know, or no number where one belongs.
    """
    if column.levels:
        level = MISSING if is_missing(raw) else str(raw)
        if level not in column.levels:
            level = level_of(raw)
        if level not in column.levels and OTHER in column.levels:
            level = OTHER
        if level not in column.levels:
            raise InputError(f"{column.name}: {level!r} is not a known level: {', '.join(column.levels)}.")
        return float("nan"), level
    if is_missing(raw) and column.missing:
        return column.mean if column.median is None else column.median, MISSING
    try:
        number = float(raw)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        number = float("nan")
    if number != number:
        raise InputError(f"{column.name}: expected a number, got {raw!r}.")
    return number, GIVEN


def features(columns: Sequence[Column]) -> tuple[Feature, ...]:
    """What a tree may split on: each number, whether it is missing, and each level (one of two levels)."""
    found: list[Feature] = []
    for column in columns:
        if not column.levels:
            found.append(Feature(column))
            found += [Feature(column, MISSING)] if column.missing else []
        else:
            shown = column.levels if len(column.levels) > 2 else column.levels[1:]
            found += [Feature(column, level) for level in shown]
    return tuple(found)


def matrix(parts: Sequence[Feature], rows: Sequence[Row]) -> NDArray[np.float64]:
    """Values ``[N, F]`` of features."""
    told = [_told(part, rows) for part in parts]
    return np.array(told, dtype=np.float64).reshape(len(parts), len(rows)).T


def _told(part: Feature, rows: Sequence[Row]) -> list[float]:
    column = part.column
    raw = [row[column.name] for row in rows]
    if part.level is None and all(type(value) is float for value in raw):
        return [value for value in raw if isinstance(value, float)]
    if part.level is None:
        return [cell(column, value)[0] for value in raw]
    return [float(cell(column, value)[1] == part.level) for value in raw]
