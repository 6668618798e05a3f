"""Noisy linear interpolation: what is taken away becomes the mean of its neighbours."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Variants
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SIDE, CORNER = 1 / 6, 1 / 12  # weights of the neighbours of a pixel
NOISE = 0.01  # in standard deviations of the inputs: without it the shape of the mask could be read off


def interpolated(x: Tensor, drawn: Bank, *, seed: int) -> Variants:
    """Contents in which each removed element is the weighted mean of its neighbours, removed ones included.

    Beside each other means: along the axes behind the channels. The weights are 1/6 for a side and 1/12 for a
    corner, divided by their sum at an edge. Normal noise of .01 standard deviations is added, the same for
    every row. Where everything is removed, each channel becomes its mean.
    """
    if drawn.grid is None or x.ndim < 3:
        raise InputError(
            "The fill 'linear' interpolates between neighbours: it is for pictures and sounds. For columns "
            "and words, which have none, use 'nearest', 'swap' or 'own'."
        )
    space = tuple(x.shape[2:])
    laplacian = _laplacian(space)
    size = NOISE * float(x.double().std())

    def contents(ks: Tensor, rows: slice) -> Tensor:
        masks = drawn.elements(ks, rows)[:, :, 0].flatten(2).cpu().numpy()
        point = x[rows].double().flatten(2).cpu().numpy()
        made = np.empty((len(ks), *point.shape))
        for c, own in enumerate(masks):
            if len(own) == 1:
                made[c] = _solved(laplacian, own[0], point)
            else:
                for i, mask in enumerate(own):
                    made[c, i] = _solved(laplacian, mask, point[i : i + 1])[0]
        noise = torch.stack([_noise(int(k), x.shape[1:], seed) for k in ks])[:, None]
        return (torch.from_numpy(made).view(len(ks), len(point), *x.shape[1:]) + size * noise).to(x)

    return contents


def _noise(k: int, shape: torch.Size, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 86_028_121 + k)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _laplacian(space: tuple[int, ...]) -> csr_matrix:
    from scipy.sparse import coo_matrix, diags

    count = int(np.prod(space))
    number = np.arange(count).reshape(space)
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for step in itertools.product((-1, 0, 1), repeat=len(space)):
        far = sum(map(abs, step))
        if not far:
            continue
        here = number[tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, space, strict=True))]
        there = number[tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, space, strict=True))]
        rows.append(here.ravel())
        columns.append(there.ravel())
        weights.append(np.full(here.size, SIDE if far == 1 else CORNER))
    places = (np.concatenate(rows), np.concatenate(columns))
    near = coo_matrix((np.concatenate(weights), places), shape=(count, count)).tocsr()
    total = np.asarray(near.sum(1)).ravel()
    return cast("csr_matrix", (diags(total) - near).tocsr())


def _solved(laplacian: csr_matrix, mask: np.ndarray, point: np.ndarray) -> np.ndarray:
    """``point`` ``[n, C, P]`` with the removed elements solved for."""
    from scipy.sparse.linalg import splu

    if not mask.any():
        return point
    if mask.all():
        return np.broadcast_to(point.mean(-1, keepdims=True), point.shape)
    gone, kept = np.flatnonzero(mask), np.flatnonzero(~mask)
    part = laplacian[gone]
    known = point[..., kept].reshape(-1, len(kept)).T
    found = splu(part[:, gone].tocsc()).solve(-(part[:, kept] @ known))
    made = point.copy()
    made[..., gone] = found.T.reshape(*point.shape[:-1], len(gone))
    return made
