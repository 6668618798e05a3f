"""Every background row as often in a round, each at its own stratum of the way; and how sure the mean is."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Question
from pellucid.attribution._student import widening

LEAST = 16  # places on the way in a round: a small background is gone through several times


def collected(q: Question, background: Tensor | None, rounds: int) -> tuple[Tensor, Tensor]:
    """Mean of ``slope times way`` over rounds and background, and its standard error, both like the inputs.

    ``None`` is the one absent input of each row. Rounds are independent, so their spread says how large the
    error is.
    """
    rows_of = 1 if background is None else len(background)
    alone, place, place_of = q.absent, q.point.device, (-1, *[1] * q.point.ndim)
    count = -(-LEAST // rows_of) * rows_of
    exact = torch.promote_types(q.point.dtype, torch.float32)
    places, order = _places(q.compute.seed, count, rows_of, rounds, place)
    one = q.folded(q.point)
    near, spread, mean, part, last = (torch.zeros_like(one, dtype=exact) for _ in range(5))

    def start(k: Tensor | int, rows: slice) -> Tensor:
        return alone[rows] if background is None else background[order[k]]

    def along(ks: Tensor, rows: slice) -> Tensor:
        k = ks.to(place)
        first = alone[rows][None] if background is None else start(k, rows).unsqueeze(1)
        return torch.lerp(first, q.point[rows], places[k].to(first).view(place_of))

    for ks, rows, slopes in q.gradients(along, rounds * count):
        for k, slope in zip(ks.tolist(), slopes, strict=True):
            value = q.folded(slope.to(exact) * (q.point[rows] - start(k, rows)))
            if k % count:
                near[rows] += (value - last[rows]).square()
                part[rows] += value
            else:
                part[rows] = value
            last[rows] = value
            if k % count == count - 1:
                step = part[rows] / count - mean[rows]
                mean[rows] += step / (k // count + 1)
                spread[rows] += step * (part[rows] / count - mean[rows])
    return mean.to(q.point.dtype), _error(near, spread, count, rounds).to(q.point.dtype)


def _error(near: Tensor, spread: Tensor, count: int, rounds: int) -> Tensor:
    """Standard error from squared differences of rounds, or of neighbours where there is one round."""
    if rounds == 1:
        # as if rows were drawn independently: an upper estimate, for each row comes exactly once
        return (near / (2 * (count - 1) * count)).sqrt()
    return (spread / (rounds * (rounds - 1))).sqrt() * widening(rounds - 1)


def _places(seed: int, count: int, rows: int, rounds: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Places on the way, rising in each round, and the background row that each is on the way from."""
    generator = torch.Generator().manual_seed(seed)
    places, order = list[Tensor](), list[Tensor]()
    for _ in range(rounds):
        within = torch.rand(count, generator=generator, dtype=torch.float64)
        places.append((torch.arange(count) + within) / count)
        order.append(torch.randperm(count, generator=generator) % rows)
    return torch.cat(places).to(device), torch.cat(order).to(device)
