"""Rows that lie in training and held-out data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid._core import percent
from pellucid.evidence._shortcuts._contest import LEVEL, measure, upper
from pellucid.evidence._shortcuts._value import Alarm, Copies

SOME = 0.01  # of the held-out rows: fewer copies do not move a score
CLOSE = 0.05  # of the usual distance to the nearest other training row
PROBED = 500  # training rows whose nearest neighbour says what is usual
SHOWN = 50
CANDIDATES = 4
WORDS = 0.1  # of a text that may differ


def copied(
    held: Tensor,
    right: Tensor,
    truth: Tensor,
    learned: Tensor,
    taught: Tensor,
    numbers: tuple[Tensor, Tensor],
) -> Copies:
    """Which held-out rows equal training rows, or nearly do, and whether the network knows them by heart.

    Args:
        held: ``[N, *shape]``; ``right``: bool, whether each was answered rightly; ``truth``: its answer.
        learned: training rows ``[M, *shape]``; ``taught``: their answers.
        numbers: of held-out and of training rows in the data set.
    """
    words = not held.is_floating_point()
    flat, known = _comparable(held, learned)
    nearest, distance = _nearest(flat, known, words=words)
    exact = (flat == known[nearest]).all(1)
    if words:
        usual = 0.0
        near = ~exact & (distance <= WORDS * (held != held.mode(1).values[:, None]).sum(1))
    else:
        probe = torch.randperm(len(known), generator=torch.Generator().manual_seed(0))[:PROBED]
        usual = float(_nearest(known[probe], known, words=False, skip=probe)[1].median())
        near = ~exact & (distance <= CLOSE * usual)
    both = exact | near
    on, off = measure(right[both]), measure(right[~both])
    p = _fisher(right[both], right[~both])
    same = truth[both] == taught[nearest[both]]
    usually = _agreement(truth, taught)
    told = upper(int(same.sum()), len(same), usually) <= LEVEL
    word: Alarm = "no alarm"
    if both.double().mean() >= SOME and told:
        word = "found" if p <= LEVEL else "suspected"
    agree = float(same.double().mean()) if len(same) else math.nan
    rows = torch.stack([numbers[0][both], numbers[1][nearest[both]]], 1)[:SHOWN]
    note = (
        f"Near is at most one word in {1 / WORDS:.0f} that differs."
        if words
        else f"Near is within {percent(CLOSE, 0)} of the usual distance between a training row and the "
        f"nearest other one ({usual:.3g} standard deviations over all elements)."
        if usual > 0
        else "Most training rows repeat, so that only exact copies are counted."
    )
    if bool(both.any()) and upper(len(same), len(same), usually) > LEVEL:
        note += " So few pairs cannot tell copies from rows that repeat because they say little."
    elif bool(both.any()) and not told:
        note += (
            f" {percent(agree, 0)} of these pairs have the same answer, no more than chance allows (rows "
            f"drawn at random: {percent(usually, 0)}): they repeat because they say little, as where "
            "everything is missing."
        )
    return Copies(
        word, int(exact.sum()), int(near.sum()), len(held), len(learned), on, off, p, agree, rows, note
    )


def _agreement(truth: Tensor, taught: Tensor) -> float:
    """How often a held-out and a training row drawn at random have the same answer."""
    names, place = torch.cat([truth, taught]).unique(return_inverse=True)
    first, second = (
        part.bincount(minlength=len(names)).double() / len(part)
        for part in place.split([len(truth), len(taught)])
    )
    return float(first @ second)


def _comparable(held: Tensor, learned: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float rows; numbers in standard deviations, tokens as they are."""
    a, b = held.flatten(1), learned.flatten(1)
    if not a.is_floating_point():
        return a.float(), b.float()
    mean, spread = b.mean(0), b.std(0)
    scale = torch.where(spread > 1e-6 * spread.max().clamp(min=1e-12), spread, torch.ones_like(spread))
    return ((a - mean) / scale).float(), ((b - mean) / scale).float()


def _nearest(
    rows: Tensor, among: Tensor, *, words: bool, skip: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The nearest row of ``among`` for each, and its distance; ``skip`` is each row's own place there.

    Distance is Euclid's; for words the number of places that differ.
    """
    index: list[Tensor] = []
    distance: list[Tensor] = []
    for start in range(0, len(rows), 128):
        some = rows[start : start + 128]
        far = torch.cdist(some, among, p=0.0 if words else 2.0)
        if skip is not None:
            far.scatter_(1, skip[start : start + 128, None], math.inf)
        # products of matrices lose small distances, so the first few are measured again
        few = far.topk(min(CANDIDATES, len(among) - (skip is not None)), largest=False).indices
        apart = among[few] - some[:, None]
        again = (apart != 0).sum(2).float() if words else apart.square().sum(2).sqrt()
        best = again.min(1)
        index.append(few.gather(1, best.indices[:, None])[:, 0])
        distance.append(best.values)
    return torch.cat(index), torch.cat(distance)


def _fisher(first: Tensor, second: Tensor) -> float:
    """One-sided exact p that a share of hits is higher in the first rows.

    Example:
        >>> round(_fisher(torch.ones(4) > 0, torch.zeros(4) > 0), 4)
        0.0143
    """
    hits, n, m = int(first.sum()), len(first), len(second)
    total = hits + int(second.sum())
    if not n or not m:
        return 1.0
    ways = sum(math.comb(n, k) * math.comb(m, total - k) for k in range(hits, min(n, total) + 1))
    return ways / math.comb(n + m, total)
