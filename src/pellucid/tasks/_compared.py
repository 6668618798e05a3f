"""What is found when two networks are held against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core import Explanation, brief
from pellucid.layers import RepresentationSimilarity
from pellucid.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Difference:
    """B less A in one number, on the same rows.

    Args:
        name: what was measured, or of which rows.
        a, b: the number of each.
        value, low, high: ``b - a`` with its 95 % interval.
        p: of no difference; ``None`` without a test.
        n: rows.
    """

    name: str
    a: float
    b: float
    value: float
    low: float
    high: float
    p: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Who is right where. In regression the nearer one counts as right.

    Args:
        both_right, only_a, only_b, both_wrong: rows, of n; in regression ``only_a`` are those where A is
            nearer.
        same: rows with the same answer; ``None`` in regression.
        score: accuracy, or mean absolute error, of both with McNemar's exact p (sign test in regression).
        slices: the same by true class and by column, p corrected by Holm; largest differences first.
        n: rows.
    """

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    same: int | None
    score: Difference
    slices: tuple[Difference, ...]
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Reasons:
    """Attributions of both for the same number of the same rows, where both give the same answer.

    Args:
        method: name of the attribution method.
        rows: int64 ``[N]``, numbers of the rows in what was compared.
        alike: ``[N]``, rank correlation of the two maps over parts.
        floor: ``[N]``, the same for the two of one network that should be alike; ``floor_name`` says which.
        untrained: ``[N]``, the same for A and an untrained copy of it: nothing in common.
        different: how many lie below the 5 % of the floor; ``low``, ``high``: Wilson's interval of the share.
        a, b: explanations of the strongest cases, the least alike first; ``cases`` are their row numbers.
    """

    method: str
    rows: Tensor
    alike: Tensor
    floor: Tensor
    floor_name: str
    untrained: Tensor
    different: int
    low: float
    high: float
    cases: Tensor
    a: Explanation
    b: Explanation

    __repr__ = brief

    @property
    def bound(self) -> float:
        """The 5 % quantile of the floor."""
        known = self.floor[~self.floor.isnan()]
        return float(known.quantile(0.05)) if len(known) else math.nan


@dataclass(frozen=True, slots=True)
class FollowedRule:
    """A rule of one network, and how far each follows it on held-out rows.

    Args:
        of: ``"A"`` or ``"B"``.
        rule: in words.
        n: rows that it speaks for.
        a, b: share of them to which each network gives the rule's answer.
        low, high: 95 % interval of ``a - b``, paired.
    """

    of: str
    rule: str
    n: int
    a: float
    b: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two networks on the same rows.

    Args:
        a, b: their names.
        answers: who is right where.
        reasons: same answer, different reason; ``None`` where no method fits both.
        layers: CKA; ``None`` where their inputs are coded differently.
        rules: those that only one follows first; empty where there are no rules.
        rule_sets: the surrogates that they come from.
        evidence: how well each network's maps foretell what it does, and how steady they are.
        notes: what was left out, and why.
        n: rows compared; seed of what was drawn.
    """

    a: str
    b: str
    answers: Answers
    reasons: Reasons | None
    layers: RepresentationSimilarity | None
    rules: tuple[FollowedRule, ...]
    rule_sets: tuple[RuleSet, ...]
    evidence: tuple[Difference, ...]
    notes: tuple[str, ...]
    n: int
    seed: int

    __repr__ = brief

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def paired(name: str, a: Tensor, b: Tensor) -> Difference:
    """B less A of yes and no ``[N]``: McNemar's exact p, the interval of Agresti and Min (2005).

    Example:
        >>> hits = torch.tensor([True, True, False, False])
        >>> paired("x", hits, hits).value, paired("x", hits, hits).p
        (0.0, 1.0)
    """
    n = len(a)
    up, down = int((b & ~a).sum()), int((a & ~b).sum())
    total = n + 2
    shift = (up - down) / total
    spread = math.sqrt(max(0.0, (up + down + 1) / total - shift**2) / total)
    low, high = max(-1.0, shift - 1.96 * spread), min(1.0, shift + 1.96 * spread)
    share = (a.double().mean().item(), b.double().mean().item()) if n else (math.nan, math.nan)
    return Difference(name, *share, (up - down) / max(1, n), low, high, sign_p(up, down), n)


def sign_p(up: int, down: int) -> float:
    """Two-sided exact p of ``up`` against ``down`` at even odds.

    Example:
        >>> sign_p(5, 0), sign_p(3, 3)
        (0.0625, 1.0)
    """
    n, k = up + down, min(up, down)
    below = sum(math.comb(n, j) for j in range(k + 1))
    return min(1.0, 2 * below / 2**n)


def of_means(name: str, a: Tensor, b: Tensor, *, seed: int) -> Difference:
    """Mean of B less mean of A over the rows where both are known, with a bootstrap interval over rows."""
    known = ~(a.isnan() | b.isnan())
    one, other = a[known].double(), b[known].double()
    n = len(one)
    if not n:
        return Difference(name, math.nan, math.nan, math.nan, math.nan, math.nan, None, 0)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 32_416_187)
    means = (other - one)[torch.randint(n, (1000, n), generator=generator)].mean(1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    up, down = int((other > one).sum()), int((other < one).sum())
    value = float((other - one).mean())
    return Difference(name, float(one.mean()), float(other.mean()), value, low, high, sign_p(up, down), n)
