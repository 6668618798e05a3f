"""Maximum flow through layers of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

WHOLE = 2**30  # what 1 is in the whole numbers that the search takes


def flows(pipes: Tensor, supply: Tensor) -> Tensor:
    """Most that reaches each node of layer 0 from the top, one after the other: float64 ``[T]``.

    Args:
        pipes: ``[L, T, T]``; ``pipes[l][i, j]`` is what node ``i`` of layer ``l + 1`` can give node ``j`` of
            layer ``l``.
        supply: ``[T]``, what each node of the top is given.

    Example:
        >>> half = torch.full((1, 2, 2), 0.5)
        >>> flows(half, torch.tensor([1.0, 0.0])).tolist()
        [0.5, 0.5]
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    depth, count = pipes.shape[:2]
    source = (depth + 1) * count
    start: list[Any] = [np.full(count, source)]
    end: list[Any] = [np.arange(depth * count, source)]
    size: list[Any] = [supply.numpy()]
    for layer in range(depth):
        upper, lower = np.divmod(np.arange(count * count), count)
        start.append(upper + (layer + 1) * count)
        end.append(lower + layer * count)
        size.append(pipes[layer].flatten().numpy())
    capacity = np.floor(np.concatenate(size) * WHOLE).astype(np.int32)
    kept = capacity > 0
    graph = csr_array(
        (capacity[kept], (np.concatenate(start)[kept], np.concatenate(end)[kept])),
        shape=(source + 1, source + 1),
    )
    found = [maximum_flow(graph, source, token).flow_value / WHOLE for token in range(count)]
    return torch.tensor(found, dtype=torch.float64)
