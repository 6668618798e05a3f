"""Is it stable? The same explanation of nearly the same input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from pellucid._core import Check, Word, nudged
from pellucid.errors import MethodError
from pellucid.evidence._case import LEAST as FEWEST
from pellucid.evidence._case import Case, Pool
from pellucid.evidence._matters import not_run
from pellucid.evidence._nulls import EQUAL
from pellucid.evidence._responses import Responses
from pellucid.inputs import AudioSpec, ImageSpec, TabularSpec

STABLE = "Is it stable?"
TEST = "worst rank correlation with the map of the input under slight noise, class kept"
WORDS = "worst rank correlation with the map when the vector of every token moves slightly, class kept"
NULL = "; null: the maps of other inputs"
CONTROL = "the same method's map of another input"
NOISES, SIZE = 4, 0.05  # how many, and their standard deviation in those of the inputs
LEAST = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """Maps ``[R, N, U]`` under each noise, whether the class was kept ``[R, N]``, and the rows they cost."""

    maps: Tensor
    kept: Tensor
    rows: int


def stability_checks(
    case: Case, seen: Responses, others: Pool, blocked: Sequence[str]
) -> tuple[list[Check], int]:
    """Worst rank correlation over the noises that keep the class, and the rows of the network it cost."""
    whole = not case.x.is_floating_point()
    test = WORDS if whole else TEST
    try:
        found = _moved_tokens(case, seen) if whole else _moved(case, seen)
    except MethodError as error:
        return [not_run(STABLE, test, CONTROL, str(error).rstrip(".")) for _ in blocked], 0
    units = seen.bank.reduce(case.maps)
    rho = seen.bank.alike(found.maps, units)
    floor, more = _floor(case, units, seen)
    table = torch.where(others.strangers, seen.bank.pairs(units, others.units), torch.nan)
    checks = [
        not_run(STABLE, test, CONTROL, blocked[i])
        if blocked[i]
        else _check(rho[:, i][found.kept[:, i]], table[i][~table[i].isnan()], floor[i], test)
        for i in range(len(case.x))
    ]
    return checks, found.rows + more


def _check(rho: Tensor, others: Tensor, floor: float | None, test: str) -> Check:
    if not len(rho):
        why = f"all {NOISES} noises of {SIZE:g} standard deviations changed the class"
        return not_run(STABLE, test, CONTROL, why)
    worst, middle = float(rho.min()), float(rho.quantile(0.5))
    word: Word = "passed" if worst >= LEAST else "mixed" if middle >= LEAST else "failed"
    dropped = NOISES - len(rho)
    note = f"Median {middle:.2f}; {dropped} of {NOISES} noises changed the class and were left out."
    if floor is not None:
        note += f" Another seed alone gives {floor:.2f}."
        word = word if floor >= LEAST else "failed"
    known = float(others.median()) if len(others) else None
    above = int((others >= worst - EQUAL).sum())
    p = (1 + above) / (len(others) + 1) if len(others) >= FEWEST else None
    if above:
        note += f" {above} of {len(others)} maps of other inputs are as much like it."
    test += "" if p is None else NULL
    return Check(STABLE, test, word, worst, known, CONTROL, len(rho), p=p, rows=2 * NOISES, note=note)


def _moved(case: Case, seen: Responses) -> Rounds:
    """The inputs themselves under noise."""
    if not bool(_spread(case).any()):
        raise MethodError("none of these inputs can be slightly different")
    noisy = torch.cat([_noisy(case, k) for k in range(NOISES)])
    maps, rows = case.again(case.model, noisy, case.scalar.repeated())
    kept = _kept(case, case.predicted(noisy) if _classes(case) else None)
    return Rounds(seen.bank.reduce(maps).view(NOISES, len(case.x), -1), kept, rows + len(noisy))


def _moved_tokens(case: Case, seen: Responses) -> Rounds:
    """The same tokens, each of which means something slightly different: there is no word next to a word."""
    maps: list[Tensor] = []
    outputs: list[Tensor] = []
    rows = 0
    near = nudged(
        case.model, case.sample, size=SIZE, count=NOISES, seed=case.compute.seed, spec=case.spec,
        compute=case.compute,
    )  # fmt: skip
    for k, model in enumerate(near):
        made, cost = case.again(model, case.x, case.scalar.target)
        maps.append(seen.bank.reduce(made))
        rows += cost + len(case.x)
        outputs += [case.near(k, model)] if _classes(case) else []
    return Rounds(torch.stack(maps), _kept(case, torch.cat(outputs) if outputs else None), rows)


def _noisy(case: Case, k: int) -> Tensor:
    """The inputs under noise ``k``, the same for every row so that a row's answer is its own."""
    x = case.x
    generator = torch.Generator().manual_seed(case.compute.seed * 1_000_003 + 49_979_687 + k)
    draw = torch.randn(x.shape[1:], generator=generator, dtype=torch.float64).to(x)
    moved = x + SIZE * _spread(case) * draw
    # black must not become blacker than black
    if not isinstance(case.spec, ImageSpec):
        return moved
    return case.spec.from_pixels(case.spec.to_pixels(moved)).to(moved)  # pixels are never in half precision


def _spread(case: Case) -> Tensor:
    """Standard deviation of the inputs; 0 for what cannot be slightly different, such as a category."""
    if isinstance(case.spec, TabularSpec):
        return numeric(case.x, case.spec)
    if case.x.ndim == 4 or isinstance(case.spec, AudioSpec):
        return case.sample.std()
    return case.sample.std(0) if len(case.sample) > 1 else torch.ones_like(case.x[0])


def numeric(x: Tensor, spec: TabularSpec) -> Tensor:
    """1 for slots of a row that hold a number, 0 for those of categories and flags of missing values."""
    slots = [[not column.levels, *[False] * (column.width - 1)] for column in spec.columns]
    return torch.tensor(list(chain.from_iterable(slots)), device=x.device).to(x)


def _classes(case: Case) -> bool:
    return case.outputs.ndim == 2 and case.outputs.shape[1] > 1


def _kept(case: Case, outputs: Tensor | None) -> Tensor:
    """Whether each round left each row its class, from the rounds' outputs one after the other."""
    n = len(case.x)
    if outputs is None or not _classes(case):
        return torch.ones(NOISES, n, dtype=torch.bool)
    return (outputs.argmax(1).view(NOISES, n) == case.outputs.argmax(1)).cpu()


def _floor(case: Case, units: Tensor, seen: Responses) -> tuple[list[float | None], int]:
    """Rank correlation with the map of another seed, for methods that draw at random."""
    if not case.sampled:
        return [None] * len(units), 0
    maps, rows = case.reseeded().again(case.model, case.x, case.scalar.target)
    return list(seen.bank.alike(seen.bank.reduce(maps), units).tolist()), rows
