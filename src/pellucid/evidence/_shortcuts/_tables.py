"""Tables: each column with those that say the same, columns that leak side by side, what is missing."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.evidence._shortcuts._contest import Mix, Rows, Suspect
from pellucid.evidence._shortcuts._pictures import IDLE, whole
from pellucid.inputs import TabularSpec
from pellucid.inputs._column import MISSING
from pellucid.inputs._tabular import WIDE

BARS = (0.8, 0.9)  # columns are there to be used: only one that decides nearly alone is an alarm
TWINS = 0.95  # correlation from which columns are taken for the same
TELLS = 0.9  # of the answers that a column must foretell alone to be taken for a leak beside others
LEVELS = 10  # as many values of a column are told apart for that
TRIED = 100  # columns of a wide table that are tried
SOME = 0.02  # of all cells that are missing, or rows where some are, below which this is not looked at


def column_suspects(rows: Rows, spec: TabularSpec, seed: int) -> list[Suspect]:
    """Each column, swapped with all that say the same; the control swaps another column.

    Of a wide table those that best foretell the network's answers alone, as one that decides alone does.
    """
    slots = torch.tensor(spec.column_of_slot, device=rows.x.device)
    count = len(spec.columns)
    alike = _alike(rows.x, slots, count)
    share = _foretold(rows, slots, count) if count > WIDE or _guessable(rows) else [0.0] * count
    leaks = [k for k in range(count) if share[k] >= TELLS] if _guessable(rows) else []
    tried = sorted(sorted(range(count), key=lambda k: -share[k])[:TRIED]) if count > WIDE else range(count)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 122_949_823)
    found: dict[tuple[int, ...], Suspect] = {}
    several = tuple(sorted({j for k in leaks for j in alike[k].nonzero().flatten().tolist()}))
    for members in [*(tuple(alike[k].nonzero().flatten().tolist()) for k in tried), several]:
        if members in found or not members:
            continue
        outside = [j for j in range(count) if j not in members]
        lot = torch.randperm(len(outside), generator=generator).tolist()
        against = [outside[j] for j in lot]
        names = " and ".join(spec.columns[j].name for j in members)
        found[members] = Suspect(
            "column",
            f"the column{'s' if len(members) > 1 else ''} {names}",
            ("every column is tried" if count <= WIDE else "it foretells answers best alone")
            if len(members) == 1
            else "each foretells the answers nearly alone"
            if members == several
            else "these columns say nearly the same",
            _swap(rows.x, [slots == j for j in members]),
            _swap_some(rows.x, slots, against, len(members)) if against else None,
            "another column, drawn for each row" if against else "the same column of a row with its answer",
            BARS,
            marked=_mark(torch.isin(slots, torch.tensor(members, device=slots.device))),
        )
    return [*found.values(), *_missing(rows, spec, slots)]


def _guessable(rows: Rows) -> bool:
    """Whether always guessing the commonest answer is far from a leak's share."""
    return float(rows.given.bincount().max()) / len(rows.given) < TELLS - 0.1


def _foretold(rows: Rows, slots: Tensor, count: int) -> list[float]:
    """Share of the network's answers that each column foretells alone, in at most ten steps.

    Two that foretell nearly all outvote each other, so that neither decides alone.
    """
    given, found = rows.given, list[float]()
    for k in range(count):
        own = rows.x[:, slots == k].cpu()
        level = own.argmax(1) if own.shape[1] > 2 else own[:, 0]
        values, bins = level.unique(return_inverse=True)
        if len(values) > LEVELS:
            bins = level.argsort(stable=True).argsort() * LEVELS // len(level)
        right = sum(int(given[bins == each].bincount().max()) for each in bins.unique().tolist())
        found.append(right / len(given))
    return found


def narrowed(spec: TabularSpec) -> str:
    """Which columns of a wide table are tried, in a sentence; empty where all are."""
    if len(spec.columns) <= WIDE:
        return ""
    return (
        f"Of {len(spec.columns):,} columns only the {TRIED} that best foretell the network's answers alone "
        "(in ten steps) were exchanged, to save time: one that decides nearly alone is among them."
    )


def _missing(rows: Rows, spec: TabularSpec, slots: Tensor) -> list[Suspect]:
    """Which cells are missing: gaps where the donor has some, its values where it has none."""
    gaps = torch.zeros(len(rows.x), len(spec.columns), dtype=torch.bool, device=rows.x.device)
    for k, column in enumerate(spec.columns):
        own = rows.x[:, slots == k]
        if column.missing:
            gaps[:, k] = own[:, -1] > 0.5
        elif MISSING in column.levels:
            gaps[:, k] = own[:, column.levels.index(MISSING)] > 0.5
    varied = bool((gaps != gaps[:1]).any())
    if not varied or float(gaps.any(1).double().mean()) < SOME:
        return []
    x = rows.x

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        return torch.where((gaps[rest] != gaps[donor])[:, slots], x[donor], x[rest])

    return [whole("missing", "which cells are missing", mix, IDLE)]


def _alike(x: Tensor, slots: Tensor, count: int) -> Tensor:
    """Which columns nearly determine each other: bool ``[count, count]``."""
    same = torch.eye(count, dtype=torch.bool)
    single = [k for k in range(count) if int((slots == k).sum()) == 1]
    if len(single) > 1:
        index = torch.cat([(slots == k).nonzero().flatten() for k in single])
        r = torch.corrcoef(x[:, index].double().T).abs().nan_to_num(0).cpu()
        place = torch.tensor(single)
        same[place[:, None], place] |= r >= TWINS
    return same


def _swap(x: Tensor, members: list[Tensor]) -> Mix:
    taken = torch.stack(members).any(0)
    return lambda rest, donor: torch.where(taken, x[donor], x[rest])


def _swap_some(x: Tensor, slots: Tensor, against: list[int], size: int) -> Mix:
    """As many other columns, the next ones in a drawn order for each row."""
    order = torch.tensor(against, device=slots.device)

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        turn = (
            torch.arange(len(rest), device=slots.device)[:, None] + torch.arange(size, device=slots.device)
        ) % len(order)
        taken = (slots[None, :, None] == order[turn][:, None, :]).any(-1)
        return torch.where(taken, x[donor], x[rest])

    return mix


def _mark(taken: Tensor) -> Mix:
    return lambda rest, _: taken.expand(len(rest), -1)
