"""A table whose answers follow a rule, with decoys that go along with it."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._core import Dataset, split
from pellucid.data._planted._planted import Planted, enough, of_another_class
from pellucid.inputs import Column, TabularSpec

COLUMNS, PLANTED = 12, 4


def planted_table(n: int = 4000, seed: int = 0) -> Planted:
    """A rule over columns with correlated decoys: ``x1 > 0 if x0 > 0 else x2 + x3 > 0``.

    Twelve standard normal columns; x4 to x7 are decoys, each correlated at 0.7 with x0 to x3, x8 to x11 are
    noise. ``relevant`` marks x0 and x1 where x0 > 0, else x0, x2 and x3: 21 % of all values.

    Args:
        n: rows.
        seed: of the numbers and the split.

    Returns:
        The planted task; classes no and yes.

    Raises:
        InputError: if ``n`` is below 50.

    Example:
        >>> task = planted_table(100)
        >>> task.dataset.relevant.sum(1).unique().tolist()
        [2, 3]
    """
    enough(n)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, COLUMNS, generator=generator)
    x[:, PLANTED : 2 * PLANTED] = 0.7 * x[:, :PLANTED] + 0.51**0.5 * x[:, PLANTED : 2 * PLANTED]
    first = x[:, 0] > 0
    answers = torch.where(first, x[:, 1] > 0, x[:, 2] + x[:, 3] > 0).long()
    relevant = torch.zeros(n, COLUMNS, dtype=torch.bool)
    relevant[:, 0] = True
    relevant[:, 1] = first
    relevant[:, 2:PLANTED] = ~first[:, None]
    parts = split(answers, classes=True, seed=seed)
    dataset = Dataset(
        "planted table",
        x,
        answers,
        columns_of(x, parts),
        ("no", "yes"),
        parts,
        answer="rule",
        notes=("yes where x1 > 0 if x0 > 0 else x2 + x3 > 0; x4 to x7 are correlated decoys.",),
        source="generated",
        relevant=relevant,
    )
    removed, exchanged, alone = x.clone(), x.clone(), x.clone()
    for k in range(PLANTED):  # each column from its own row, so that no trace of the rule stays
        removed[:, k] = x[torch.randperm(n, generator=generator), k]
    exchanged[:, :PLANTED] = x[of_another_class(answers, generator), :PLANTED]
    alone[:, PLANTED:] = x[torch.randperm(n, generator=generator), PLANTED:]
    return Planted(dataset, removed, exchanged, alone)


def columns_of(x: Tensor, parts: Tensor, last: str = "") -> TabularSpec:
    """What plain numbers ``x0, x1, …`` mean; the last column may have a name of its own."""
    names = [f"x{k}" for k in range(x.shape[1])]
    if last:
        names[-1] = last
    columns = [
        Column(name, low=float(x[:, k].min()), high=float(x[:, k].max()), median=0.0)
        for k, name in enumerate(names)
    ]
    return TabularSpec(tuple(columns), x[parts == 0][:128].clone())
