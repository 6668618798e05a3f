"""Directions: columns of which more can only raise, or only lower, the answer.

A conjunction whose conditions on such columns all ask for what raises the answer (``c > t`` where more
raises it, ``c <= t`` where more lowers it) can only begin to hold on the way up. With a weight of at least 0
it keeps every direction, whatever its other conditions are; mirrored with one of at most 0. A sum of such
rules keeps them too, for all rows there could be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.inputs import TabularSpec
from pellucid.networks._rules._grid import Grid, Masks, full

Signs = NDArray[np.int8]  # [rules]: 1 and -1 where a weight has to be at least or at most 0, else 0


def refuse_unless_kept(spec: TabularSpec, classes: int, *, ordered: bool) -> None:
    """Refuse directions where rules could not keep them.

    Raises:
        InputError: for more than two classes, and for lists.
    """
    names = ", ".join(column.name for column in spec.columns if column.monotone)
    if names and classes > 2:
        raise InputError(
            f"monotone: {names} should only raise or lower the answer, but there are {classes} classes "
            "without an order. Directions need two classes."
        )
    if names and ordered:
        raise InputError(
            f"monotone: a list keeps no direction of {names}, since a rule that comes to hold takes the "
            "answer away from all below it. Take rules that add up (leave out --ordered, in Python "
            "ordered=True), which keep it everywhere."
        )


def signs_of(grid: Grid, masks: Masks) -> tuple[Signs, NDArray[np.bool_]]:
    """The sign that the weight of each rule may have, and whether its conditions agree on one."""
    up, down = np.zeros((2, len(masks)), dtype=bool)
    for k, axis in enumerate(grid.axes):
        if axis.direction:
            above = masks[:, k] & np.uint64(1) == 0
            below = masks[:, k] >> np.uint64(axis.bins - 1) & np.uint64(1) == 0
            up |= above if axis.direction > 0 else below
            down |= below if axis.direction > 0 else above
    return up.astype(np.int8) - down.astype(np.int8), ~(up & down)


def one_way(grid: Grid, masks: Masks) -> Masks:
    """The same rules; one that asks for both ways comes twice, each time with the conditions of one way."""
    agree = signs_of(grid, masks)[1]
    return np.concatenate([masks[agree], *(_only(grid, masks[~agree], sign) for sign in (1, -1))])


def _only(grid: Grid, masks: Masks, sign: int) -> Masks:
    masks = masks.copy()
    for k, axis in enumerate(grid.axes):
        if axis.direction:
            high = axis.direction * sign > 0  # what is asked for are high numbers
            ends = [full(axis.bins) & ~(int(m & -m) - 1) if high else full(int(m).bit_length())
                    for m in masks[:, k].tolist()]  # fmt: skip
            masks[:, k] = np.array(ends, dtype=np.uint64)
    return masks
