"""Tables: each column, together with those that say the same."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.evidence._shortcuts._contest import Mix, Rows, Suspect
from pellucid.inputs import TabularSpec

BARS = (0.8, 0.9)  # columns are there to be used: only one that decides nearly alone is an alarm
TWINS = 0.95  # correlation from which columns are taken for the same


def column_suspects(rows: Rows, spec: TabularSpec, seed: int) -> list[Suspect]:
    """Each column, swapped with all that say the same; the control swaps another column."""
    slots = torch.tensor(spec.column_of_slot, device=rows.x.device)
    count = len(spec.columns)
    alike = _alike(rows.x, slots, count)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 122_949_823)
    found: dict[tuple[int, ...], Suspect] = {}
    for k in range(count):
        members = tuple(alike[k].nonzero().flatten().tolist())
        if members in found:
            continue
        outside = [j for j in range(count) if j not in members]
        lot = torch.randperm(len(outside), generator=generator).tolist()
        against = [outside[j] for j in lot]
        names = " and ".join(spec.columns[j].name for j in members)
        found[members] = Suspect(
            "column",
            f"the column{'s' if len(members) > 1 else ''} {names}",
            "every column is tried" if len(members) == 1 else "these columns say nearly the same",
            _swap(rows.x, [slots == j for j in members]),
            _swap_some(rows.x, slots, against, len(members)) if against else None,
            "another column, drawn for each row" if against else "the same column of a row with its answer",
            BARS,
            marked=_mark(torch.isin(slots, torch.tensor(members, device=slots.device))),
        )
    return list(found.values())


def _alike(x: Tensor, slots: Tensor, count: int) -> Tensor:
    """Which columns nearly determine each other: bool ``[count, count]``."""
    same = torch.eye(count, dtype=torch.bool)
    single = [k for k in range(count) if int((slots == k).sum()) == 1]
    if len(single) > 1:
        index = torch.cat([(slots == k).nonzero().flatten() for k in single])
        r = torch.corrcoef(x[:, index].double().T).abs().nan_to_num(0).cpu()
        for a, first in enumerate(single):
            for b, second in enumerate(single):
                same[first, second] |= bool(r[a, b] >= TWINS)
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
