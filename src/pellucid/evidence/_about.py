"""Is it about this model, and this class? The same method on untrained copies and for the next class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid._core import Check, Word
from pellucid.errors import MethodError
from pellucid.evidence._case import Case
from pellucid.evidence._matters import not_run
from pellucid.evidence._responses import Responses

ABOUT = "Is it about this model?"
OWN_CLASS = "Is it about this class?"
TRAINED = "change of the map when the training is undone: 1 - |rank correlation| with untrained copies"
CLASSED = "change of the map when the next class is explained: 1 - rank correlation"
FREE = "a map made without the model"
TRAINING_LEAST, CLASS_LEAST = 0.5, 0.1


def twin_maps(case: Case, seen: Responses, count: int) -> tuple[Tensor | None, int, str]:
    """Maps ``[R, N, U]`` on untrained copies, the rows they cost, and why there are none."""
    if count < 1:
        return None, 0, "no untrained copies were asked for"
    if not any(True for _ in case.model.parameters()):
        return None, 0, "this network has no parameters, so it has no untrained copy"
    made: list[Tensor] = []
    rows = 0
    for k in range(count):
        try:
            twin = case.twin(case.compute.seed * 1_009 + 1 + k)
        except MethodError as error:
            return None, rows, str(error).rstrip(".")
        maps, cost = case.again(twin, case.x, case.scalar.target)
        made.append(seen.bank.reduce(maps))
        rows += cost
    return torch.stack(made), rows, ""


def training_checks(
    seen: Responses, units: Tensor, twins: Tensor | None, why: str, blocked: Sequence[str]
) -> list[Check]:
    """How far the map depends on what was learned; the smallest of the twins decides between words."""
    if twins is None:
        return [not_run(ABOUT, TRAINED, FREE, why) for _ in blocked]
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
