"""Evidence for a concept bottleneck: how well concepts are told, what leaks, what correcting them brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._core import wilson
from pellucid.networks import ConceptBottleneck
from pellucid.networks._concept_bottleneck import fit_head

COVERED = 0.95  # share of a row's contributions that its contributing concepts make up
STEPS, RESAMPLES = 12, 1000


@dataclass(frozen=True, slots=True)
class ToldConcept:
    """One concept on held-out rows.

    Args:
        name: of it.
        learned: whether the encoder tells it; ``False`` where it is computed.
        share: of rows that truly have it.
        right, known: rows on which it is told right, of those whose truth is known.
        low, high: 95 % bounds (Wilson) of the share told right.
        weights: what it adds to each class's logit.
    """

    name: str
    learned: bool
    share: float
    right: int
    known: int
    low: float
    high: float
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ConceptEvidence:
    """How far a concept bottleneck may be believed, on rows that should be held out. Scores are accuracies.

    Args:
        concepts: one by one.
        score: of the network.
        score_true: of the same head on the true concepts.
        ceiling: of a head fitted to the true concepts of the training rows; what the concepts alone can tell.
            ``None`` where no training rows were given.
        swapped: of the network when what it says of a row's concepts is that of another row with the same
            true concepts, mean over draws.
        leak, leak_low, leak_high: ``score − swapped`` with its 95 % bootstrap interval over rows; above 0 the
            concepts carry more of the answer than their names say. 0 for computed concepts.
        swappable: rows that share their true concepts with another row.
        corrected: numbers of concepts set to their truth.
        curve: score after so many, in random order, mean over draws.
        curve_unsure: score when those nearest to 1:1 are corrected first.
        nec: weights other than 0 per class (number of effective concepts).
        ncc: concepts that make up 95 % of what is added to the answer of a row, mean over rows (number of
            contributing concepts).
        by_class: whether some truth is known by class only; then correcting a concept tells of the class.
        mixed: rows beside which others of another class have the same true concepts. Where there are none the
            true concepts tell the class alone, and the leak is 0 whatever the network does.
        classes: their names.
        n: rows looked at.
    """

    concepts: tuple[ToldConcept, ...]
    score: float
    score_true: float
    ceiling: float | None
    swapped: float
    leak: float
    leak_low: float
    leak_high: float
    swappable: int
    corrected: tuple[int, ...]
    curve: tuple[float, ...]
    curve_unsure: tuple[float, ...]
    nec: float
    ncc: float
    by_class: bool
    mixed: int
    classes: tuple[str, ...]
    n: int

    @property
    def leaks(self) -> bool:
        """Whether the leak is beyond chance."""
        return self.leak_low > 0

    @property
    def rises(self) -> bool:
        """Whether correcting all concepts does not make the answers worse; if it does, the head reads
        something else in them than their names say."""
        return self.curve[-1] >= self.curve[0]


@torch.no_grad()
def concept_evidence(
    network: ConceptBottleneck,
    x: Tensor,
    answers: Tensor,
    *,
    taught: Tensor | None = None,
    training: tuple[Tensor, Tensor, Tensor | None] | None = None,
    classes: Sequence[str] = (),
    draws: int = 20,
    seed: int = 0,
) -> ConceptEvidence:
    """The evidence of a concept bottleneck on encoded inputs.

    Args:
        network: trained.
        x, answers: held-out inputs ``[N, *shape]`` and class numbers ``[N]``.
        taught: labels beside them ``[N, concepts]``, NaN where not known.
        training: training inputs, answers and labels, for ``ceiling``.
        classes: names of the classes.
        draws: random orders of correction, and swaps.
        seed: of these.

    Cost:
        One pass over the rows, ``draws`` × 12 of the head.
    """
    chance = torch.Generator().manual_seed(seed)
    scores = network.scores_of(x)
    told = network.through(scores)
    known = network.truth(x, answers, taught)
    true = torch.where(known.isnan(), told, known)
    right = network.answer(told).argmax(1) == answers
    drawn = torch.zeros(len(x), dtype=torch.double)
    groups = _groups(true)
    for _ in range(draws):
        drawn += (network.answer(told[_within(groups, chance)]).argmax(1) == answers).double()
    drawn /= draws
    apart = right.double() - drawn
    low, high = _bounds(apart.numpy(), seed)
    steps = sorted({round(k) for k in np.linspace(0, len(network.names), min(STEPS, len(network.names)) + 1)})
    unsure = scores.abs().masked_fill(~network.is_learned, torch.inf).argsort(1)
    curve = [
        float(np.mean([_score(network, told, true, _order(true, chance), k, answers) for _ in range(draws)]))
        for k in steps
    ]
    return ConceptEvidence(
        tuple(_told(network, k, scores[:, k] > 0, known[:, k]) for k in range(len(network.names))),
        float(right.double().mean()),
        float((network.answer(true).argmax(1) == answers).double().mean()),
        _ceiling(network, true, answers, training),
        float(drawn.mean()),
        float(apart.mean()),
        low,
        high,
        sum(len(group) for group in groups if len(group) > 1),
        tuple(steps),
        tuple(curve),
        tuple(_score(network, told, true, unsure, k, answers) for k in steps),
        float((network.head.weight != 0).double().sum() / network.outputs),
        _contributing(network, told),
        any(classes and not tests for classes, tests in zip(network.members, network.tests, strict=True)),
        sum(len(group) for group in groups if len(answers[group].unique()) > 1),
        tuple(classes) or tuple(str(k) for k in range(network.outputs)),
        len(x),
    )


def _told(network: ConceptBottleneck, k: int, said: Tensor, true: Tensor) -> ToldConcept:
    there = ~true.isnan()
    right, known = int((said[there] == (true[there] > 0.5)).sum()), int(there.sum())
    low, high = wilson(right, known) if known else (0.0, 1.0)
    share = float(true[there].double().mean()) if known else float("nan")
    weights = tuple(float(w) for w in network.head.weight[:, k])
    return ToldConcept(network.names[k], bool(network.is_learned[k]), share, right, known, low, high, weights)


def _ceiling(
    network: ConceptBottleneck,
    true: Tensor,
    answers: Tensor,
    training: tuple[Tensor, Tensor, Tensor | None] | None,
) -> float | None:
    if training is None:
        return None
    x, y, taught = training
    known = network.truth(x, y, taught)
    told = known if not known.isnan().any() else network.through(network.scores_of(x))
    weight, bias = fit_head(torch.where(known.isnan(), told, known), y, network.outputs)
    return float(((true @ weight.T + bias).argmax(1) == answers).double().mean())


def _groups(true: Tensor) -> list[Tensor]:
    """Rows with the same true concepts."""
    places = true.unique(dim=0, return_inverse=True)[1]
    order = places.argsort(stable=True)
    return list(order.split(places.bincount().tolist()))


def _within(groups: Sequence[Tensor], chance: torch.Generator) -> Tensor:
    """Another row of the same group for each row: a cycle through a random order."""
    moved = torch.empty(sum(len(group) for group in groups), dtype=torch.long)
    for group in groups:
        order = group[torch.randperm(len(group), generator=chance)]
        moved[order] = order.roll(1)
    return moved


def _order(true: Tensor, chance: torch.Generator) -> Tensor:
    return torch.rand(true.shape, generator=chance).argsort(1)


def _score(
    network: ConceptBottleneck, told: Tensor, true: Tensor, order: Tensor, k: int, answers: Tensor
) -> float:
    corrected = told.scatter(1, order[:, :k], true.gather(1, order[:, :k]))
    return float((network.answer(corrected).argmax(1) == answers).double().mean())


def _contributing(network: ConceptBottleneck, told: Tensor) -> float:
    """Concepts that make up most of what speaks for or against the class of the answer."""
    weight = network.head.weight - network.head.weight.mean(0)
    best = network.answer(told).argmax(1)
    parts = (weight[best] * (told - told.mean(0))).abs().sort(1, descending=True).values
    total = parts.sum(1, keepdim=True)
    needed = (parts.cumsum(1) < COVERED * total).sum(1) + (total[:, 0] > 0)
    return float(needed.double().mean())


def _bounds(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    chance = np.random.default_rng(seed)
    means = [values[chance.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
