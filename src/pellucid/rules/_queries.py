"""Rows between training rows, for a network to answer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import InputSpec
from pellucid.inputs import TabularSpec

NEIGHBOURS = 5


def between(spec: InputSpec, x: Tensor, count: int, seed: int) -> tuple[Tensor, NDArray[np.int64]]:
    """``count`` rows, each on the line from a row to one of its five nearest (Chawla et al. 2002, SMOTE).

    A category, and whether a number is missing, is taken whole from one of the two; whole numbers stay whole.
    Beside the rows comes ``[count, 2]``: between which two each lies.
    """
    from sklearn.neighbors import NearestNeighbors

    chance = np.random.default_rng(seed)
    flat = x.detach().cpu().flatten(1).double().numpy()
    near = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(flat))).fit(flat)
    others = near.kneighbors(flat, return_distance=False)
    first = chance.integers(0, len(flat), count)
    second = others[first, chance.integers(min(1, others.shape[1] - 1), others.shape[1], count)]
    pairs = np.stack((first, second), 1)
    made = flat[first] + chance.random((count, 1)) * (flat[second] - flat[first])
    if not isinstance(spec, TabularSpec):
        return torch.from_numpy(made).reshape(count, *x.shape[1:]).to(x), pairs
    start = 0
    for column in spec.columns:
        whole = slice(start if column.levels else start + 1, start + column.width)
        taken = np.where(chance.random((count, 1)) < 0.5, flat[first, whole], flat[second, whole])
        made[:, whole] = taken
        start += column.width
    return spec.encode(spec.decode(torch.from_numpy(made).float())).to(x), pairs
