"""Every background row as often in a round, each at its own stratum of the way; and how sure the mean is."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Question

LEAST = 16  # places on the way in a round: a small background is gone through several times


def collected(q: Question, background: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Mean of ``slope times way`` over rounds and background, and its standard error, both like the point.

    Rounds are independent, so they say how large the error is; but few rounds say it badly for each element.
    Neighbouring strata say how it is distributed over the elements; the rounds, over all elements of a row
    together, how large it is.
    """
    rows_of, shape = len(background), q.point.shape
    count = -(-LEAST // rows_of) * rows_of
    exact = torch.promote_types(q.point.dtype, torch.float32)
    places, order = _places(q.compute.seed, count, rows_of, rounds, background.device)
    near, spread, mean, part, last = (torch.zeros_like(q.point, dtype=exact) for _ in range(5))

    def along(ks: Tensor, rows: slice) -> Tensor:
        k = ks.to(background.device)
        start = background[order[k]].unsqueeze(1)
        place = places[k].to(background).view(-1, *[1] * len(shape))
        return torch.lerp(start, q.point[rows], place)

    for ks, rows, slopes in q.gradients(along, rounds * count):
        for k, slope in zip(ks.tolist(), slopes, strict=True):
            value = slope.to(exact) * (q.point[rows] - background[order[k]])
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
    """Standard error from differences of neighbours ``near`` and squared differences of rounds ``spread``."""
    # the variance of a round's mean, were its strata alike and its rows drawn independently
    apart = near / (2 * (count - 1) * rounds * count)
    if rounds > 1:
        axes = tuple(range(1, near.ndim))
        measured = (spread / (rounds - 1)).sum(axes, keepdim=True)
        assumed = apart.sum(axes, keepdim=True)
        apart = apart * torch.where(assumed > 0, measured / assumed, 1.0)
    return (apart / rounds).sqrt()


def _places(
    seed: int, count: int, rows: int, rounds: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Places on the way, rising in each round, and the background row that each is on the way from."""
    generator = torch.Generator().manual_seed(seed)
    places, order = list[Tensor](), list[Tensor]()
    for _ in range(rounds):
        within = torch.rand(count, generator=generator, dtype=torch.float64)
        places.append((torch.arange(count) + within) / count)
        order.append(torch.randperm(count, generator=generator) % rows)
    return torch.cat(places).to(device), torch.cat(order).to(device)
