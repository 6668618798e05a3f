"""Which few of many candidate rules together say most, by weighted least squares on log-odds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.networks._rules._directions import Signs, signs_of
from pellucid.networks._rules._grid import Bins, Grid, Masks, Numbers, fires
from pellucid.networks._rules._pool import ENOUGH, FEWEST, neighbours

# rows of average weight that each rule is drawn to nothing by: keeps those that hold in a handful from being
# taken for their chance; with few rows more so (German credit .779 and .782, heart .907 and .910, on 20 folds
# that the benchmark does not use)
RIDGE_FEW, RIDGE_MANY = 20.0, 5.0
BETTER = 1.0005  # times the gain from which a change counts as one
Floats = NDArray[np.float32]


class Fit:
    """Rules as columns of a least-squares problem: rows weighted, the constant always in.

    Args:
        odds: ``[N, K]`` what the rules should add up to.
        weight: ``[N]`` of the rows.
    """

    def __init__(self, odds: Numbers, weight: Numbers) -> None:
        self.root = np.sqrt(weight).astype(np.float32)
        self.ridge = (RIDGE_FEW if len(weight) < ENOUGH else RIDGE_MANY) * float(weight.mean())
        self.target = (odds * self.root[:, None]).astype(np.float32)

    def column(self, held: NDArray[np.bool_]) -> Floats:
        """Weighted columns ``[M, N]`` of rules that hold where they do."""
        return held * self.root

    def gains(
        self, columns: Floats, beside: Floats, signs: Signs | None = None, taken: Signs | None = None
    ) -> Floats:
        """By how much each of ``columns`` ``[M, N]`` lowers the squared error beside those already chosen.

        Args:
            columns: to judge.
            beside: already chosen.
            signs: that the weights of ``columns`` may have (of two classes); one against it gains nothing.
            taken: the same of ``beside``, weights of which are then the best that have their signs.
        """
        if taken is not None and taken.any():
            beside = beside[self._acting(beside, taken)]
        basis, _ = np.linalg.qr(np.concatenate([self.root[None], beside]).T)
        left = self.target - basis @ (basis.T @ self.target)
        own = (columns**2).sum(1)
        free = own - ((columns @ basis) ** 2).sum(1)
        goes = columns @ left
        told = (goes**2).sum(1)
        if signs is not None:
            told[goes[:, 0] * signs < 0] = 0
        return np.where(free > 1e-4 * own + 1e-9, told / (np.maximum(free, 0) + self.ridge), 0).astype(
            np.float32
        )

    def _acting(self, columns: Floats, signs: Signs) -> NDArray[np.int64]:
        """Which columns have a weight other than 0 in the best sum whose weights have these signs."""
        from scipy.optimize import lsq_linear

        taken = np.concatenate([self.root[None], columns])
        squares = (taken @ taken.T).astype(np.float64)
        squares += 1e-7 * np.eye(len(squares)) * squares.max()
        shape = np.linalg.cholesky(squares).T  # the same problem with as many rows as columns
        aimed = np.linalg.solve(shape.T, (taken @ self.target[:, 0]).astype(np.float64))
        either = np.concatenate([[0], signs])
        if (np.linalg.lstsq(shape, aimed, rcond=None)[0] * either >= 0).all():
            return np.arange(len(columns))
        ends = np.where(either > 0, 0.0, -np.inf), np.where(either < 0, 0.0, np.inf)
        found = lsq_linear(shape, aimed, ends, method="bvls")
        return np.flatnonzero(found.active_mask[1:] == 0)


def favour(conditions: NDArray[np.int64], longer: float) -> Floats:
    """What the gain of a rule counts; one of c conditions must gain ``1 + longer (c - 1)`` times as much."""
    return (1 / (1 + longer * (conditions - 1))).astype(np.float32)


def chosen(
    fit: Fit,
    columns: Floats,
    most: int,
    counts: Floats,
    *,
    swaps: int = 4,
    signs: Signs | None = None,
) -> list[int]:
    """Indices of at most ``most`` columns: the best beside those chosen, again and again; then each is
    exchanged for a better one while that helps. ``counts`` ``[M]`` is what the gain of each counts, ``signs``
    ``[M]`` are those that weights may have."""
    signs = np.zeros(len(columns), dtype=np.int8) if signs is None else signs
    found: list[int] = []
    while len(found) < most:
        gain = fit.gains(columns, columns[found], signs, signs[found]) * counts
        gain[found] = 0
        best = int(gain.argmax()) if len(gain) else 0
        if not len(gain) or gain[best] <= 1e-6:
            break
        found.append(best)
    return exchanged(fit, columns, found, counts, swaps=swaps, signs=signs)


def exchanged(
    fit: Fit, columns: Floats, found: Sequence[int], counts: Floats, *, swaps: int, signs: Signs
) -> list[int]:
    """The same with each column exchanged for the best in its place, while that helps."""
    found = list(found)
    for _ in range(swaps):
        before = list(found)
        for k in range(len(found)):
            rest = found[:k] + found[k + 1 :]
            gain = fit.gains(columns, columns[rest], signs, signs[rest]) * counts
            gain[rest] = 0
            best = int(gain.argmax())
            if gain[best] > gain[found[k]] * BETTER:
                found[k] = best
        if found == before:
            break
    return found


def refined(
    grid: Grid, fit: Fit, masks: Masks, bins: Bins, most: int, *, longer: float, sweeps: int
) -> Masks:
    """Each rule in turn moved to its best neighbour (one condition changed) while that lowers the error."""
    masks, whole = masks.copy(), grid.full
    columns, signs = fit.column(fires(masks, bins, whole)), signs_of(grid, masks)[0]
    for _ in range(sweeps):
        moved = False
        for k in range(len(masks)):
            near = np.stack([masks[k], *neighbours(grid, masks[k])])
            counted, (may, agree) = grid.conditions(near), signs_of(grid, near)
            short = (counted > 0) & (counted <= most) & agree
            near, may, counts = near[short], may[short], favour(counted[short], longer)
            held = fires(near, bins, whole)
            inside = held.sum(1)
            some = (inside >= FEWEST) & (inside <= len(bins) - FEWEST)
            some[0] = True
            others = np.delete(columns, k, 0), may, np.delete(signs, k)
            gain = fit.gains(fit.column(held), *others) * counts * some
            best = int(gain.argmax())
            if gain[best] > gain[0] * BETTER:
                masks[k], columns[k], signs[k] = near[best], fit.column(held[best]), may[best]
                moved = True
        if not moved:
            break
    return masks
