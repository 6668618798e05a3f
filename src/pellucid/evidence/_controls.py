"""Negative controls: maps that must not be supported, because they are of another network, class or input."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pellucid._core import Word, percent
from pellucid.evidence._about import Copies
from pellucid.evidence._audited import AuditRow, supported, under
from pellucid.evidence._case import Case
from pellucid.evidence._localisation import Measure
from pellucid.evidence._matters import LEVEL
from pellucid.evidence._responses import Responses
from pellucid.evidence._survey import evidence_of

TWIN, CLASS, INPUT = "untrained copy", "wrong class", "other input"


def negative_controls(
    case: Case, name: str, copies: Copies, seen: Mapping[str, Responses], *, draws: int, q: float
) -> tuple[list[AuditRow], int]:
    """The controls of one method, tested as it is itself, and the rows of the network per input they cost.

    A map of an untrained copy of the network, of the class that comes next, and of another input. A control
    has passed where chance alone can account for the share of its inputs with p <= .05.
    """
    n, rows = len(case.x), 0
    made: list[tuple[str, Tensor | None, str]] = []
    twin, cost = case.again(case.twin(case.compute.seed * 1_009 + 500), case.x, case.scalar.target)
    rows += cost
    made.append((TWIN, twin, f"{name} of the same network with fresh weights"))
    runner = case.scalar.runner_up(case.outputs)
    if runner is not None:
        other, cost = case.again(case.model, case.x, runner)
        rows += cost
        made.append((CLASS, other, f"{name} of the class that comes next"))
    made.append((INPUT, of_others(case.maps, case.compute.seed), f"{name} of another input"))
    return [
        _row(what, maps, note, case, copies, seen, draws, q) for what, maps, note in made if maps is not None
    ], rows // n


def of_others(maps: Tensor, seed: int) -> Tensor:
    """To each row the map of another one, drawn at random: neighbours in a data set are often alike."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 141_650_939)
    order = torch.randperm(len(maps), generator=generator)
    found = torch.empty_like(maps)
    found[order] = maps[order.roll(1)]
    return found


def _row(
    what: str,
    maps: Tensor,
    note: str,
    case: Case,
    copies: Copies,
    seen: Mapping[str, Responses],
    draws: int,
    q: float,
) -> AuditRow:
    fills, worst = under(seen, maps, case.x, copies, draws=draws, seed=case.compute.seed)
    first = fills[0]
    p = torch.ones_like(worst) if first.p is None else first.p
    usual = next(iter(seen.values()))
    main = evidence_of(what, first.agreement.nan_to_num(nan=0.0), p, usual, q, None, 0)
    everywhere = supported(worst, ~usual.still, q)
    share = Measure(0.0, 0.0, 1.0) if first.share is None else first.share
    word: Word = "passed" if share.low <= LEVEL else "failed"
    told = (
        f"{note}: told from chance (p <= .05) on {percent(share.value, 0)} of the inputs; "
        f"chance gives {percent(0.05)}."
    )
    return AuditRow(what, "control", main, tuple(fills), everywhere, (), {}, {}, word, told)
