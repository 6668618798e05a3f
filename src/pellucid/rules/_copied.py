"""Rules of several kinds that copy a network's answers, each beside the same rules of the true answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from torch import nn

from pellucid._core import Compute, Dataset
from pellucid.errors import InputError, near_misses
from pellucid.rules._box import Box
from pellucid.rules._dnf import class_clauses
from pellucid.rules._judged import Judged
from pellucid.rules._material import Material, judged, material
from pellucid.rules._note import note
from pellucid.rules._optimal import DEPTH, optimal_tree
from pellucid.rules._rule_list import rule_list
from pellucid.rules._rule_set import RuleSet
from pellucid.rules._tree import Growth

REGROWN = 10  # times that rules are grown again from other rows
Kind = Literal["tree", "optimal", "list", "clauses", "layers"]
Grower = Callable[[Growth, int], tuple[Box, ...]]
KINDS: Mapping[str, Grower] = MappingProxyType(
    {"tree": Growth.boxes, "optimal": optimal_tree, "list": rule_list, "clauses": class_clauses}
)


@dataclass(frozen=True, slots=True)
class Copier:
    """Rules of one kind, from what they are grown to what they score."""

    dataset: Dataset
    given: Material
    held: Judged
    grower: Grower
    kind: Kind
    seed: int

    def grown(self, size: int, *, queried: bool) -> tuple[Box, ...]:
        """Regions of at most ``size`` rules."""
        return self.grower(self.given.queried if queried else self.given.growth, size)

    def null(self, size: int) -> tuple[Box, ...]:
        """The same from the true answers, without the network."""
        null = KINDS["tree"] if self.kind == "layers" else self.grower
        return null(self.given.truth, size)

    def scored(self, boxes: tuple[Box, ...], size: int, *, queried: bool, regrown: int = 0) -> RuleSet:
        """Rules with everything that is known of them."""
        told = self.held.told(self.null(size))
        found = self.held.rule_set(boxes, told, self.given.usual, self.seed)
        found = replace(
            found,
            kind=self.kind,
            n_train=int((self.dataset.parts == 0).sum()),
            synthetic=self.given.synthetic if queried else 0,
            seed=self.seed,
        )
        found = self._steady(found, boxes, size, queried, regrown)
        return replace(found, note=note(found, self.dataset.spec, self.given.constant))

    def _steady(
        self, found: RuleSet, boxes: tuple[Box, ...], size: int, queried: bool, regrown: int
    ) -> RuleSet:
        """How much of the rules chance in the rows decides."""
        if not regrown or self.kind == "layers":
            return found
        source = self.given.queried if queried else self.given.growth
        own, chance = self.held.told(boxes), np.random.default_rng(self.seed + 1)
        asked = {column for box in boxes for column, _ in box.order}
        same: list[float] = []
        shared: list[float] = []
        for _ in range(regrown):
            rows = chance.integers(0, len(source.answers), len(source.answers))
            again = self.grower(source.rows(rows), size)
            told = self.held.told(again)
            if found.classes:
                same.append(float(((told == own) | (np.isnan(told) & np.isnan(own))).mean()))
            else:
                same.append(self.held.score(told, own))
            others = {column for box in again for column, _ in box.order}
            shared.append(len(asked & others) / max(1, len(asked | others)))
        return replace(
            found,
            regrown=regrown,
            steady=float(np.mean(same)),
            steady_least=float(np.min(same)),
            same_columns=float(np.mean(shared)),
        )


def copier(
    model: nn.Module,
    dataset: Dataset,
    *,
    kind: Kind,
    minimum_support: int,
    seed: int,
    synthetic: int,
    held: Dataset,
    compute: Compute | None,
) -> Copier:
    """Everything that rules of a kind are grown from and judged on."""
    if len(held) < 1 or not (dataset.parts == 0).any():
        raise InputError(
            "Rules are grown on the train part and judged on the other parts; there are "
            f"{int((dataset.parts == 0).sum())} and {len(held)} rows. Give the data set parts of both kinds."
        )
    given = material(model, dataset, support=minimum_support, seed=seed, synthetic=synthetic, compute=compute)
    if kind == "layers":
        from pellucid.rules._through_layers import through_layers

        grower = through_layers(model, dataset, given, compute)
    else:
        grower = KINDS[kind]
    return Copier(dataset, given, judged(model, held, given.columns, compute), grower, kind, seed)


def surrogate_rules(
    model: nn.Module,
    dataset: Dataset,
    *,
    kind: Kind = "tree",
    size: int = 8,
    minimum_support: int = 5,
    seed: int = 0,
    synthetic: int = 0,
    regrown: int = 0,
    compute: Compute | None = None,
) -> RuleSet:
    """Rules of one kind that copy a network's answers, and how far they do.

    ``fidelity`` is the share of held-out rows (validation and test part) to which rules and network give the
    same answer, from 0 to 1, with its exact 95 % interval (Clopper and Pearson); in regression, R².

    Args:
        model: gives ``[N, K]`` for K classes, or ``[N]`` or ``[N, 1]`` in regression.
        dataset: rows with a train part and held-out rows; its spec says how to read them.
        kind: ``"tree"`` grows best first; ``"optimal"`` is the tree of at most 8 leaves, three questions deep,
            with the fewest mistakes of all such trees; ``"list"`` is asked from top to bottom; ``"clauses"``
            tells each class by its own clauses and leaves open what none meets; ``"layers"`` takes rules of
            each hidden layer apart into rules of the inputs. All but the tree need classes.
        size: most rules.
        minimum_support: fewest training rows behind a rule.
        seed: breaks ties, draws synthetic rows and the rows for ``regrown``.
        synthetic: so many rows between neighbouring training rows are answered by the network and added.
        regrown: grow the rules so many times again from other rows and say how much stays.
        compute: how the network runs.

    Returns:
        The rules with their evidence; the null is the same kind of rules grown from the true answers (for
        ``"layers"`` a tree).

    Raises:
        InputError: if a part is empty, an argument cannot be, the spec is of another kind, or the network's
            outputs are not one for each class.
        MethodError: if the network answers NaN or infinity.

    Cost:
        One forward pass over all rows and the synthetic ones; seconds for trees and lists.

    Limits:
        Those of :func:`surrogate_tree`.

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
        >>> [rule.outcome for rule in surrogate_rules(network, data, kind="list").rules]
        ['old', 'young']
    """
    refuse(dataset, kind, size, minimum_support, synthetic, regrown)
    how = copier(
        model,
        dataset,
        kind=kind,
        minimum_support=minimum_support,
        seed=seed,
        synthetic=synthetic,
        held=dataset.rows(dataset.parts != 0),
        compute=compute,
    )
    queried = synthetic > 0
    return how.scored(how.grown(size, queried=queried), size, queried=queried, regrown=regrown)


def refuse(dataset: Dataset, kind: str, size: int, support: int, synthetic: int, regrown: int = 0) -> None:
    """Say what cannot be asked for."""
    known = (*KINDS, "layers")
    if kind not in known:
        raise InputError(f"No rules are called {kind!r}. {near_misses(kind, known)}")
    if kind != "tree" and not dataset.classes:
        raise InputError(f"{kind!r} tells classes apart; for numbers take kind='tree'.")
    if kind == "optimal" and size > 2**DEPTH:
        raise InputError(
            f"The optimal tree is searched for at most {DEPTH} questions deep, so for at most {2**DEPTH} "
            f"rules; got {size}. Take kind='tree' for more."
        )
    if size < 2 or support < 1 or synthetic < 0 or regrown < 0:
        raise InputError(
            "Expected leaves of at least 2, minimum_support of at least 1, synthetic and regrown of at least "
            f"0, got {size}, {support}, {synthetic} and {regrown}."
        )
