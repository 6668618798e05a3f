"""From rows and answers to a short list of rules and what each adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.inputs import TabularSpec
from pellucid.networks._rules._choice import Fit, chosen, exchanged, favour, refined
from pellucid.networks._rules._directions import refuse_unless_kept, signs_of
from pellucid.networks._rules._grid import (
    Grid,
    Literal,
    Masks,
    Numbers,
    entropy_weight,
    fires,
    fit_grid,
    full,
    log_odds,
    share_of,
)
from pellucid.networks._rules._grown import grown
from pellucid.networks._rules._head import head
from pellucid.networks._rules._pool import ENOUGH, candidates, different
from pellucid.networks._rules._teacher import Answers, soft_answers
from pellucid.networks._wide import telling_columns

CLIP, FLOOR = 4.0, 0.02  # log-odds beyond which all rows are as sure; weight that every row keeps
ROWS = 12_000  # rows that rules are chosen by; weights are fitted on all
# share that each further condition must gain more: long rules follow chance where rows are few
LONGER_FEW, LONGER_MANY = 0.1, 0.02
COLUMNS = 128  # most columns that candidates speak of: those that say most alone
SURE = 0.95  # accuracy of the stronger models from which answers may have no chance in them
SHORT = 0.25  # of the bits of the answers that rules without exceptions may take
HOPELESS = 0.5  # share of the rows left over at which no more rules are grown
ROUNDS = 4  # times rules without exceptions are grown for rows that have none
PURE = 10.0  # inverse of the L2 penalty on weights of rules without exceptions
LEAST = 0.005  # weights below are printed as 0
RELINEARISED = 2  # times the squared error is brought closer to the cross-entropy


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user decides.

    Args:
        rules: most rules.
        conditions: most conditions of a rule.
        ordered: a list of which the first rule that holds decides, instead of a sum.
        soft: whether to learn from how sure stronger models are, too.
        seed: the only source of chance.
    """

    rules: int
    conditions: int
    ordered: bool
    soft: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    """Rules as bits that must all be 1, with what each adds to the logits.

    Args:
        rules: bits of each rule.
        weight: ``[K, R]``.
        bias: ``[K]``.
        ordered: whether only the first rule that holds counts.
    """

    rules: tuple[tuple[Literal, ...], ...]
    weight: Numbers
    bias: Numbers
    ordered: bool = False

    def shares(self, x: NDArray[np.float32]) -> Numbers:
        """What these rules say of encoded rows: shares of the classes ``[N, K]``."""
        held = [np.all([(x[:, b.slot] > b.threshold) == b.above for b in rule], 0) for rule in self.rules]
        table = np.array(held, dtype=np.float64).reshape(len(self.rules), len(x)).T
        if self.ordered:
            table = table * (np.cumsum(table, 1) == 1)
        logits = table @ self.weight.T + self.bias
        return share_of(logits - logits[:, :1] if logits.shape[1] > 1 else logits)


def search(
    spec: TabularSpec,
    x: NDArray[np.float32],
    answers: Answers,
    classes: int,
    settings: Settings,
    known: Sequence[Sequence[Literal]] = (),
) -> Found:
    """At most ``settings.rules`` rules that together tell the answers best; ``known`` are candidates, too.

    Of tables of many columns rules speak of those that tell most in these rows.
    """
    hard = np.eye(classes)[answers]
    among = telling_columns(spec, x, hard)
    shares = soft_answers(x.astype(np.float64), answers, classes, settings.seed) if settings.soft else hard
    if settings.ordered:
        return Space(spec, x, shares, settings, among, known).listed(settings.rules)
    if settings.soft and classes == 2 and (shares.argmax(1) == answers).mean() >= SURE:
        found = Space(spec, x, hard, settings, among, known).covered(settings.rules)
        if found is not None:
            return found
    return Space(spec, x, shares, settings, among, known).summed(settings.rules)


def by_budget(
    spec: TabularSpec,
    x: NDArray[np.float32],
    answers: Answers,
    classes: int,
    settings: Settings,
    budgets: Sequence[int],
) -> list[Found]:
    """Rules for each of several budgets, of the same candidates and the same soft answers."""
    refuse_unless_kept(spec, classes, ordered=settings.ordered)
    hard = np.eye(classes)[answers]
    shares = soft_answers(x.astype(np.float64), answers, classes, settings.seed) if settings.soft else hard
    space = Space(spec, x, shares, settings, telling_columns(spec, x, hard))
    return [space.listed(most) if settings.ordered else space.summed(most) for most in budgets]


class Space:
    """Candidates with all that choosing among them needs; made once for rules of several budgets."""

    def __init__(
        self,
        spec: TabularSpec,
        x: NDArray[np.float32],
        shares: Numbers,
        settings: Settings,
        among: Sequence[int],
        known: Sequence[Sequence[Literal]] = (),
    ) -> None:
        self.chance = chance = np.random.default_rng(settings.seed)
        self.settings, self.shares = settings, shares
        self.longer = LONGER_FEW if len(x) < ENOUGH else LONGER_MANY
        odds = np.clip(log_odds(shares), -CLIP, CLIP)
        bins = 48 if len(x) >= ENOUGH else 32
        self.grid = _telling(fit_grid(spec, x, odds[:, 0], bins=bins, among=among), x, odds)
        self.every = self.grid.of(x)
        rows = chance.permutation(len(x))[:ROWS]
        self.bins, self.odds = self.every[rows], odds[rows]
        self.near = share_of(self.odds)
        self.weight = np.maximum(entropy_weight(shares)[rows], FLOOR)
        most = settings.conditions
        found = candidates(self.grid, self.bins, self.odds, self.weight, most, chance)
        self.masks = self._with(found, known)
        self.held = fires(self.masks, self.bins, self.grid.full)
        self.signs = signs_of(self.grid, self.masks)[0]

    def _with(self, found: Masks, known: Sequence[Sequence[Literal]]) -> Masks:
        """Candidates with the rules that are known, where the grid can say them."""
        rows = [mask_of(self.grid, rule) for rule in known]
        rows = [row for row in rows if row is not None]
        if not rows:
            return found
        counted = self.grid.conditions(np.stack(rows))
        agree = signs_of(self.grid, np.stack(rows))[1]
        short = np.stack(rows)[(counted > 0) & (counted <= self.settings.conditions) & agree]
        return different(self.grid, np.concatenate([found, short]), self.bins)

    def summed(self, most: int) -> Found:
        """Rules that add up."""
        fit = Fit(self.odds, self.weight)
        counts = favour(self.grid.conditions(self.masks), self.longer)
        masks = self.masks[chosen(fit, fit.column(self.held), most, counts, signs=self.signs)]
        if len(self.every) >= ENOUGH and len(masks):
            masks = self._moved(fit, masks)
        return self._weighed(different(self.grid, masks, self.bins))

    def _weighed(self, masks: Masks, strength: float = 1.0) -> Found:
        """Rules with their weights; those that their direction leaves none are left out."""
        held, signs = fires(masks, self.every, self.grid.full), signs_of(self.grid, masks)[0]
        weight, bias = head(held, self.shares, strength=strength, signs=signs)
        says = (signs == 0) | (np.abs(weight).max(0, initial=0) >= LEAST)
        return self._found(masks[says], weight[:, says], bias)

    def _moved(self, fit: Fit, masks: Masks) -> Masks:
        most, whole = self.settings.conditions, self.grid.full
        masks = refined(self.grid, fit, masks, self.bins, most, longer=self.longer, sweeps=4)
        if self.odds.shape[1] > 1:
            return masks
        for _ in range(RELINEARISED):
            held, signs = fires(masks, self.bins, whole), signs_of(self.grid, masks)[0]
            weight, bias = head(held, self.near, signs=signs)
            told = (held.T @ weight[1] + bias[1])[:, None]
            now = share_of(told)
            matters = np.maximum(entropy_weight(now), FLOOR)
            aimed = told + (self.near - now)[:, 1:] / matters[:, None]
            nearer = Fit(aimed, matters)
            masks = self._exchanged(nearer, masks)
            masks = refined(self.grid, nearer, masks, self.bins, most, longer=self.longer, sweeps=2)
        return masks

    def _exchanged(self, fit: Fit, masks: Masks) -> Masks:
        """Rules that were moved, some of them exchanged for candidates that now say more in their place."""
        pool = np.concatenate([masks, self.masks])
        columns = fit.column(fires(pool, self.bins, self.grid.full))
        counts, signs = favour(self.grid.conditions(pool), self.longer), signs_of(self.grid, pool)[0]
        return pool[exchanged(fit, columns, range(len(masks)), counts, swaps=1, signs=signs)]

    def covered(self, most: int) -> Found | None:
        """Rules that hold in all rows of one class and in none of the other.

        ``None`` where they are not far shorter to say than the answers (description length, Rissanen 1978).
        """
        left, masks = self._cover(self.shares[:, 1] > 0.5, most, 1)
        if len(left):
            left, masks = self._cover(self.shares[:, 0] > 0.5, most, -1)
        known = sum(2 * axis.bins for axis in self.grid.axes)
        said = self.grid.conditions(masks).sum() * np.log2(max(2, known))
        share = np.clip(self.shares[:, 1].mean(), 1e-9, 1 - 1e-9)
        answers = -len(self.every) * (share * np.log2(share) + (1 - share) * np.log2(1 - share))
        if len(left) or said > SHORT * answers:
            return None
        return self._weighed(masks, PURE)

    def _cover(self, wanted: NDArray[np.bool_], most: int, side: int) -> tuple[NDArray[np.int64], Masks]:
        """Wanted rows that are left over, and rules: as short ones as reach all of them, each with a weight
        that may have the sign ``side``.

        Long rules are often without exceptions by luck. More are grown from rows that no rule reaches.
        """
        left, best = np.flatnonzero(wanted), self.masks[:0]
        for length in range(1, self.settings.conditions + 1):
            short = (self.grid.conditions(self.masks) <= length) & (self.signs * side >= 0)
            masks, left = self.masks[short], np.flatnonzero(wanted)
            for k in range(ROUNDS):
                more = self._grown(wanted, left, length, side) if k else ()
                masks = self._pure(np.concatenate([masks, *(mask[None] for mask in more)]), wanted)
                left, found = _covering(fires(masks, self.every, self.grid.full), wanted, most)
                best = masks[found]
                if len(left) > HOPELESS * wanted.sum() or not len(left):
                    break
            if not len(left):
                break
        return left, best

    def _grown(
        self, wanted: NDArray[np.bool_], rows: NDArray[np.int64], length: int, side: int
    ) -> tuple[Masks, ...]:
        return tuple(grown(self.grid, self.every, wanted, rows, length, self.chance, side))

    def _pure(self, masks: Masks, wanted: NDArray[np.bool_]) -> Masks:
        """Those that hold in wanted rows only."""
        pool = different(self.grid, masks, self.every)
        return pool[~(fires(pool, self.every, self.grid.full) & ~wanted).any(1)]

    def listed(self, most: int) -> Found:
        """Rules of which the first that holds decides."""
        order = _listed(self.held, self.odds, self.weight, most)
        masks = self.masks[order]
        held = fires(masks, self.every, self.grid.full)
        first = held & (np.cumsum(held, 0) == 1)
        left = np.logical_not(held.any(axis=0, keepdims=True))
        prior = self.shares.mean(0)
        parts = np.concatenate([first, left])
        told = np.stack([_odds_where(self.shares, parts[k], prior) for k in range(len(parts))], 1)
        return self._found(masks, told[:, :-1] - told[:, -1:], told[:, -1])

    def _found(self, masks: Masks, weight: Numbers, bias: Numbers) -> Found:
        rules = tuple(self.grid.literals(row) for row in masks)
        return Found(rules, weight, bias, self.settings.ordered)


def mask_of(grid: Grid, rule: Sequence[Literal]) -> Masks | None:
    """A rule on this grid, thresholds moved to the nearest cut; ``None`` where no row can fulfil it."""
    row = grid.full
    for literal in rule:
        for k, axis in enumerate(grid.axes):
            if not axis.start <= literal.slot < axis.start + (axis.column.width if axis.levels else 1):
                continue
            if axis.levels:
                here = sum(1 << b for b, slots in enumerate(axis.levels) if literal.slot in slots)
            else:
                nearest = int(np.abs(axis.cuts - literal.threshold).argmin())
                here = full(axis.bins) & ~full(nearest + 1)
            row[k] = int(row[k]) & (here if literal.above else full(axis.bins) & ~here)
    return row if bool((row > 0).all()) else None


def _covering(
    held: NDArray[np.bool_], wanted: NDArray[np.bool_], most: int
) -> tuple[NDArray[np.int64], list[int]]:
    """Wanted rows that are left over, and which rules: each time the one with most new rows."""
    left, found = wanted.copy(), list[int]()
    while left.any() and len(found) < most and len(held):
        gain = held[:, left].sum(1)
        if gain.max() <= 0:
            break
        found.append(int(gain.argmax()))
        left &= ~held[found[-1]]
    return np.flatnonzero(left), found


def _odds_where(shares: Numbers, rows: NDArray[np.bool_], prior: Numbers) -> Numbers:
    """Log-odds ``[K]`` of the mean share over some rows, drawn to the prior by two rows' worth."""
    mean = (shares[rows].sum(0) + 2 * prior) / (rows.sum() + 2)
    odds = log_odds(mean[None])[0]
    return np.concatenate([[0.0], odds]) if len(mean) == 2 else odds


def _listed(held: NDArray[np.bool_], odds: Numbers, weight: Numbers, most: int) -> list[int]:
    """Candidates in the order of a list: each time the one that best parts the rows which are left."""
    left, found = np.ones(held.shape[1], dtype=bool), list[int]()
    for _ in range(most):
        sizes = (held[:, left] @ weight[left]).astype(np.float64)
        total = weight[left].sum()
        told = held[:, left] @ (weight[left, None] * (odds[left] - np.average(odds[left], 0, weight[left])))
        beside = np.maximum(total - sizes, 1e-9)
        gain = np.where(sizes > 0, (told**2).sum(1) / (sizes + 1) * total / beside, 0)
        gain[(held[:, left].sum(1) < 5) | (beside < 1e-6)] = 0
        best = int(gain.argmax()) if len(gain) else 0
        if not len(gain) or gain[best] <= 1e-6 * total:
            break
        found.append(best)
        left &= ~held[best]
        if left.sum() < 10:
            break
    return found


def _telling(grid: Grid, x: NDArray[np.float32], odds: Numbers) -> Grid:
    """The axes that say most about the first log-odds each on its own, where there are very many."""
    if len(grid.axes) <= COLUMNS:
        return grid
    bins, centred = grid.of(x), odds[:, 0] - odds[:, 0].mean()
    told = np.zeros(len(grid.axes))
    for k, axis in enumerate(grid.axes):
        sums = np.bincount(bins[:, k], weights=centred, minlength=axis.bins)
        counts = np.bincount(bins[:, k], minlength=axis.bins)
        told[k] = (sums**2 / (counts + 10)).sum()
    best = np.sort(np.argsort(-told, kind="stable")[:COLUMNS])
    return Grid(tuple(grid.axes[k] for k in best))
