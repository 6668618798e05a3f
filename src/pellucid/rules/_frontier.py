"""Fidelity against how much there is to read: rule sets of several sizes, from which one is picked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from torch import nn

from pellucid._core import Compute, Dataset, Json, brief, percent
from pellucid.errors import InputError
from pellucid.rules._box import Box
from pellucid.rules._copied import Copier, copier, refuse
from pellucid.rules._judged import Judged, Numbers
from pellucid.rules._material import judged
from pellucid.rules._optimal import DEPTH
from pellucid.rules._rule_set import Kind, RuleSet, _counted

SIZES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)
QUERIES, MOST = 10, 50_000  # rows between train rows for each of these, and in all
APART = 50  # fewest validation rows on which a choice is made


def refuse_fidelity(wanted: float | None) -> None:
    """Raise :class:`InputError` for what is no share."""
    if wanted is not None and not 0 < wanted <= 1:
        raise InputError(f"fidelity is a share above 0 and up to 1, got {wanted}.")


@final
@dataclass(frozen=True, slots=True)
class Frontier:
    """Rule sets of growing size, each with fidelity and null, and how the one that is wanted is picked.

    Args:
        sets: by size; each chosen between rules grown with and without rows between the training rows.
        chosen: fidelity of each on the rows where the choice is made.
        apart: whether those are the validation rows, and the figures of the sets those of the test rows
            alone; else both are all held-out rows, and the picked one's fidelity is somewhat flattered.
        n_chosen: how many rows these are.
        sizes: most rules that each set was allowed.
    """

    sets: tuple[RuleSet, ...]
    chosen: tuple[float, ...]
    apart: bool
    n_chosen: int
    sizes: tuple[int, ...]

    __repr__ = brief

    def __len__(self) -> int:
        """Number of sets."""
        return len(self.sets)

    def __iter__(self) -> Iterator[RuleSet]:
        """The sets by size."""
        return iter(self.sets)

    def pick(
        self, *, conditions: int | None = None, fidelity: float | None = None, leaves: int | None = None
    ) -> RuleSet:
        """The set that is wanted.

        Args:
            conditions: most conditions to read; the closest set within them is taken.
            fidelity: the shortest set that reaches it on the rows of the choice.
            leaves: leave out sets that were allowed more rules.

        Returns:
            The set; where nothing reaches ``fidelity``, the closest one, and its note says so.

        Raises:
            InputError: if nothing is that short, or the figures make no sense.
        """
        if conditions is None and fidelity is None:
            raise InputError("Say how many conditions may be read, or which fidelity is wanted.")
        refuse_fidelity(fidelity)
        allowed = [k for k, size in enumerate(self.sizes) if leaves is None or size <= leaves]
        if not allowed:
            raise InputError(f"No rules of at most {leaves} were grown; the fewest are {min(self.sizes)}.")
        within = [k for k in allowed if conditions is None or self.sets[k].conditions <= conditions]
        if not within:
            least = min(self.sets[k].conditions for k in allowed)
            raise InputError(
                f"No rules were found that take at most {_counted(conditions or 0, 'condition')}; "
                f"the shortest take {least}."
            )
        best = max(within, key=lambda k: (self.chosen[k], -self.sets[k].conditions))
        if fidelity is None:
            return self.sets[best]
        reach = [k for k in within if self.chosen[k] >= fidelity]
        if reach:
            return self.sets[min(reach, key=lambda k: self.sets[k].conditions)]
        there = "" if conditions is None else f" within {_counted(conditions, 'condition')}"
        rows = "validation" if self.apart else "held-out"
        missed = (
            f"Fidelity {percent(fidelity)} was asked for and is not reached{there}: the best is "
            f"{percent(self.chosen[best])} of the {self.n_chosen} {rows} rows, with "
            f"{_counted(self.sets[best].conditions, 'condition')} in {len(self.sets[best])} rules."
        )
        found = self.sets[best]
        return replace(found, note="\n".join(filter(None, (missed, found.note))))

    def to_json(self) -> dict[str, Json]:
        """As JSON would write it."""
        names = ("fidelity", "fidelity_low", "fidelity_high", "null_fidelity", "excess_low", "excess_high")
        points: list[Json] = []
        for found, chosen in zip(self.sets, self.chosen, strict=True):
            figures: dict[str, Json] = {name: float(getattr(found, name)) for name in names}
            point: dict[str, Json] = {"rules": len(found), "conditions": found.conditions, **figures}
            point["held_out_rows"] = found.n_test
            points.append({**point, "fidelity_where_chosen": chosen, "synthetic": found.synthetic})
        return {"points": points, "chosen_on_validation": self.apart, "rows_where_chosen": self.n_chosen}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def rule_frontier(
    model: nn.Module,
    dataset: Dataset,
    *,
    kind: Kind = "tree",
    sizes: Sequence[int] = SIZES,
    minimum_support: int = 5,
    seed: int = 0,
    synthetic: int | None = None,
    regrown: int = 0,
    compute: Compute | None = None,
) -> Frontier:
    """Rules of several sizes that copy a network, so that a reader picks how much to read.

    At each size rules are grown from the training rows with rows between them that the network answers, and
    from the training rows alone; the latter are taken where they are closer to the network on the validation
    rows by more than one standard error. These rows also decide what :meth:`Frontier.pick` picks. The figures
    printed are those of the test rows, which decide nothing.

    Args:
        model: as for :func:`surrogate_rules`.
        dataset: rows with a train part and held-out rows.
        kind: of rules.
        sizes: most rules of each set.
        minimum_support: fewest training rows behind a rule.
        seed: the only source of chance.
        synthetic: rows between training rows; left out, 10 for each, at most 50,000; 0 grows from training
            rows alone.
        regrown: how many times each set is grown again from other rows.
        compute: how the network runs.

    Returns:
        The sets; sizes that give the same rules once.

    Raises:
        InputError: as :func:`surrogate_rules`.

    Cost:
        One forward pass over all rows and the synthetic ones; two growths for each size, without regrowing.

    Limits:
        With fewer than 50 validation or test rows all held-out rows do both; then the fidelity of what is
        picked is somewhat flattered.

    Source:
        Craven and Shavlik, "Extracting tree-structured representations of trained networks", NeurIPS 1995.

    Example:
        >>> import torch
        >>> from pellucid._core import split
        >>> from pellucid.inputs import Column, TabularSpec
        >>> spec = TabularSpec((Column("age", "years", mean=40, std=10), Column("weight", "kg")))
        >>> x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
        >>> network = nn.Linear(2, 2)
        >>> network.weight.data = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
        >>> network.bias.data = torch.tensor([0.0, -2.0])
        >>> y = (x[:, 0] > 0.5).long()
        >>> data = Dataset("people", x, y, spec, ("young", "old"), split(y, classes=True))
        >>> found = rule_frontier(network, data)
        >>> len(found.pick(fidelity=0.95))
        2
    """
    sizes = sorted(size for size in set(sizes) if kind != "optimal" or size <= 2**DEPTH)
    refuse(dataset, kind, min(sizes, default=0), minimum_support, synthetic or 0, regrown)
    choice, test = dataset.part("validation"), dataset.part("test")
    apart = min(len(choice), len(test)) >= APART
    held = test if apart else dataset.rows(dataset.parts != 0)
    if synthetic is None:
        synthetic = min(MOST, QUERIES * int((dataset.parts == 0).sum()))
    how = copier(
        model,
        dataset,
        kind=kind,
        minimum_support=minimum_support,
        seed=seed,
        synthetic=synthetic,
        held=held,
        compute=compute,
    )
    judge = judged(model, choice, how.given.columns, compute) if apart else how.held
    return of_sizes(how, judge, sizes, apart=apart, regrown=regrown)


def of_sizes(how: Copier, judge: Judged, sizes: Sequence[int], *, apart: bool, regrown: int) -> Frontier:
    """Rules of each size, those that come out the same once."""
    found: dict[str, tuple[RuleSet, float, int]] = {}
    for size in sizes:
        boxes, queried, score = better(how, judge, size)
        scored = how.scored(boxes, size, queried=queried, regrown=regrown)
        found.setdefault("\n".join(map(str, scored.rules)), (scored, score, size))
    sets, scores, allowed = zip(*found.values(), strict=True)
    return Frontier(tuple(sets), tuple(scores), apart, len(judge.held), tuple(allowed))


def better(how: Copier, judge: Judged, size: int) -> tuple[tuple[Box, ...], bool, float]:
    """Rules grown with added rows, unless those grown without are clearly closer where choices are made."""
    tried: list[tuple[tuple[Box, ...], bool, Numbers, float]] = []
    for queried in (True, False) if how.given.synthetic else (False,):
        boxes = how.grown(size, queried=queried)
        told = np.nan_to_num(judge.told(boxes), nan=-1.0)
        tried.append((boxes, queried, told, judge.score(told, judge.answers)))
    first, last = tried[0], tried[-1]
    # one standard error of the difference: a few validation rows would decide by chance
    missed = (first[2] - judge.answers) ** 2 - (last[2] - judge.answers) ** 2
    if judge.held.classes:
        missed = (first[2] != judge.answers) * 1.0 - (last[2] != judge.answers)
    clear = float(missed.mean()) > float(missed.std()) / len(missed) ** 0.5
    boxes, queried, _, score = last if clear or len(tried) == 1 else first
    return boxes, queried, score
