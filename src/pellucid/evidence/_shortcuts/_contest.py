"""The tug of war: a row keeps the rest, another gives the part; whom does the network follow?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, predict, wilson
from pellucid.evidence._localisation import Measure

# (row numbers that keep the rest, row numbers that give the part) -> mixed rows
Mix = Callable[[Tensor, Tensor], Tensor]
LEVEL = 0.05
CHANCE = 0.01  # of answers that agree so well with the truth by luck, below which a network knows something
LEAST = 20  # mixed rows below which nothing is said


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """A part of the input that may decide alone, and its control.

    Args:
        kind, name, source: as in a suspicion.
        mix: puts the part of one row into another.
        control: does the same to as much elsewhere; ``None`` puts in the same part of a row of the own
            answer.
        control_name: what that is, in words.
        bars: lower ends of the share that follows for ``suspected`` and ``found``.
        rows: bool, whose part is suspected; ``None`` is all rows'.
        marked: row numbers to bool ``[k, *shape]``: where the part lies; ``None`` for what is no place.
        blend: mixes rows by such a mask; ``None`` takes marked elements of the donor. Where it is given, the
            mask speaks of something else than elements (of frequencies).
    """

    kind: str
    name: str
    source: str
    mix: Mix
    control: Mix | None
    control_name: str
    bars: tuple[float, float]
    rows: Tensor | None = None
    marked: Callable[[Tensor, Tensor], Tensor] | None = None
    blend: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows ``rest`` that keep, ``donor`` of another answer that give, ``own`` of the same answer."""

    rest: Tensor
    donor: Tensor
    own: Tensor

    def __len__(self) -> int:
        return len(self.rest)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the network answered: bool for each pair or row."""

    suspect: Suspect
    pairs: Pairs
    follows: Tensor
    control: Tensor
    without: Tensor
    without_control: Tensor
    alone: Tensor

    def shown(self, rest: Tensor, donor: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mixed rows, and where the part lies in them."""
        part = self.suspect
        placed = part.marked is not None and part.blend is None
        return part.mix(rest, donor), part.marked(rest, donor) if placed and part.marked else None


class Rows:
    """Held-out rows with the network's answers and the true ones, and pairs of them.

    Numbers are turned into two answers, above and below the median of what the network says.
    """

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        truth: Tensor,
        *,
        task: Literal["classification", "regression"],
        spec: InputSpec,
        compute: Compute,
    ) -> None:
        self._model, self._spec, self._compute = model, spec, compute
        self.x, self.spent = x, 0
        outputs = self._outputs(x)
        self._middle = None if task == "classification" else float(outputs.flatten().double().median())
        self.given = self._labels(outputs)
        self.truth = truth if self._middle is None else (truth.double() > truth.double().median()).long()
        self.clear = torch.ones(len(x), dtype=torch.bool)
        if self._middle is not None:
            # a number near the median would turn at the slightest push
            ends = torch.quantile(outputs.flatten().double(), outputs.new_tensor([1 / 3, 2 / 3]).double())
            flat = outputs.flatten().double().cpu()
            self.clear = (flat <= float(ends[0])) | (flat >= float(ends[1]))

    def answers(self, inputs: Tensor) -> Tensor:
        """The network's answers as class numbers, on the CPU."""
        return self._labels(self._outputs(inputs))

    def _outputs(self, inputs: Tensor) -> Tensor:
        self.spent += len(inputs)
        return predict(self._model, inputs, spec=self._spec, compute=self._compute)

    def _labels(self, outputs: Tensor) -> Tensor:
        if self._middle is not None:
            return (outputs.flatten() > self._middle).long().cpu()
        single = outputs.ndim == 1 or outputs.shape[1] == 1
        return ((outputs.flatten() > 0).long() if single else outputs.argmax(1)).cpu()

    def pairs(self, count: int, seed: int, *, donors: Tensor | None = None) -> Pairs:
        """Up to ``count`` pairs with different answers, as many for each answer of the donor as can be."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + 86_028_121)
        able = self.clear if donors is None else self.clear & donors
        present = [c for c in self.given[able].unique().tolist() if bool((self.given[self.clear] != c).any())]
        rest: list[Tensor] = []
        donor: list[Tensor] = []
        each = math.ceil(count / max(1, len(present)))
        for label in present:
            mine = (able & (self.given == label)).nonzero().flatten()
            theirs = (self.clear & (self.given != label)).nonzero().flatten()
            donor.append(_drawn(mine, each, generator))
            rest.append(_drawn(theirs, each, generator))
        if not rest:
            empty = torch.zeros(0, dtype=torch.int64)
            return Pairs(empty, empty, empty)
        keeps, gives = torch.cat(rest), torch.cat(donor)
        return Pairs(keeps, gives, self._alike(keeps, generator))

    def _alike(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        found = rows.clone()
        for label in self.given[rows].unique().tolist():
            here = (self.given[rows] == label).nonzero().flatten()
            pool = (self.given == label).nonzero().flatten()
            found[here] = _drawn(pool, len(here), generator)
        return found

    def fight(self, suspect: Suspect, pairs: Pairs, seed: int) -> Outcome:
        """What the network makes of the part, its control, and of rows without it or with nothing else."""
        generator = torch.Generator().manual_seed(seed * 1_000_003 + 49_979_687)
        every = torch.arange(len(self.x)) if suspect.rows is None else suspect.rows.nonzero().flatten()
        others = torch.randint(len(self.x), (len(every),), generator=generator)
        other = suspect.control or suspect.mix
        partner = pairs.donor if suspect.control is not None else pairs.own
        wanted = self.given[pairs.donor]
        calm = others if suspect.control is not None else self._alike(every, generator)
        return Outcome(
            suspect,
            pairs,
            self.answers(suspect.mix(pairs.rest, pairs.donor)) == wanted,
            self.answers(other(pairs.rest, partner)) == wanted,
            self.answers(suspect.mix(every, others)) == self.truth[every],
            self.answers(other(every, calm)) == self.truth[every],
            self.answers(suspect.mix(others, every)) == self.given[every],
        )


def measure(hits: Tensor) -> Measure:
    """A share of rows with Wilson's interval."""
    count, n = int(hits.sum()), len(hits)
    return Measure(count / n if n else math.nan, *wilson(count, n))


def knows(given: Tensor, truth: Tensor, seed: int, *, draws: int = 999) -> bool:
    """Whether answers agree with the truth otherwise than if they were dealt out at random (level .01).

    Example:
        >>> knows(torch.tensor([0, 1] * 30), torch.tensor([0, 1] * 30), 0)
        True
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 15_485_863)
    hits = torch.stack(
        [(given[torch.randperm(len(given), generator=generator)] == truth).sum() for _ in range(draws)]
    )
    usual = hits.double().mean()
    far = abs(float((given == truth).sum() - usual))
    return (1 + int(((hits - usual).abs() >= far - 1e-9).sum())) / (draws + 1) <= CHANCE


def lead(follows: Tensor, control: Tensor) -> float:
    """One-sided p of McNemar's exact test: more rows follow the part than its control, the same pairs.

    Example:
        >>> lead(torch.ones(5, dtype=torch.bool), torch.zeros(5, dtype=torch.bool))
        0.03125
    """
    won, lost = int((follows & ~control).sum()), int((control & ~follows).sum())
    return upper(won, won + lost)


def upper(hits: int, n: int, share: float = 0.5) -> float:
    """Chance of at least ``hits`` among ``n`` where each comes with the chance ``share``.

    Example:
        >>> upper(2, 2), round(upper(1, 3, 0.1), 3)
        (0.25, 0.271)
    """
    if not n or not 0 < share < 1:
        return 1.0
    few, logs = math.log(1 - share), math.log(share)
    each = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * logs + (n - k) * few
        for k in range(hits, n + 1)
    )
    return min(1.0, math.fsum(map(math.exp, each)))


def _drawn(pool: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """``count`` of a pool, each once before any comes again."""
    turns = math.ceil(count / len(pool))
    order = [pool[torch.randperm(len(pool), generator=generator)] for _ in range(turns)]
    return torch.cat(order)[:count]
