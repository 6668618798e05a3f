"""A value in one line, for whoever types its name: pages of numbers say nothing there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import cast

import numpy as np
from torch import Tensor

FEW, LONG = 3, 40  # items that are written out; letters of a text


def brief(self: object) -> str:
    """Class and fields: numbers and short texts as they are, of all else how much it is; nothing of nothing.

    Example:
        >>> import torch
        >>> from dataclasses import make_dataclass
        >>> Made = make_dataclass("Made", ["name", "values", "rate", "note"])
        >>> brief(Made("conv1", torch.zeros(120, 16), 0.12345, ""))
        "Made(name='conv1', values=[120, 16], rate=0.123)"
    """
    if not is_dataclass(self):
        return object.__repr__(self)
    told = {field.name: _told(getattr(self, field.name)) for field in fields(self) if field.repr}
    return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in told.items() if text)})"


def _told(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, str):
        return repr(value if len(value) <= LONG else value[: LONG - 1] + "…") if value else ""
    if isinstance(value, Tensor | np.ndarray):
        shape = tuple(cast("Tensor", value).shape)
        return str(list(shape)) if shape else f"{float(cast('Tensor', value)):.3g}"
    if isinstance(value, Mapping):
        return _some("{}", [repr(key) for key in cast("Mapping[object, object]", value)], "entries")
    if isinstance(value, tuple | list):
        items = cast("tuple[object, ...]", value)
        plain = all(isinstance(item, str | int | float) for item in items)
        return _some("()", [_told(item) or "''" if plain else type(item).__name__ for item in items], "items")
    return type(value).__name__


def _some(brackets: str, told: list[str], noun: str) -> str:
    """A few things written out, of many their number."""
    if not told or len(told) > FEW:
        return f"<{len(told)} {noun}>" if told else ""
    return f"{brackets[0]}{', '.join(told)}{brackets[1]}"
