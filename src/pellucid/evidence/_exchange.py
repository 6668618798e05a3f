"""Does it hold on data? Parts are exchanged for those of other real rows, and the maps of both must tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Check, Explanation, Target, Word
from pellucid.evidence._case import Case
from pellucid.evidence._fill import nearest
from pellucid.evidence._matters import LEVEL, not_run
from pellucid.evidence._nulls import EQUAL
from pellucid.evidence._reached import BEST, NO_MAP, compared, foretold, refuted
from pellucid.evidence._responses import Responses, responses
from pellucid.evidence._statistics import correlation, resampled_correlation, resamples

ON_DATA = "Does it hold on data?"
TEST = (
    "agreement of the map, less that of the row which gives the parts, with what the model does when parts "
    "are exchanged for those of the row most alike in what is kept; null: the same maps laid elsewhere"
)
DONORS = 128  # rows that parts are taken from
DRAWS = 199


@dataclass(frozen=True, slots=True, eq=False)
class Exchanged:
    """What the network does when parts of a row are exchanged for those of another real row.

    Args:
        seen: the drops.
        donors: ``[P, *shape]``, rows that parts come from.
        chosen: int64 ``[M, N]``, which of them under each mask.
    """

    seen: Responses
    donors: Tensor
    chosen: Tensor


def exchanged(case: Case, main: Responses) -> Exchanged:
    """Ask the network; M + 1 passes per input, once for all methods of a bench."""
    pool = case.x if case.others is None else case.others.to(case.x)
    donors = pool[:DONORS]
    if case.bench is not None and main.bank is case.bench.bank:
        return Exchanged(case.bench.filled("nearest", donors), donors, nearest(case.x, donors, main.bank))
    seen = responses(
        case.model,
        case.x,
        case.scalar.target,
        spec=case.spec,
        fill="nearest",
        masks=main.bank,
        others=donors,
        compute=case.compute,
    )
    return Exchanged(seen, donors, nearest(case.x, donors, main.bank))


def exchange_checks(
    case: Case, explanation: Explanation, asked: Exchanged, units: Tensor, blocked: Sequence[str], draws: int
) -> tuple[list[Check], int]:
    """The check, row by row, and the rows of the network that the maps of the donors cost.

    Whatever the reference of a method is, it cancels: for a network that adds up its columns, the map of a
    row less that of another tells exactly what exchanging a column does.
    """
    control = "the same maps laid elsewhere"
    if "baseline" not in explanation.provenance.params:
        why = "the values are no contributions against a reference, so two maps cannot be subtracted"
        return [not_run(ON_DATA, TEST, control, why)] * len(explanation), 0
    seen, seed = asked.seen, case.compute.seed
    gained, rows = _gained(case, asked, units)
    told = _told(gained, seen.bank.masks[None])[:, 0]
    value = correlation(told, seen.drops)
    shares = resamples(told.shape[1], draws, seed)
    moved = case.x[None] - asked.donors[asked.chosen]
    masks = seen.bank.elements(torch.arange(seen.bank.count), slice(None))
    best = foretold((moved * masks.to(moved)).flatten(2).transpose(0, 1), seen.drops)
    columns = compared(
        value,
        resampled_correlation(told, seen.drops, shares),
        correlation(best, seen.drops),
        resampled_correlation(best, seen.drops, shares),
    )
    p, centre = _elsewhere(gained, seen, value, min(draws, DRAWS), seed)
    still, n = seen.still.tolist(), seen.bank.count
    checks: list[Check] = []
    for i, (here, low, high, top, sure, above, under) in enumerate(columns):
        why = blocked[i] or (STILL if still[i] else "") or (NO_MAP if sure <= 0 else "")
        if why:
            checks.append(not_run(ON_DATA, TEST, control, why, rows=n))
            continue
        refused = p[i] > LEVEL and above < 0
        word: Word = "failed" if refused else "passed" if p[i] <= LEVEL or under > 0 else "mixed"
        note = refuted(here, top, "parts of the most similar real row") if refused else ""
        if word == "passed":
            note = f"{BEST[:1].upper()}{BEST[1:]} reaches {top:+.2f}."
        checks.append(
            Check(ON_DATA, TEST, word, here, centre[i], control, n, low, high, p=p[i], rows=n, note=note)
        )
    return checks, rows


STILL = "no exchange with a similar real row changes the score"


def _gained(case: Case, asked: Exchanged, units: Tensor) -> tuple[Tensor, int]:
    """Map of each row less that of its donor, about the row's own number: ``[N, M, U]``, and its cost."""
    scalar, donors, bank = case.scalar, asked.donors, asked.seen.bank
    chosen = asked.chosen.T
    if scalar.of is None or scalar.classes is None or scalar.shared:
        outputs = case.predicted(donors)
        groups: list[tuple[Tensor, Target]] = [(torch.ones(len(units)) > 0, scalar.elsewhere(outputs))]
    else:
        groups = [
            (scalar.classes == k, scalar.of(torch.full((len(donors),), k)))
            for k in scalar.classes.unique().tolist()
        ]
    made, rows = units.new_zeros(*chosen.shape, units.shape[1]), 0
    for mine, target in groups:
        maps, cost = case.again(case.model, donors, target)
        rows += cost
        here = mine.to(units.device)
        made[here] = units[here][:, None] - bank.reduce(maps, of=donors).to(units)[chosen[here]]
    return made, rows


def _told(gained: Tensor, masks: Tensor) -> Tensor:
    """Sums over what masks ``[B, M, U]`` exchange: ``[N, B, M]``."""
    return torch.einsum("nmu,bmu->nbm", gained, masks.to(gained))


def _elsewhere(
    gained: Tensor, seen: Responses, value: Tensor, draws: int, seed: int
) -> tuple[list[float], list[float]]:
    """p of an agreement as high with the columns of the maps permuted, and the median of those."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 15_485_863)
    masks = seen.bank.masks
    lots = [torch.randperm(masks.shape[1], generator=generator) for _ in range(draws)]
    laid = torch.stack([masks[:, lot.to(masks.device)] for lot in lots])
    null = correlation(_told(gained, laid), seen.drops[:, None])
    above = (null >= value[:, None] - EQUAL).sum(1)
    return ((1 + above).double() / (draws + 1)).tolist(), null.median(1).values.tolist()
