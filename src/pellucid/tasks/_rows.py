"""Which rows a task looks at, by a rule that can be printed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import PARTS, Dataset
from pellucid.errors import InputError, near_misses

ENOUGH = 20  # rows from which it can be told how far a method is to be believed
DONORS = 256  # training rows that fills and exchanges may take parts from


def held_out(data: Dataset) -> Dataset:
    """The test rows; where there are none the validation rows; where there are none either, all."""
    for part in ("test", "validation"):
        chosen = data.parts == PARTS.index(part)
        if bool(chosen.any()):
            return data.rows(chosen)
    return data


def sample(count: int, most: int, *, seed: int = 0) -> Tensor:
    """Up to ``most`` different row numbers out of ``count``, drawn with a seed, in ascending order.

    Example:
        >>> sample(3, 10).tolist()
        [0, 1, 2]
    """
    if count <= most:
        return torch.arange(count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[:most].sort().values


def training_rows(data: Dataset, seed: int) -> Tensor:
    """Training rows that fills may take parts from; any rows where none are for training."""
    index = (data.parts == PARTS.index("train")).nonzero().flatten()
    index = torch.arange(len(data)) if not len(index) else index
    return data.inputs[index[sample(len(index), DONORS, seed=seed)]]


def rows_named(data: Dataset, rows: str | Sequence[int] | Tensor) -> Tensor:
    """Row numbers of a data set, int64 ``[n]``: ``"all"``, a part's name, ranges ``"0-9,12"``, or numbers.

    Raises:
        InputError: where no row is named, one does not exist, or one is named twice.

    Example:
        >>> from pellucid.inputs import TabularSpec, Column
        >>> x, spec = torch.zeros(4, 1), TabularSpec((Column("x"),))
        >>> data = Dataset("d", x, torch.zeros(4), spec, (), torch.tensor([0, 0, 1, 2]))
        >>> rows_named(data, "train").tolist(), rows_named(data, "0-1,3").tolist()
        ([0, 1], [0, 1, 3])
    """
    if isinstance(rows, str):
        found = _parsed(data, rows.strip())
    else:
        found = torch.as_tensor(rows, dtype=torch.int64).flatten()
    if not len(found):
        raise InputError(f"{rows!r} names no row of {data.name}.")
    if not 0 <= int(found.min()) <= int(found.max()) < len(data):
        raise InputError(f"Rows of {data.name} are numbered 0 to {len(data) - 1}, got {rows!r}.")
    if len(found.unique()) < len(found):
        raise InputError(f"Rows are explained once each; {rows!r} names some of them twice.")
    return found


def _parsed(data: Dataset, text: str) -> Tensor:
    if text == "all":
        return torch.arange(len(data))
    if text in PARTS:
        return (data.parts == PARTS.index(text)).nonzero()[:, 0]
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()):
            hint = near_misses(text, ["all", *PARTS])
            raise InputError(
                f"Expected all, a part of the data or ranges such as 0-99,120; got {text!r}. {hint}"
            )
        found += range(int(first), int(last if dash else first) + 1)
    return torch.tensor(found, dtype=torch.int64)
