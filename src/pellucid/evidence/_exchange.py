"""Does it hold on data? Single columns are exchanged for those of similar real rows; the maps must tell."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Check, Compute, Explanation, InputSpec, Target, Word, predict
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank
from pellucid.evidence._case import Case
from pellucid.evidence._coarse import BEST, NO_MAP
from pellucid.evidence._matters import LEVEL, not_run
from pellucid.evidence._nulls import EQUAL
from pellucid.evidence._reached import compared, foretold_singly, refuted
from pellucid.evidence._reading import is_contribution
from pellucid.evidence._responses import Responses
from pellucid.evidence._statistics import correlation, differ, resampled_correlation, resamples

ON_DATA = "Does it hold on data?"
TEST = (
    "agreement of the map, less that of the row which gives the column, with what the model does when single "
    "columns are exchanged for those of the rows most alike in the rest; null: the same maps laid elsewhere"
)
CONTROL = "the same maps laid elsewhere"
NO_REFERENCE = "the values are no contributions against a reference, so two maps cannot be subtracted"
STILL = "no exchange with a similar real row changes the score"
DONORS = 128  # rows that columns are taken from
NEAREST = 16  # of them that one row may take from, where only a few rows are explained
WANTED = 64  # exchanges of each row; more where it takes that many to exchange every column twice
DRAWS = 199


@dataclass(frozen=True, slots=True, eq=False)
class Exchanged:
    """What the network does when one column of a row is exchanged for that of another real row.

    Args:
        seen: the drops; every mask of its bank is one column, and all columns come equally often.
        donors: ``[P, D]``, rows that columns come from.
        chosen: int64 ``[M, N]``, which of them.
        able: bool ``[M, N]``, whether there is a row that differs there; where not, nothing is exchanged.
        turned: bool ``[M, N]``, whether the network's answer becomes another; ``None`` for numbers.
    """

    seen: Responses
    donors: Tensor
    chosen: Tensor
    able: Tensor
    turned: Tensor | None

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.seen.bank.width


def exchanged(
    model: nn.Module,
    x: Tensor,
    target: Target,
    units: Tensor,
    donors: Tensor,
    *,
    spec: InputSpec | None,
    compute: Compute,
) -> Exchanged:
    """Ask the network, once for all methods: at least 64 rows for each of ``x`` ``[N, D]``.

    ``units`` ``[D]`` is the column of each element. Columns come from the rows of ``donors`` most alike in
    everything else that differ there.
    """
    if x.ndim != 2:
        raise InputError(
            f"Exchanging columns between real rows is for tables [N, D], got inputs {list(x.shape)}. "
            "Leave on_data out; fills='nearest' puts in parts of similar inputs of any kind."
        )
    width, donors = int(units.max()) + 1, _near(x, donors.to(x))
    times = _times(width)
    chosen, able = _most_alike(x, donors, units, times)
    masks = torch.eye(width, dtype=torch.bool, device=x.device).repeat(times, 1)
    outputs = predict(model, x, output=target.output, spec=spec, compute=compute)
    index = torch.arange(len(x), device=outputs.device)
    scores = target.score(outputs, index).detach()
    drops: list[Tensor] = []
    turned: list[Tensor] = []
    for mask, own, real in zip(masks, chosen, able, strict=True):
        mixed = torch.where(mask[units] & real[:, None], donors[own], x)
        made = predict(model, mixed, output=target.output, spec=spec, compute=compute)
        drops.append((scores - target.score(made, index).detach()).to(torch.float32))
        turned.append(_answers(made) != _answers(outputs))
    bank, rows = Bank(masks, units, None, compute.seed), len(x) * (len(masks) + 1)
    fill = "the column of a similar real row"
    seen = Responses(bank, torch.stack(drops, 1), scores.to(torch.float32), fill, target.label, rows)
    classed = outputs.ndim == 2 and outputs.shape[1] > 1
    return Exchanged(seen, donors, chosen, able, torch.stack(turned) if classed else None)


def asked_rows(x: Tensor, spec: InputSpec) -> int:
    """Rows of the network that exchanging the columns of a table's rows takes: 81 each for 20 columns."""
    width = int(spec.groups(x).max()) + 1
    return len(x) * (width * _times(width) + 1)


def giving(x: Tensor, donors: Tensor, spec: InputSpec) -> int:
    """How many rows give a column to one of ``x``; no pass of the network."""
    units, donors = spec.groups(x), _near(x, donors.to(x))
    chosen, able = _most_alike(x, donors, units, _times(int(units.max()) + 1))
    return len(chosen[able].unique())


def _times(width: int) -> int:
    return max(2, math.ceil(WANTED / width))


def _near(x: Tensor, donors: Tensor) -> Tensor:
    """At most 128 rows; of few explained rows only those near one of them, so that few maps are made."""
    if NEAREST * len(x) >= DONORS:
        return donors[:DONORS]
    far = torch.cdist(x, donors).masked_fill(~differ(x, donors), math.inf)
    near = far.topk(min(NEAREST, len(donors)), largest=False).indices.flatten().unique()
    return donors[near]


def _most_alike(x: Tensor, donors: Tensor, units: Tensor, times: int) -> tuple[Tensor, Tensor]:
    """For each column, ``times`` rows that differ there, most alike in the rest first: ``[times · U, N]``."""
    width, count = int(units.max()) + 1, min(times, len(donors))
    chosen = torch.zeros(times, width, len(x), dtype=torch.int64, device=x.device)
    able = torch.zeros(times, width, len(x), dtype=torch.bool, device=x.device)
    for i, row in enumerate(x):
        apart = donors.new_zeros(len(donors), width).index_add_(1, units, (donors - row).square())
        rest = (apart.sum(1, keepdim=True) - apart).masked_fill(apart == 0, math.inf)
        far, order = rest.topk(count, dim=0, largest=False)
        chosen[:count, :, i], able[:count, :, i] = order, far < math.inf
    return chosen.flatten(0, 1), able.flatten(0, 1)


def _answers(outputs: Tensor) -> Tensor:
    return outputs.argmax(1) if outputs.ndim == 2 else outputs > 0


@dataclass(frozen=True, slots=True, eq=False)
class Foretold:
    """What the maps of one method say of each exchange.

    Args:
        own, given: ``[N, U]`` and ``[G, U]``, maps of the rows and of givers, once for each class asked.
        giver: int64 ``[N, M]``, which of these gives.
        able: bool ``[N, M]``, whether something is exchanged.
        told: ``[N, M]``, map of the row less that of the giver, at the column exchanged; 0 where nothing is.
        rows: rows of the network that the maps of the giving rows cost.
    """

    own: Tensor
    given: Tensor
    giver: Tensor
    able: Tensor
    told: Tensor
    rows: int

    def at(self, columns: Tensor) -> Tensor:
        """``[N, M]``: map of the row less that of the giver, at the column ``[M]`` of each exchange."""
        return (self.own[:, columns] - self.given[self.giver, columns]) * self.able.to(self.own)


def foretelling(case: Case, explanation: Explanation, asked: Exchanged, units: Tensor) -> Foretold | None:
    """The maps of the giving rows subtracted; ``None`` where a method's values have no reference.

    Whatever the reference is, it cancels: for a network that adds up its columns, the map of a row less that
    of another tells exactly what exchanging a column does.
    """
    if not is_contribution(explanation):
        return None
    bank = asked.seen.bank
    chosen, able = asked.chosen.T, asked.able.T
    used = chosen[able].unique()
    place = torch.zeros(len(asked.donors), dtype=torch.int64, device=chosen.device)
    place[used] = torch.arange(len(used), device=chosen.device)
    givers = asked.donors[used]
    giver, given, rows = torch.zeros_like(chosen), list[Tensor](), 0
    for mine, target in _asked_of(case, givers) if len(used) else []:
        maps, cost = case.again(case.model, givers, target)
        rows += cost
        here = mine.to(chosen.device)
        giver[here] = place[chosen[here]] + len(given) * len(givers)
        given.append(bank.reduce(maps, of=givers).to(units))
    known = torch.cat(given) if given else torch.zeros_like(units[:1])
    column = bank.masks.to(torch.int8).argmax(1).to(units.device)
    found = Foretold(units, known, giver, able, units.new_zeros(giver.shape), rows)
    return dataclasses.replace(found, told=found.at(column))


def _asked_of(case: Case, givers: Tensor) -> list[tuple[Tensor, Target]]:
    """About which number the givers are asked, for which rows: each row's own class, where it has one."""
    scalar = case.scalar
    if scalar.of is None or scalar.classes is None or scalar.shared:
        everyone = torch.ones(len(case.x), dtype=torch.bool)
        return [(everyone, scalar.elsewhere(case.predicted(givers)))]
    return [
        (scalar.classes == k, scalar.of(torch.full((len(givers),), k)))
        for k in scalar.classes.unique().tolist()
    ]


def exchange_checks(
    case: Case, asked: Exchanged, found: Foretold | None, blocked: Sequence[str], draws: int
) -> list[Check]:
    """The check, row by row."""
    if found is None:
        return [not_run(ON_DATA, TEST, CONTROL, NO_REFERENCE)] * len(blocked)
    seen, seed, told = asked.seen, case.compute.seed, found.told
    value = correlation(told, seen.drops)
    shares = resamples(told.shape[1], draws, seed)
    best = foretold_singly(_products(asked, case.x), seen.drops)
    columns = compared(
        value,
        resampled_correlation(told, seen.drops, shares),
        correlation(best, seen.drops),
        resampled_correlation(best, seen.drops, shares),
    )
    p, centre = _elsewhere(found, seen, value, min(draws, DRAWS), seed)
    still, n = seen.still.tolist(), seen.bank.count
    checks: list[Check] = []
    for i, (here, low, high, top, sure, above, under) in enumerate(columns):
        why = blocked[i] or (STILL if still[i] else "") or (NO_MAP if sure <= 0 else "")
        if why:
            checks.append(not_run(ON_DATA, TEST, CONTROL, why, rows=n))
            continue
        refused = p[i] > LEVEL and above < 0
        word: Word = "failed" if refused else "passed" if p[i] <= LEVEL or under > 0 else "mixed"
        note = refuted(here, top, seen.fill) if refused else ""
        if word == "passed":
            note = f"{BEST[:1].upper()}{BEST[1:]} reaches {top:+.2f}."
        checks.append(
            Check(ON_DATA, TEST, word, here, centre[i], CONTROL, n, low, high, p=p[i], rows=n, note=note)
        )
    return checks


def _products(asked: Exchanged, x: Tensor) -> Tensor:
    """Products of what two exchanges of the same column move, ``[N, U, T, T]``: sums over its elements."""
    units, width = asked.seen.bank.units, asked.width
    chosen, able = (of.view(-1, width, len(x)).mT[..., units] for of in (asked.chosen, asked.able))
    moved = (x - asked.donors[chosen, torch.arange(len(units), device=x.device)]).double() * able
    of = units.expand(len(moved), len(x), -1)
    return torch.stack(
        [moved.new_zeros(len(moved), len(x), width).scatter_add_(2, of, moved * one) for one in moved]
    ).permute(2, 3, 0, 1)


def _elsewhere(
    found: Foretold, seen: Responses, value: Tensor, draws: int, seed: int
) -> tuple[list[float], list[float]]:
    """p of an agreement as high with the columns of the maps permuted, and the median of those."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 15_485_863)
    masks = seen.bank.masks
    column = masks.to(torch.int8).argmax(1)
    nulls: list[Tensor] = []
    for _ in range(draws):
        lot = torch.randperm(masks.shape[1], generator=generator).to(column.device)
        nulls.append(correlation(found.at(lot[column]), seen.drops))
    null = torch.stack(nulls, 1)
    above = (null >= value[:, None] - EQUAL).sum(1)
    return ((1 + above).double() / (draws + 1)).tolist(), null.median(1).values.tolist()
