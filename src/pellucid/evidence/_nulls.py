"""How well a map tells what the network does, and how well it would if it said nothing about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import brief
from pellucid.evidence._bank import Bank
from pellucid.evidence._responses import Responses
from pellucid.evidence._statistics import flat, interval, resampled_correlation, resamples, standardised
from pellucid.evidence._word_bank import WordBank

CHUNK = 4_000_000  # numbers of surrogate maps that are held at once
EQUAL = 1e-5  # correlations this close are the same number


@dataclass(frozen=True, slots=True, eq=False)
class Null:
    """One row's agreement beside that of maps which know nothing of the row, the place or the network.

    Args:
        name: ``placement``, ``specificity`` or ``training``.
        p: ``[N]``, chance of an agreement at least as high if the map were one of the control maps.
        left: ``[N]``, chance of an agreement at most as high.
        centre: ``[N]``, median agreement of the control maps.
        n: ``[N]`` int64, how many control maps.
    """

    name: str
    p: Tensor
    left: Tensor
    centre: Tensor
    n: Tensor

    __repr__ = brief


def agreement(seen: Responses, maps: Tensor) -> Tensor:
    """How well a map tells what the network does when parts are taken away: Pearson's r, from -1 to 1.

    ``T = corr_j(sum of the map over the parts that mask j removes, drop of the score under mask j)``; its
    square is the share of the network's reaction that the map accounts for. A map of the wrong class scores
    below 0, a constant map exactly 0, the exact map of a linear model 1.

    Args:
        seen: what the network did, from :func:`responses`.
        maps: ``[N, *shape]``, or ``[N, U]`` summed over the bank's units.

    Returns:
        ``[N]``.

    Raises:
        InputError: where the maps do not fit the bank.

    Cost:
        No passes.

    Limits:
        Only additive effects count: a faithful map of a pure interaction scores low. Holds for this fill.

    Source:
        Bhatt et al. 2020, arXiv 2005.00631.

    Example:
        >>> from pellucid.evidence import responses
        >>> net, x = torch.nn.Linear(9, 1), torch.randn(4, 9)
        >>> agreement(responses(net, x, 0), x * net.weight).round(decimals=3).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    return (_predicted(seen, maps) * standardised(seen.drops)).sum(-1)


def bootstrap(seen: Responses, maps: Tensor, *, draws: int = 499, seed: int = 0) -> Tensor:
    """:func:`agreement` under resampled masks, the same samples for every map: ``[N, draws]``."""
    shares = resamples(seen.drops.shape[1], draws, seed)
    return resampled_correlation(_predicted(seen, maps), seen.drops, shares)


def agreement_interval(
    seen: Responses, maps: Tensor, *, draws: int = 499, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """95 % interval ``([N], [N])`` of :func:`agreement` by bootstrap over the masks."""
    return interval(bootstrap(seen, maps, draws=draws, seed=seed))


def placement(seen: Responses, maps: Tensor, *, draws: int = 499, seed: int = 0) -> Null:
    """Could the same map, laid elsewhere, do as well? Pictures and spectrograms: shifted around the
    edges, turned and mirrored, which keeps the histogram and the smoothness; waveforms: shifted in time and
    reversed. Columns: permuted. Silence behind a sound stays where it is: a map is laid elsewhere within what
    is heard, since one laid over silence would do worse for that alone.

    ``p = (1 + #{T_b >= T}) / (B + 1)``. Pixels are never shuffled: against shuffled pixels a smooth random
    map passes far too often.

    Args:
        seen: what the network did.
        maps: ``[N, *shape]`` or ``[N, U]``.
        draws: B; fewer where there are not so many placements.
        seed: of the draws.

    Returns:
        The null, row by row.

    Cost:
        No passes.

    Limits:
        Shared foreground structure alone passes it: a map of another centred object is not noise. Use it
        together with :func:`specificity`.

    Source:
        Alexander-Bloch et al. 2018, On testing for spatial correspondence between maps of human brain
        structure and function, NeuroImage 178 (rotations as the null).
    """
    units, drops = _units(seen, maps), standardised(seen.drops)
    null = units.new_full((len(units), draws), torch.nan)
    for rows, columns in _alike(seen):
        parts = [
            (standardised(sums) * drops[rows][:, None]).sum(-1)
            for sums in _moved(seen.bank, units[rows], draws, seed, columns)
        ]
        found = torch.cat(parts, 1)
        null[rows, : found.shape[1]] = found
    return _ranked("placement", agreement(seen, units), null, ~null.isnan())


def _alike(seen: Responses) -> Iterator[tuple[Tensor, int | None]]:
    """Rows whose sounds end in the same column of the grid, and how many columns these are."""
    if seen.lasting is None:
        yield torch.arange(len(seen), device=seen.drops.device), None
        return
    for columns in seen.lasting.unique().tolist():
        yield (seen.lasting == columns).nonzero().flatten(), int(columns)


def placements(drawn: Bank, draws: int, seed: int = 0, columns: int | None = None) -> Tensor:
    """Ways to lay the same map elsewhere, as indices into the units: int64 ``[B, U]``; units behind the first
    ``columns`` of the grid stay.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 179_424_673)
    place = drawn.masks.device
    if drawn.grid is None:
        parts = drawn.masks.shape[1]
        return torch.stack([torch.randperm(parts, generator=generator) for _ in range(draws)]).to(place)
    height, whole = drawn.grid
    width = whole if columns is None else columns
    unit = (torch.arange(height)[:, None] * whole + torch.arange(width)).flatten()
    turned = unit[_turned(height, width)]
    total = len(turned) * height * width
    # number 0 is the map where it lies
    lots = torch.randperm(total - 1, generator=generator)[:draws] + 1
    way, shift = lots // (height * width), lots % (height * width)
    down = (torch.arange(height) - (shift // width)[:, None]) % height
    across = (torch.arange(width) - (shift % width)[:, None]) % width
    # numbers of places within all that was turned, so that nothing large is divided
    start = (way * (height * width))[:, None] + down * width
    laid = torch.arange(height * whole).view(height, whole).repeat(len(lots), 1, 1)
    laid[..., :width] = turned.flatten()[start[:, :, None] + across[:, None, :]]
    return laid.flatten(1).to(place)


def _moved(drawn: Bank, units: Tensor, draws: int, seed: int, columns: int | None) -> Iterator[Tensor]:
    """What the masks remove of the maps laid elsewhere: ``[N, b, M]``, some placements at a time."""
    if isinstance(drawn, WordBank):
        yield from drawn.moved(units, draws, seed)
        return
    units, turned = units - units.mean(1, keepdim=True), drawn.masks.to(units.dtype).T
    for move in placements(drawn, draws, seed, columns).split(max(1, CHUNK // max(1, units.numel()))):
        yield units[:, move] @ turned


def specificity(seen: Responses, maps: Tensor, pool: Tensor, strangers: Tensor) -> Null:
    """Does the map of another input do as well here?

    Args:
        seen: what the network did.
        maps: ``[N, *shape]`` or ``[N, U]``.
        pool: maps of other inputs by the same method, ``[P, *shape]`` or ``[P, U]``.
        strangers: bool ``[N, P]``, which of the pool belong to another input than the row.

    Returns:
        The null, row by row; p cannot fall below ``1 / (n + 1)``.

    Cost:
        No passes beyond those that made the pool.
    """
    table = seen.bank.table(standardised(seen.drops), _units(seen, pool))
    return _ranked("specificity", agreement(seen, maps), table, strangers)


def training(seen: Responses, maps: Tensor, twins: Tensor) -> Null:
    """Does the same method do as well on an untrained copy of the network?

    A row is ranked among what the copies reach on all rows, ``p = (1 + #{T >= T_i}) / (R N + 1)``, so that
    few maps of each copy do; and where a copy does as well on that very row, p is at least its rank among
    the row's own copies.

    Args:
        seen: what the trained network did.
        maps: ``[N, *shape]`` or ``[N, U]``.
        twins: the same method's maps on untrained copies, R for each row, ``[R, N, *shape]`` or
            ``[R, N, U]``. Rows may have different copies; all together there should be at least 19, since
            copies and not rows are what chance draws.

    Returns:
        The null, row by row; ``n`` counts maps of copies. A map that does not depend on the network gets
        p = 1.

    Cost:
        R times the method.

    Source:
        After Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv 1810.03292, as a test.
    """
    now, own = agreement(seen, maps), torch.stack([agreement(seen, twin) for twin in twins], 1)
    moving = own[~seen.still] if not bool(seen.still.all()) else own
    everywhere = moving.flatten().expand(len(now), -1)
    beside, pooled = (_ranked("training", now, null) for null in (own, everywhere))
    as_well = beside.p > 1 / (own.shape[1] + 1) + EQUAL
    p = torch.where(as_well, torch.maximum(beside.p, pooled.p), pooled.p)
    # a map that training does not change ties with its copies: no support, and no word on the opposite
    below, near = ((null < now[:, None] - EQUAL).sum(1).double() for null in (everywhere, own))
    left, beneath = (1 + below) / (pooled.n + 1), (1 + near) / (own.shape[1] + 1)
    left = torch.where(near > 0, torch.maximum(left, beneath), left)
    return Null("training", p, left, pooled.centre, pooled.n)


def joint(*nulls: Null) -> Tensor:
    """The largest p ``[N]`` of several nulls: all must be rejected, so no correction is due."""
    return torch.stack([null.p for null in nulls]).amax(0)


def _units(seen: Responses, maps: Tensor) -> Tensor:
    known = maps.ndim == 2 and maps.shape[1] == seen.bank.width
    summed = (maps if known else seen.bank.reduce(maps)).to(seen.drops)
    return torch.where(flat(summed)[:, None], 0.0, summed)


def _predicted(seen: Responses, maps: Tensor) -> Tensor:
    return standardised(seen.bank.sums(_units(seen, maps)))


def _turned(height: int, width: int) -> Tensor:
    """The grid's own rotations and mirror images, as indices: 8 for a square, 2 for a row, else 4."""
    plain = torch.arange(height * width).view(height, width)
    quarters = range(4) if height == width else (0, 2)
    ways = [torch.rot90(side, k) for side in (plain, plain.flip(0)) for k in quarters]
    # a single row is its own mirror image from top to bottom: each way once, the map as it lies first
    return torch.stack(list({tuple(way.flatten().tolist()): way.flatten() for way in ways}.values()))


def _ranked(name: str, seen: Tensor, null: Tensor, valid: Tensor | None = None) -> Null:
    valid = torch.ones_like(null, dtype=torch.bool) if valid is None else valid
    n = valid.sum(1)
    above = ((null >= seen[:, None] - EQUAL) & valid).sum(1)
    below = ((null <= seen[:, None] + EQUAL) & valid).sum(1)
    centre = torch.where(valid, null, torch.nan).nanmedian(1).values
    # single precision would put 1/20 above .05
    p, left = ((1 + count).double() / (n + 1) for count in (above, below))
    return Null(name, p, left, centre, n)
