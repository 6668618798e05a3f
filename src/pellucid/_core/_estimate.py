"""Values of parts from sampled coalitions: asked in rounds until they are precise enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid._core._game import Game
from pellucid.errors import InputError

LEAST, EACH = 512, 16  # rows of the network for each explained row where nobody sets a budget
Solve = Callable[[int, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Coalitions to ask, and how values come from the first of them.

    Args:
        masks: bool ``[K, n]``, without the empty and the full one.
        stops: numbers of masks after which values may be looked at, rising, the last is ``K``.
        solve: ``(k, worth [k, R], empty [R], full [R]) -> (values [V, R], standard errors [V, R])``.
        exact: whether all masks together leave nothing to chance.
    """

    masks: Tensor
    stops: tuple[int, ...]
    solve: Solve
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Values ``[N, *shape]`` and their standard errors, both ends ``[N]``, and words on how they were
    found."""

    values: Tensor
    stderr: Tensor
    empty: Tensor
    full: Tensor
    note: str


def budget_of(budget: int | None, game: Game, least: Callable[[int], int]) -> Callable[[int], int]:
    """How many coalitions a row of ``n`` parts may ask, both ends included.

    Raises:
        InputError: where that is fewer than the method needs.
    """

    def coalitions(n: int) -> int:
        allowed = max(LEAST, EACH * n) if budget is None else budget // game.cost
        needed = min(least(n), 2**n)
        if allowed < needed:
            raise InputError(
                f"{n} parts need a budget of at least {needed * game.cost} rows each, got {budget}. "
                "Raise budget=, or name fewer and larger parts with groups= or a spec."
            )
        return allowed

    for n in sorted(set(game.counts)):
        coalitions(n)
    return coalitions


def estimate(game: Game, plan: Callable[[int], Plan], precision: float | None) -> Estimate:
    """Play the plan for every row; with ``precision`` each row stops when it is reached.

    Rows with as many parts share the masks. A row is precise enough when its largest standard error is at
    most ``precision`` times the range of its values.
    """
    positive(precision)
    empty, full = game.ends()
    values, stderr = (torch.zeros_like(game.q.point, dtype=torch.float64) for _ in range(2))
    used: list[int] = []
    exact = True
    for rows, n in game.runs():
        if n == 1:
            found, error = (full - empty)[None, rows], torch.zeros(1, rows.stop - rows.start).double()
            used.append(2)
        else:
            made = plan(n)
            found, error, asked = played_out(game, made, rows, empty[rows], full[rows], precision)
            exact = exact and made.exact and min(asked) == len(made.masks)
            used.extend(k + 2 for k in asked)
        values[rows], stderr[rows] = game.spread(found, rows), game.spread(error, rows)
    return Estimate(values, stderr, empty, full, coalition_words(used, exact=exact))


def positive(precision: float | None) -> None:
    """Refuse a precision that nothing reaches.

    Raises:
        InputError: where it is not above 0.
    """
    if precision is not None and not precision > 0:
        raise InputError(f"precision must be above 0, a share of the range of the values; got {precision}.")


def coalition_words(used: list[int], *, exact: bool) -> str:
    """How many coalitions each row was asked."""
    low, high = min(used), max(used)
    how_many = f"{low}" if low == high else f"{low} to {high}"
    return (
        f"all {how_many} coalitions, nothing left to chance"
        if exact
        else f"{how_many} coalitions for each row"
    )


def played_out(
    game: Game, plan: Plan, rows: slice, empty: Tensor, full: Tensor, precision: float | None
) -> tuple[Tensor, Tensor, list[int]]:
    """Values ``[V, R]`` of some rows, their standard errors, and how many masks each row was asked."""
    count = rows.stop - rows.start
    worth = torch.empty(len(plan.masks), count, dtype=torch.float64)
    values = stderr = torch.empty(0)
    asked, open_rows, before = [0] * count, torch.ones(count, dtype=torch.bool), 0
    for stop in plan.stops if precision is not None else plan.stops[-1:]:
        for some in _stretches(open_rows):
            inside = slice(rows.start + some.start, rows.start + some.stop)
            worth[before:stop, some] = game.worth(plan.masks[before:stop], inside)
        index = open_rows.nonzero().flatten()
        found, error = plan.solve(stop, worth[:stop, index], empty[index], full[index])
        if not before:
            values, stderr = torch.empty_like(found), torch.empty_like(error)
        values[:, index], stderr[:, index] = found, error
        asked = [stop if is_open else k for k, is_open in zip(asked, open_rows.tolist(), strict=True)]
        before = stop
        if precision is not None:
            reach = values.amax(0) - values.amin(0)
            open_rows = open_rows & (stderr.amax(0) > precision * reach)
        if not bool(open_rows.any()):
            break
    return values, stderr, asked


def _stretches(marked: Tensor) -> Iterator[slice]:
    """Slices that cover the marked rows and no others."""
    first: int | None = None
    for row, on in enumerate([*marked.tolist(), False]):
        if on and first is None:
            first = row
        elif not on and first is not None:
            yield slice(first, row)
            first = None


def doubling(first: int, last: int) -> tuple[int, ...]:
    """``first``, half as much again each time, up to ``last``.

    Example:
        >>> doubling(10, 40)
        (10, 16, 24, 36, 40)
    """
    found = [min(first, last)]
    while found[-1] < last:
        found.append(min(last, 2 * ((3 * found[-1] + 3) // 4)))
    return tuple(found)
