"""Variants that differ from their row inside a box each, which is known before they are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid._core._boxed import Places, by_place, fitted, inside, taken


@dataclass(frozen=True, eq=False)
class Nearby(ABC):
    """Variants that hold elements of each row, and elements that stand in for others: what a method gives to
    :meth:`Question.scores`.

    Args:
        point: rows with everything there ``[N, *shape]``.
        fill: rows with nothing there ``[N, *shape]``.
    """

    point: Tensor
    fill: Tensor

    @abstractmethod
    def ends(self, ks: Tensor) -> tuple[Places, Places]:
        """First index that a variant takes away along each axis of the map, and the index behind its last,
        int64 ``[c, axes]`` each; that is 0 where it takes nothing."""

    @abstractmethod
    def kept(self, ks: Tensor, corner: Places, size: Sequence[int]) -> Tensor:
        """Which elements are those of the row, bool ``[c, 1, 1 or C, *size]``, in boxes of the map that begin
        at ``corner`` ``[c, axes]``."""

    def __call__(self, ks: Tensor, rows: slice) -> Tensor:
        """The variants as any other: ``[c, n, *shape]``."""
        size = self.point.shape[2:]
        there = self.kept(ks, np.zeros((len(ks), len(size)), np.int64), size)
        return torch.where(there, self.point[rows], self.fill[rows])

    def boxes(self, ks: Tensor) -> tuple[Places, list[int]]:
        """Where boxes of one size begin that hold all that is taken away, int64 ``[c, axes]``, and their
        sides."""
        return fitted(*self.ends(ks), self.point.shape[2:])

    def crops(self, ks: Tensor, rows: slice, corner: Places, size: Sequence[int]) -> Tensor:
        """The variants there, ``[c * n, C, *size]``, channels last in memory."""
        point, fill = self.point[rows], self.fill[rows]
        kept = self.kept(ks, corner, size)
        index = inside(corner, size, point.shape[2:], len(point), len(ks) * len(point))
        if kept.shape[2] == 1:
            # what stands in for a place lies as far behind it as all of the rows are long
            behind = np.where(kept[:, 0].numpy(), 0, point.numel() // point.shape[1])
            index = (index.reshape(len(ks), -1, *size) + behind).reshape(-1, *size)
            return taken(torch.cat([by_place(point), by_place(fill)]), index)
        present, absent = (
            taken(by_place(tensor), index).unflatten(0, (len(ks), -1)) for tensor in (point, fill)
        )
        return torch.where(kept, present, absent).flatten(0, 1)
