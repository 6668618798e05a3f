"""Which rows a task looks at, by a rule that can be printed."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import PARTS, Dataset


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
