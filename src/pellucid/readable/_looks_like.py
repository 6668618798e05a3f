"""This looks like that: pairs of an input and the real cases that its answer comes from, and their test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import InputSpec, brief, wilson
from pellucid.errors import InputError
from pellucid.networks import PrototypeNetwork
from pellucid.networks._prototypes import SAME, alike

HIDDEN = 0.34  # share of the columns that are hidden in the test of tables
CONTROLS = 8  # random parts hidden beside the similar one

Box = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True, slots=True)
class Pair:
    """One "this looks like that".

    Args:
        prototype, row: number of the prototype, and of the training row that it is.
        answer: class of that case.
        similarity, distance: ``log((d² + 1) / (d² + 0.01))`` (at most 4.6), and d.
        adds: what it adds to the logit of the row's answer, beside the mean over classes.
        this, that: boxes of the similar part in the input and in the case; ``None`` for tables.
        columns: for tables each column with its share of d², the most alike first.
        without, beside: similarity when the similar part is hidden, and when another of the same size is
            (mean over random ones).
    """

    prototype: int
    row: int
    answer: str
    similarity: float
    distance: float
    adds: float
    this: Box | None
    that: Box | None
    columns: tuple[tuple[str, float], ...]
    without: float
    beside: float

    @property
    def holds(self) -> bool:
        """Whether hiding the similar part costs more similarity than hiding another."""
        return self.without < self.beside


@dataclass(frozen=True, slots=True, eq=False)
class LooksLike:
    """Pairs of some inputs.

    Args:
        inputs: ``[N, *shape]``.
        cases: the real cases, by prototype ``[P, *shape]``.
        pairs: for each input the cases that add most to its answer, the most first.
        answers: what the network answers.
        probabilities: how sure it is of that.
        total: prototypes in all.
        spec: what an input means.
    """

    inputs: Tensor
    cases: Tensor
    pairs: tuple[tuple[Pair, ...], ...]
    answers: tuple[str, ...]
    probabilities: tuple[float, ...]
    total: int
    spec: InputSpec

    __repr__ = brief

    def __len__(self) -> int:
        """Number of inputs."""
        return len(self.pairs)


@dataclass(frozen=True, slots=True)
class PrototypeEvidence:
    """How far a prototype network may be believed.

    Args:
        score: accuracy on these rows.
        before, after, refitted: accuracy on the training rows right before prototypes became real cases,
            right after, and with the weights fitted again. A large fall says that the cases are not what the
            network had learned.
        different, total: prototypes that are not the same as another, of all.
        nearest: distance of a prototype to the nearest other of its class, median over prototypes; with one
            per class ``None``.
        across: the same to the nearest of another class.
        held, tested: pairs in which hiding the similar part cost more similarity than hiding a random part of
            the same size, of the strongest pair of each row.
        low, high: 95 % bounds (Wilson) of that share.
        falls, falls_beside: mean fall of similarity with the similar and with a random part hidden.
        n: rows looked at.
        classes: their names.
    """

    score: float
    before: float
    after: float
    refitted: float
    different: int
    total: int
    nearest: float | None
    across: float
    held: int
    tested: int
    low: float
    high: float
    falls: float
    falls_beside: float
    n: int
    classes: tuple[str, ...]


@torch.no_grad()
def looks_like(
    network: PrototypeNetwork,
    x: Tensor,
    spec: InputSpec,
    classes: Sequence[str],
    *,
    most: int = 3,
    seed: int = 0,
) -> LooksLike:
    """Pairs of encoded inputs.

    Args:
        network: trained.
        x: ``[N, *shape]``.
        spec: what an input means.
        classes: names.
        most: pairs of each input.
        seed: of the random parts.

    Raises:
        InputError: if the network was not trained, so that its prototypes are no cases yet.

    Cost:
        1 + ``most`` × 9 passes over the rows.
    """
    _ready(network)
    outputs = network(x)
    best = outputs.argmax(1)
    away = network.distances(x)
    weight = network.head.weight - network.head.weight.mean(0)
    adds = weight[best] * alike(away)
    order = adds.argsort(1, descending=True)[:, :most]
    names = _column_names(spec, network)
    read = set(network.taken) if names else set[int]()
    found: list[tuple[Pair, ...]] = [()] * len(x)
    for k in range(order.shape[1]):
        chosen = order[:, k]
        without, beside, boxes, shares = _hidden(network, x, chosen, seed)
        for i, p in enumerate(chosen.tolist()):
            that = None if network.cut is None else network.cut.box(*network.places[p].tolist())
            columns = (
                tuple((names[j], float(shares[i, j])) for j in shares[i].argsort().tolist() if j in read)
                if names
                else ()
            )
            pair = Pair(
                p, int(network.rows[p]), classes[int(network.classes[p])], float(alike(away[i, p])),
                float(away[i, p].sqrt()), float(adds[i, p]), boxes[i], that, columns, float(without[i]),
                float(beside[i]),
            )  # fmt: skip
            found[i] = (*found[i], pair)
    sure = outputs.softmax(1).amax(1)
    answers = tuple(str(classes[k]) for k in best.tolist())
    return LooksLike(x, network.cases, tuple(found), answers, tuple(sure.tolist()), len(network.cases), spec)


@torch.no_grad()
def prototype_evidence(
    network: PrototypeNetwork, x: Tensor, answers: Tensor, classes: Sequence[str], *, seed: int = 0
) -> PrototypeEvidence:
    """The evidence of a prototype network on encoded held-out inputs.

    Raises:
        InputError: if the network was not trained.

    Cost:
        11 passes over the rows.
    """
    _ready(network)
    away, best = network.distances(x), network(x).argmax(1)
    weight = network.head.weight - network.head.weight.mean(0)
    chosen = (weight[best] * alike(away)).argmax(1)
    without, beside, _, _ = _hidden(network, x, chosen, seed)
    now = alike(away.gather(1, chosen[:, None])[:, 0])
    held = int((without < beside).sum())
    low, high = wilson(held, len(x))
    gaps = _between(network)
    own = network.classes[:, None] == network.classes[None]
    near = gaps.masked_fill(~own, torch.inf).fill_diagonal_(torch.inf).amin(1)
    other = gaps.masked_fill(own, torch.inf).amin(1)
    unique = len((gaps < SAME).long().argmax(1).unique())
    before, after, refitted = (float(v) for v in network.moved)
    return PrototypeEvidence(
        float((best == answers).double().mean()), before, after, refitted, unique, len(gaps),
        float(near.median().sqrt()) if network.each > 1 else None, float(other.median().sqrt()), held, len(x),
        low, high, float((now - without).mean()), float((now - beside).mean()), len(x), tuple(classes),
    )  # fmt: skip


def _ready(network: PrototypeNetwork) -> None:
    if int(network.rows.max()) < 0:
        raise InputError("These prototypes are no training cases yet. Train the network first.")


def _column_names(spec: InputSpec, network: PrototypeNetwork) -> list[str]:
    if network.encoder is not None:
        return []
    columns = getattr(spec, "columns", None)
    return (
        [column.name for column in columns]
        if columns
        else [f"column {k}" for k in range(len(network.columns))]
    )


def _between(network: PrototypeNetwork) -> Tensor:
    """Squared distances between prototypes ``[P, P]``, as the network measures them."""
    if network.encoder is None:
        return network.distances(network.prototypes)
    return (network.prototypes[:, None] - network.prototypes[None]).square().sum(2)


def _hidden(
    network: PrototypeNetwork, x: Tensor, chosen: Tensor, seed: int
) -> tuple[Tensor, Tensor, list[Box | None], Tensor]:
    """Similarity to the chosen case without the similar part, and without random ones; the parts."""
    chance = torch.Generator().manual_seed(seed)
    each = torch.arange(len(x))
    apart = network.apart(x)[each, chosen]
    now = alike(network.distances(x)[each, chosen])
    if network.cut is None:
        without, beside = _hidden_columns(network, x, chosen, apart, chance)
        return without, beside, [None] * len(x), apart
    width = apart.shape[2]
    places = apart.flatten(1).argmin(1)
    boxes = [network.cut.box(*divmod(place, width)) for place in places.tolist()]
    without = _similar(network, _covered(network, x, boxes), chosen)
    beside = torch.zeros_like(now)
    for _ in range(CONTROLS):
        beside += _similar(network, _covered(network, x, _elsewhere(boxes, x, chance)), chosen) / CONTROLS
    return without, beside, list(boxes), apart


def _hidden_columns(
    network: PrototypeNetwork, x: Tensor, chosen: Tensor, apart: Tensor, chance: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The columns whose agreement counts most are made typical: those in which input and case are near each
    other and both far from the typical row."""
    usual = network.typical.expand_as(x)
    read = torch.tensor(network.taken)
    count = max(1, round(HIDDEN * len(read)))
    gain = (network.apart(usual)[torch.arange(len(x)), chosen] - apart)[:, read]
    best = read[gain.argsort(1, descending=True)[:, :count]]
    without = _similar(network, _typical_at(network, x, best), chosen)
    beside = torch.zeros_like(without)
    for _ in range(CONTROLS):
        other = read[torch.rand(gain.shape, generator=chance).argsort(1)[:, :count]]
        beside += _similar(network, _typical_at(network, x, other), chosen) / CONTROLS
    return without, beside


def _typical_at(network: PrototypeNetwork, x: Tensor, columns: Tensor) -> Tensor:
    picked = torch.zeros(len(x), len(network.columns), dtype=torch.bool).scatter(1, columns, True)
    return torch.where(picked[:, network.owner], network.typical, x)


def _similar(network: PrototypeNetwork, x: Tensor, chosen: Tensor) -> Tensor:
    return network.similarities(x)[torch.arange(len(x)), chosen]


def _covered(network: PrototypeNetwork, x: Tensor, boxes: Sequence[Box]) -> Tensor:
    out = x.clone()
    for i, (top, left, bottom, right) in enumerate(boxes):
        out[i, :, top:bottom, left:right] = network.typical[:, top:bottom, left:right]
    return out


def _elsewhere(boxes: Sequence[Box], x: Tensor, chance: torch.Generator) -> list[Box]:
    """Boxes of the same sizes at random places, not the same ones."""
    moved: list[Box] = []
    for top, left, bottom, right in boxes:
        tall, wide = bottom - top, right - left
        free = (x.shape[2] - tall + 1, x.shape[3] - wide + 1)
        y, z = top, left
        while (y, z) == (top, left) and free != (1, 1):
            y, z = (int(torch.randint(n, (1,), generator=chance)) for n in free)
        moved.append((y, z, y + tall, z + wide))
    return moved
