"""Is it about this model, and this class? The same method on untrained copies and for the next class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Check, Word, brief
from pellucid.errors import MethodError
from pellucid.evidence._case import LEAST, Case
from pellucid.evidence._matters import not_run
from pellucid.evidence._responses import Responses

ABOUT = "Is it about this model?"
OWN_CLASS = "Is it about this class?"
TRAINED = "change of the map when the training is undone: 1 - |rank correlation| with untrained copies"
CLASSED = "change of the map when the next class is explained: 1 - rank correlation"
FREE = "a map made without the model"
TRAINING_LEAST, CLASS_LEAST = 0.5, 0.1
FEWEST = 2  # untrained copies that explain a row: one alone may be like it by chance


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Maps that the method makes on untrained copies.

    Args:
        maps: ``[R, N, U]``, R for each row; ``None`` where there are none, and ``why``.
        count: how many copies made them.
        rows: rows of the network that they cost.
    """

    maps: Tensor | None
    count: int
    rows: int
    why: str = ""

    __repr__ = brief

    @property
    def enough(self) -> bool:
        """Whether p can reach .05."""
        return self.maps is not None and self.count >= LEAST


def shares(n: int, count: int, each: int | None = None) -> list[Tensor]:
    """Which of ``n`` rows each untrained copy explains, so that every row has ``each`` of them.

    Left out, each row has two, more where there are few rows, so that all together there are at least twice
    as many maps as copies; fewer than 19 copies explain every row, since they are no null.

    Example:
        >>> [rows.tolist() for rows in shares(4, 3)]
        [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]
        >>> [len(rows) for rows in shares(40, 20)]
        [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]
    """
    usual = count if count < LEAST else min(count, max(FEWEST, math.ceil(2 * count / n)))
    wanted, rows = usual if each is None else each, torch.arange(n)
    return [rows[(k - rows * wanted) % count < wanted] for k in range(count)]


def twin_maps(case: Case, seen: Responses, count: int, each: int | None = None) -> Copies:
    """The method on ``count`` untrained copies, each of which explains its share of the rows."""
    if count < 1:
        return Copies(None, 0, 0, "no untrained copies were asked for")
    if not any(True for _ in case.model.parameters()):
        return Copies(None, 0, 0, "this network has no parameters, so it has no untrained copy")
    made: list[list[Tensor]] = [[] for _ in case.x]
    rows = 0
    for k, share in enumerate(shares(len(case.x), count, each)):
        if not len(share):
            continue
        try:
            twin = case.twin(case.compute.seed * 1_009 + 1 + k)
        except MethodError as error:
            return Copies(None, count, rows, str(error).rstrip("."))
        some = case.x[share.to(case.x.device)]
        maps, cost = case.again(twin, some, case.scalar.of_rows(share))
        for row, one in zip(share.tolist(), seen.bank.reduce(maps, of=some), strict=True):
            made[row].append(one)
        rows += cost
    return Copies(torch.stack([torch.stack(own) for own in made], 1), count, rows)


def training_checks(seen: Responses, units: Tensor, copies: Copies, blocked: Sequence[str]) -> list[Check]:
    """How far the map depends on what was learned; the smallest of the twins decides between words."""
    twins = copies.maps
    if twins is None:
        return [not_run(ABOUT, TRAINED, FREE, copies.why) for _ in blocked]
    changes = 1 - seen.bank.alike(twins, units).abs()
    checks: list[Check] = []
    for i, (value, worst, best) in enumerate(
        zip(changes.mean(0).tolist(), changes.amin(0).tolist(), changes.amax(0).tolist(), strict=True)
    ):
        if blocked[i]:
            checks.append(not_run(ABOUT, TRAINED, FREE, blocked[i]))
            continue
        word: Word = "passed" if value >= TRAINING_LEAST else "mixed" if best >= TRAINING_LEAST else "failed"
        note = f"From {worst:.2f} to {best:.2f} over {len(twins)} untrained copies."
        checks.append(Check(ABOUT, TRAINED, word, value, 0.0, FREE, len(twins), rows=len(twins), note=note))
    return checks


def class_checks(case: Case, seen: Responses, blocked: Sequence[str]) -> tuple[list[Check], int]:
    """How far the map depends on the class explained, and the rows of the network it cost."""
    target = case.scalar.runner_up(case.outputs)
    if target is None:
        why = "what was explained is not one class among several"
        return [not_run(OWN_CLASS, CLASSED, FREE, why) for _ in blocked], 0
    maps, rows = case.again(case.model, case.x, target)
    change = 1 - seen.bank.alike(seen.bank.reduce(maps), seen.bank.reduce(case.maps))
    checks: list[Check] = []
    for value, block in zip(change.tolist(), blocked, strict=True):
        if block:
            checks.append(not_run(OWN_CLASS, CLASSED, FREE, block))
            continue
        word: Word = "passed" if value > CLASS_LEAST else "failed"
        note = "" if word == "passed" else "The next class gets nearly the same map."
        checks.append(Check(OWN_CLASS, CLASSED, word, value, 0.0, FREE, 1, rows=1, note=note))
    return checks, rows
