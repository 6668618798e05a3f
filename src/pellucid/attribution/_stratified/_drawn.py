"""Where slopes are taken in each round, and from which background row: drawn by the seed."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

GOLDEN = (5**0.5 - 1) / 2
MIXED = 4  # neighbours in distance that change places


class Drawn(NamedTuple):
    """What the seed decides, for ``count`` places in each round.

    Args:
        places: ``[rounds * count]``, on the way, rising in each round.
        order: ``[rounds * count]``, which background row each starts from, counted near to far.
        terms: ``[rounds * count, 3]``, Legendre's polynomials of degree 0 to 2 on the way.
        undo: ``[rounds, 3, 3]``, what makes the parabola of least squares of sums by these over all rounds
            so far.
    """

    places: NDArray[np.float64]
    order: NDArray[np.int64]
    terms: NDArray[np.float64]
    undo: NDArray[np.float64]


@lru_cache(maxsize=16)  # of numbers, which decide all of it
def drawn(seed: int, count: int, rows: int, rounds: int) -> Drawn:
    """Places and order for a background of so many rows.

    Neighbours in distance are far apart on the way: by golden steps, which fill both evenly. Where these
    begin would alone decide most of a round's error, in waves, and few waves show too small a spread: so
    neighbours in distance change places at random.
    """
    generator = torch.Generator().manual_seed(seed)
    places, order = list[NDArray[np.float64]](), list[NDArray[np.int64]]()
    step = np.arange(count)
    golden = (step * GOLDEN % 1).argsort()
    for _ in range(rounds):
        within, mixed = torch.rand((2, count), generator=generator, dtype=torch.float64).numpy()
        places.append((step + within) / count)
        shift, turn, begin = torch.randint(count, (3,), generator=generator).tolist()
        steps = golden[::-1] if turn % 2 else golden
        near = ((step + begin) // MIXED + mixed).argsort()
        order.append(near[np.roll(steps, shift)] * rows // count)
    t = 2 * np.concatenate(places) - 1
    terms = np.stack([np.ones_like(t), t, (3 * t * t - 1) / 2], 1)
    each = terms.reshape(rounds, count, -1)
    undo = np.linalg.inv((each.transpose(0, 2, 1) @ each).cumsum(0))
    return Drawn(np.concatenate(places), np.concatenate(order), terms, undo)
