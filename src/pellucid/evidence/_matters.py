"""Does it matter to the model? The agreement test, its margin over model-free maps, and other fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Check, Word
from pellucid.evidence._case import LEAST, Pool
from pellucid.evidence._nulls import Null, agreement, bootstrap, joint, placement, specificity, training
from pellucid.evidence._responses import Responses
from pellucid.evidence._statistics import flat, interval

MATTERS = "Does it matter to the model?"
BEATS = "Does it beat a map made without the model?"
HOLDS = "Does it hold for another kind of absence?"
LEVEL = 0.05
FEWEST = 32  # masks below which an agreement is too loose to test


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """The agreement test of N maps under one fill.

    Args:
        value: ``[N]``, T.
        draws: ``[N, B]``, T under resampled masks.
        nulls: those that were run.
        p, left: ``[N]``, the largest p over the nulls, in either direction.
        seen: what the network did.
        seed: of the resampled masks.
    """

    value: Tensor
    draws: Tensor
    nulls: tuple[Null, ...]
    p: Tensor
    left: Tensor
    seen: Responses
    seed: int


def examined(
    seen: Responses, maps: Tensor, others: Pool, twins: Tensor | None, *, draws: int, seed: int
) -> Agreement:
    """T with its nulls: placement always, specificity where there are enough others, and where maps ``twins``
    of at least 19 untrained copies are given, ``[R, N, U]``, training.
    """
    nulls = [placement(seen, maps, draws=draws, seed=seed)]
    if others.enough:
        nulls.append(specificity(seen, maps, others.units, others.strangers))
    if twins is not None:
        nulls.append(training(seen, maps, twins))
    left = torch.stack([null.left for null in nulls]).amax(0)
    sampled = bootstrap(seen, maps, draws=draws, seed=seed)
    return Agreement(agreement(seen, maps), sampled, tuple(nulls), joint(*nulls), left, seen, seed)


def constants(maps: Tensor) -> list[str]:
    """Why a row's map says nothing, ``""`` where it differs from place to place."""
    same = flat(maps.flatten(1)).tolist()
    return ["the map is the same number everywhere" if alike else "" for alike in same]


def obstacles(seen: Responses, maps: Tensor) -> list[str]:
    """Why a row cannot be tested, ``""`` where it can."""
    known = seen.bank.different
    different = [known] * len(maps) if isinstance(known, int) else known
    these = "these inputs" if isinstance(known, int) else "this input"
    few = [
        f"only {count} different masks exist for {these}; {FEWEST} are needed to test one alone"
        if count < FEWEST
        else ""
        for count in different
    ]
    dead = "no mask changes the score: it is saturated or ignores what is removed"
    still = seen.still.tolist()
    return [
        loose or why or (dead if rigid else "")
        for loose, why, rigid in zip(few, constants(maps), still, strict=True)
    ]


def agreement_checks(found: Agreement, blocked: Sequence[str]) -> list[Check]:
    """The first question, row by row."""
    low, high = interval(found.draws)
    columns = (found.value, low, high, found.p, found.nulls[0].centre)
    name = "agreement of the map with what the model does when parts are removed; null: " + ", ".join(
        NULLS[null.name] for null in found.nulls
    )
    control, masks, rows = "the same map laid elsewhere", found.seen.drops.shape[1], found.seen.drops.shape[1]
    missing = [told for null, told in MISSING.items() if null not in {one.name for one in found.nulls}]
    checks: list[Check] = []
    for i, (value, down, up, p, centre) in enumerate(_rows(*columns)):
        if blocked[i]:
            checks.append(not_run(MATTERS, name, control, blocked[i], rows=rows))
            continue
        word: Word = "failed" if p > LEVEL else "mixed" if missing else "passed"
        note = " ".join([_note(found, i), *missing])
        checks.append(
            Check(MATTERS, name, word, value, centre, control, masks, down, up, p=p, rows=rows, note=note)
        )
    return checks


def margin_checks(found: Agreement, free: Mapping[str, Tensor], blocked: Sequence[str]) -> list[Check]:
    """T minus the best T of the maps made without the model, on the same resampled masks.

    The masks alone give the interval, and any map beats one that does badly; so a map passes only where it
    is told from chance itself.
    """
    values = torch.stack([agreement(found.seen, one) for one in free.values()])
    count = found.draws.shape[1]
    sampled = [bootstrap(found.seen, one, draws=count, seed=found.seed) for one in free.values()]
    best = values.amax(0)
    low, high = interval(found.draws - torch.stack(sampled).amax(0))
    names = [list(free)[k] for k in values.argmax(0).tolist()]
    test = "agreement minus that of the best map made without the model"
    checks: list[Check] = []
    columns = (found.value - best, low, high, best, found.p)
    for i, (margin, down, up, rival, p) in enumerate(_rows(*columns)):
        if blocked[i]:
            checks.append(not_run(BEATS, test, names[i], blocked[i]))
            continue
        told = down > 0 and p <= LEVEL
        word: Word = "passed" if told else "mixed" if margin > 0 else "failed"
        note = f"{names[i]} alone agrees with the model {AS_WELL[margin > 0]}." if down <= 0 else ""
        note = note or ("" if told else "The map itself is not told from chance.")
        n = found.seen.drops.shape[1]
        control = f"as good as {names[i]} (agreement {rival:.2f})"
        checks.append(Check(BEATS, test, word, margin, 0.0, control, n, down, up, note=note))
    return checks


def fill_checks(own: Agreement, other: Agreement, blocked: Sequence[str]) -> list[Check]:
    """T under a second fill: better than chance, and not the opposite of what it is under the first.

    The opposite is more than another sign, which chance gives near 0: both intervals lie on their own side
    of 0, and the second is lower (or higher) than chance.
    """
    low, high = interval(other.draws)
    opposite = _opposite(own, other, low, high).tolist()
    test = f"agreement with removed parts replaced by {other.seen.fill}"
    columns = (own.value, other.value, low, high, other.p)
    n, rows = other.seen.drops.shape[1], other.seen.drops.shape[1]
    checks: list[Check] = []
    for i, (first, value, down, up, p) in enumerate(_rows(*columns)):
        if blocked[i]:
            checks.append(not_run(HOLDS, test, own.seen.fill, blocked[i], rows=rows))
            continue
        alike = (value > 0) == (first > 0)
        word: Word = "failed" if opposite[i] else "passed" if p <= LEVEL and alike else "mixed"
        note = "" if word == "passed" else "What the map says depends on what absence means."
        checks.append(
            Check(HOLDS, test, word, value, first, own.seen.fill, n, down, up, p=p, rows=rows, note=note)
        )
    return checks


def _opposite(own: Agreement, other: Agreement, low: Tensor, high: Tensor) -> Tensor:
    """Rows whose agreement is of the other sign for more than chance: bool ``[N]``."""
    down, up = interval(own.draws)
    falls = (down > 0) & (high < 0) & (other.left <= LEVEL)
    return falls | ((up < 0) & (low > 0) & (other.p <= LEVEL))


def not_run(question: str, test: str, control: str, why: str, *, rows: int = 0) -> Check:
    """A test that did not take place, with the reason as a sentence."""
    note = f"{why[:1].upper()}{why[1:]}."
    return Check(question, test, "not run", None, None, control, 0, rows=rows, note=note)


NULLS = {
    "placement": "the map laid elsewhere",
    "specificity": "the maps of other inputs",
    "training": "the maps of untrained copies",
}
COUNTED = {
    "placement": "other placements of the map",
    "specificity": "maps of other inputs",
    "training": "maps of untrained copies",
}
AS_WELL = {True: "nearly as well", False: "as well or better"}
SINGLE = f"Not compared with maps of other inputs: at least {LEAST} others are needed."
COPYLESS = f"Not compared with maps of untrained copies: at least {LEAST} are needed."
MISSING = {"specificity": SINGLE, "training": COPYLESS}


def _note(found: Agreement, row: int) -> str:
    parts = [f"p {null.p[row]:.3f} against {int(null.n[row])} {COUNTED[null.name]}" for null in found.nulls]
    return f"{'; '.join(parts)}."


def _rows(*columns: Tensor) -> zip[tuple[float, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
