"""What an input means: the promises every kind of input keeps, and how several inputs travel together."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pellucid._core._brief import brief
from pellucid.errors import InputError


class InputSpec(ABC):
    """What one input means to a person. Final: ``ImageSpec``, ``TabularSpec``, ``TextSpec``, ``AudioSpec``.

    A spec never changes a network's input by itself; it says how to read it, which of its parts can be
    taken away, and what stands in their place.
    """

    @property
    def reads(self) -> str:
        """What a network with such inputs reads, in words: ``"pictures"``."""
        return "inputs"

    @property
    @abstractmethod
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of one input, without the row axis: ``("C", "H", "W")``, ``("D",)``."""

    @abstractmethod
    def check(self, x: Tensor) -> None:
        """Raise :class:`InputError` unless ``x`` [N, *shape] is what this spec describes."""

    @abstractmethod
    def groups(self, x: Tensor) -> Tensor:
        """Number of the removable part that each element belongs to: int64 ``[*shape]``, or ``[N, *shape]``
        where parts differ by row (superpixels, words). Numbers run from 0 without holes; -1 is held, which
        means never taken away (padding)."""

    @abstractmethod
    def absent(self, x: Tensor) -> Tensor:
        """``x`` with every part taken away: a tensor of the shape of ``x``."""

    @property
    def absent_as(self) -> str:
        """What :meth:`absent` puts in the place of a part taken away, in words; empty where nobody says."""
        return ""

    @abstractmethod
    def group_names(self, x: Tensor) -> tuple[str, ...]:
        """What a person calls each part, in the order of :meth:`groups`."""

    def companions(self, x: Tensor) -> tuple[str, Mapping[str, Tensor]]:
        """The name that the network gives ``x``, empty for its first argument, and named tensors ``[N, …]``
        that it wants beside it, made from ``x`` (an attention mask)."""
        return "", {}


def is_finite(x: Tensor) -> bool:
    """Whether no element is NaN or infinite.

    Example:
        >>> is_finite(torch.tensor([1.0, float("nan")]))
        False
    """
    # a sum is finite only if every element is, and much faster to take; it may overflow, so then look closer
    return not x.is_floating_point() or math.isfinite(x.sum().item()) or bool(torch.isfinite(x).all())


def finite(x: Tensor, what: str) -> None:
    """Raise :class:`InputError` where a floating tensor has NaN or infinite elements, saying where."""
    if is_finite(x):
        return
    rows = (~torch.isfinite(x)).flatten(1).any(1).nonzero().flatten().tolist() if x.ndim > 1 else []
    where = f" in row {rows[0]}" + (f" and {len(rows) - 1} more" if len(rows) > 1 else "") if rows else ""
    raise InputError(
        f"{what}: expected finite numbers, got NaN or infinity{where}. Clean or impute them first."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Several named inputs of one network, given to it as keyword arguments.

    Args:
        varied: the inputs that are explained, each ``[N, …]``; values come back under the same names.
        held: tensors ``[N, …]`` that go along row by row and are not explained (masks, lengths).
        shared: anything the network needs that does not belong to a row.

    Raises:
        InputError: if nothing is varied, names collide, or row counts differ.

    Example:
        >>> batch = Batch({"numbers": torch.zeros(4, 3)}, held={"mask": torch.ones(4, 2)})
        >>> batch.rows
        4
    """

    varied: Mapping[str, Tensor]
    held: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    shared: Mapping[str, object] = field(default_factory=dict[str, object])

    __repr__ = brief

    def __post_init__(self) -> None:
        """Refuse parts that cannot be one batch."""
        if not self.varied:
            raise InputError("A Batch needs at least one varied input, got none.")
        names = [*self.varied, *self.held, *self.shared]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"Each input of a Batch has one role; named twice: {', '.join(twice)}.")
        counts = {name: len(part) for name, part in {**self.varied, **self.held}.items()}
        if len(set(counts.values())) > 1:
            raise InputError(f"All parts of a Batch need the same number of rows, got {counts}.")

    @property
    def rows(self) -> int:
        """Number of rows N."""
        return len(next(iter(self.varied.values())))
