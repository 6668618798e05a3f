"""Is it stable? The same explanation of nearly the same input."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from pellucid._core import Check, Word
from pellucid.evidence._case import Case, Pool
from pellucid.evidence._matters import not_run
from pellucid.evidence._responses import Responses
from pellucid.evidence._statistics import rank_correlation, ranks, standardised
from pellucid.inputs import AudioSpec, ImageSpec, TabularSpec

STABLE = "Is it stable?"
TEST = "worst rank correlation with the map of the input under slight noise, class kept"
CONTROL = "the same method's map of another input"
NOISES, SIZE = 4, 0.05  # how many, and their standard deviation in those of the inputs
LEAST = 0.5


def stability_checks(
    case: Case, seen: Responses, others: Pool, blocked: Sequence[str]
) -> tuple[list[Check], int]:
    """Worst rank correlation over the noises that keep the class, and the rows of the network it cost."""
    rounds, n = NOISES, len(case.x)
    if not bool(_spread(case).any()):
        why = "none of these inputs can be slightly different"
        why = why if case.x.is_floating_point() else "a word cannot be slightly different"
        return [not_run(STABLE, TEST, CONTROL, why) for _ in blocked], 0
    noisy = torch.cat([_noisy(case, k) for k in range(rounds)])
    maps, rows = case.again(case.model, noisy, case.scalar.repeated())
    units = seen.bank.reduce(case.maps)
    rho = rank_correlation(seen.bank.reduce(maps).view(rounds, n, -1), units)
    kept = _kept(case, noisy).view(rounds, n)
    rows += len(noisy)
    floor, more = _floor(case, units, seen)
    control = _between(units, others)
    checks = [
        not_run(STABLE, TEST, CONTROL, blocked[i])
        if blocked[i]
        else _check(rho[:, i][kept[:, i]], float(control[i]), floor[i])
        for i in range(n)
    ]
    return checks, rows + more


def _check(rho: Tensor, control: float, floor: float | None) -> Check:
    if not len(rho):
        why = f"all {NOISES} noises of {SIZE:g} standard deviations changed the class"
        return not_run(STABLE, TEST, CONTROL, why)
    worst, middle = float(rho.min()), float(rho.quantile(0.5))
    word: Word = "passed" if worst >= LEAST else "mixed" if middle >= LEAST else "failed"
    dropped = NOISES - len(rho)
    note = f"Median {middle:.2f}; {dropped} of {NOISES} noises changed the class and were left out."
    if floor is not None:
        note += f" Another seed alone gives {floor:.2f}."
        word = word if floor >= LEAST else "failed"
    known = None if control != control else control
    return Check(STABLE, TEST, word, worst, known, CONTROL, len(rho), rows=2 * NOISES, note=note)


def _noisy(case: Case, k: int) -> Tensor:
    """The inputs under noise ``k``, the same for every row so that a row's answer is its own."""
    x = case.x
    generator = torch.Generator().manual_seed(case.compute.seed * 1_000_003 + 49_979_687 + k)
    draw = torch.randn(x.shape[1:], generator=generator, dtype=torch.float64).to(x)
    moved = x + SIZE * _spread(case) * draw
    # black must not become blacker than black
    return case.spec.from_pixels(case.spec.to_pixels(moved)) if isinstance(case.spec, ImageSpec) else moved


def _spread(case: Case) -> Tensor:
    """Standard deviation of the inputs; 0 for what cannot be slightly different, such as a category."""
    if isinstance(case.spec, TabularSpec):
        return numeric(case.x, case.spec)
    if not case.x.is_floating_point():
        return torch.zeros(())
    if case.x.ndim == 4 or isinstance(case.spec, AudioSpec):
        return case.sample.std()
    return case.sample.std(0) if len(case.sample) > 1 else torch.ones_like(case.x[0])


def numeric(x: Tensor, spec: TabularSpec) -> Tensor:
    """1 for slots of a row that hold a number, 0 for those of categories and flags of missing values."""
    slots = [[not column.levels, *[False] * (column.width - 1)] for column in spec.columns]
    return torch.tensor(list(chain.from_iterable(slots)), device=x.device).to(x)


def _kept(case: Case, noisy: Tensor) -> Tensor:
    if case.outputs.ndim != 2 or case.outputs.shape[1] < 2:
        return torch.ones(len(noisy), dtype=torch.bool)
    found = case.predicted(noisy).argmax(1)
    return (found == case.outputs.argmax(1).repeat(NOISES)).cpu()


def _floor(case: Case, units: Tensor, seen: Responses) -> tuple[list[float | None], int]:
    """Rank correlation with the map of another seed, for methods that draw at random."""
    if not case.sampled:
        return [None] * len(units), 0
    maps, rows = case.reseeded().again(case.model, case.x, case.scalar.target)
    return list(rank_correlation(seen.bank.reduce(maps), units).tolist()), rows


def _between(units: Tensor, others: Pool) -> Tensor:
    table = standardised(ranks(units)) @ standardised(ranks(others.units)).T
    return torch.where(others.strangers, table, torch.nan).nanmedian(1).values
