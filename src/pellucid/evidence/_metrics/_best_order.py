"""The best and the worst order in which parts could go: what any map could reach at most."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.evidence._metrics._removal import Removing, Way
from pellucid.evidence._metrics._trial import Trial

EXACT = 10  # parts up to which all sets are asked
MOST = 64  # parts above which a search takes too many passes
BEAM = 5


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """How many parts are handled at each step, int64 ``[N, S]``, of how many ``[N]``."""

    counts: Tensor
    parts: Tensor


def extremes(asked: Removing, tried: Trial, way: Way, sizes: Sizes) -> tuple[Tensor, Tensor, int]:
    """Least and greatest mean fall ``[N]`` over all orders, and the rows of the network per input.

    An order is a chain of sets, each within the next, so with all sets known the best chain is found by going
    through them by size; beyond 10 parts the best 5 chains are followed from size to size.

    Raises:
        InputError: for more than 64 parts.
    """
    most = int(sizes.parts.max())
    if most > MOST:
        raise InputError(
            f"The best order is searched among at most {MOST} parts, got {most}. Leave normalised= away, "
            "or name fewer and larger parts with a spec."
        )
    search = _all_sets if most <= EXACT else _beam
    return search(asked, tried, way, sizes)


def _falls(asked: Removing, tried: Trial, way: Way, sets: Tensor) -> Tensor:
    """Fall of the score ``[N, K]`` when sets ``[N, K, U]`` go, or alone stay."""
    exist = ~tried.map.isnan()[:, None]
    gone = sets & exist if way == "delete" else exist & ~sets
    whole = torch.zeros_like(gone[:, :1])
    scores = asked.scores(tried.bank, torch.cat([whole, gone], 1))[0].double()
    return scores[:, :1] - scores[:, 1:]


def _weights(sizes: Sizes) -> Tensor:
    """What a set of each size counts in the mean: ``[N, U + 1]``."""
    n, steps = sizes.counts.shape
    weight = torch.zeros(n, int(sizes.parts.max()) + 1, dtype=torch.float64)
    return weight.scatter_add_(1, sizes.counts.cpu(), torch.full((n, steps), 1 / steps, dtype=torch.float64))


def _all_sets(asked: Removing, tried: Trial, way: Way, sizes: Sizes) -> tuple[Tensor, Tensor, int]:
    parts = int(sizes.parts.max())
    number = torch.arange(2**parts)
    member = (number[:, None] >> torch.arange(parts)) & 1 == 1
    width = tried.map.shape[1]
    sets = torch.nn.functional.pad(member, (0, width - parts)).to(tried.map.device)
    fall = _falls(asked, tried, way, sets.expand(len(tried.map), -1, -1))
    counted = fall * _weights(sizes)[:, member.sum(1)]
    whole = 2 ** sizes.parts.cpu() - 1
    ends = [_chain(sign * counted, member, whole) * sign for sign in (-1, 1)]
    return ends[0], ends[1], len(number) + 1


def _chain(gain: Tensor, member: Tensor, whole: Tensor) -> Tensor:
    """Greatest sum of gains ``[N, 2^U]`` along a chain from the empty set to the whole one."""
    best = gain.clone()
    bits = 1 << torch.arange(member.shape[1])
    for size in range(1, member.shape[1] + 1):
        here = (member.sum(1) == size).nonzero().flatten()
        before = here[:, None] - bits
        reached = best[:, before.clamp(min=0)].masked_fill(~member[here], -torch.inf)
        best[:, here] = gain[:, here] + reached.amax(2)
    return best.gather(1, whole[:, None])[:, 0]


def _beam(asked: Removing, tried: Trial, way: Way, sizes: Sizes) -> tuple[Tensor, Tensor, int]:
    found, rows = [], 0
    for sign in (-1, 1):
        value, cost = _followed(asked, tried, way, sizes, sign)
        found.append(value * sign)
        rows += cost
    return found[0], found[1], rows


def _followed(asked: Removing, tried: Trial, way: Way, sizes: Sizes, sign: int) -> tuple[Tensor, int]:
    n, width = tried.map.shape
    weights, rows = _weights(sizes), 0
    chains = torch.zeros(n, 1, width, dtype=torch.bool)
    sums = torch.zeros(n, 1, dtype=torch.float64)
    parts = torch.arange(width) < sizes.parts.cpu()[:, None]
    for size in range(1, int(sizes.counts.max()) + 1):
        grown = (chains[:, :, None] | torch.eye(width, dtype=torch.bool)).flatten(1, 2)
        fresh = (~chains & parts[:, None]).flatten(1)
        fall = sign * _falls(asked, tried, way, grown.to(tried.map.device))
        rows += grown.shape[1] + 1
        total = sums.repeat_interleave(width, 1) + weights[:, size, None] * fall
        # what is still to come is taken to stay as it is now
        hope = total + weights[:, size + 1 :].sum(1, keepdim=True) * fall
        # a row that has gone through all its parts stays as it is
        done = (sizes.parts.cpu() < size)[:, None]
        hope = _once(grown, hope.masked_fill(~fresh, -torch.inf)).masked_fill(done, 0.0)
        total = torch.where(done, sums.repeat_interleave(width, 1), total)
        kept = hope.topk(min(BEAM, hope.shape[1]), dim=1)
        sums = total.gather(1, kept.indices).masked_fill(kept.values == -torch.inf, -torch.inf)
        chains = grown.gather(1, kept.indices[..., None].expand(-1, -1, width))
    return sums.amax(1), rows


def _once(sets: Tensor, hope: Tensor) -> Tensor:
    """Hope of each set, -inf where a set before it is the same."""
    lots = torch.randint(2**40, (sets.shape[2],), generator=torch.Generator().manual_seed(0))
    names = (sets * lots).sum(2)
    twice = (names[:, :, None] == names[:, None, :]).tril(-1) & (hope[:, None, :] > -torch.inf)
    return hope.masked_fill(twice.any(2), -torch.inf)
