"""How variants × rows are cut into pieces that fit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import MethodError

LARGE = 2**17  # numbers of one chunk on a processor: memory of larger ones is fetched anew for every layer
MATRICES = 2**19  # the same of vectors that go through matrices: reading these takes most of the time
LOOKED = 9 * 2**19  # numbers of the largest layer of a chunk, where what looking costs is paid once a chunk
EVEN = 5  # times the mean of all layers that the largest counts at least: where all are wide, fewer rows do
FEW, HUGE = 6, 2**20  # rows that go through together even so, unless they are huge


@dataclass(frozen=True, slots=True)
class Chunk:
    """Variants ``k0 … k1 - 1`` of rows ``r0 … r1 - 1``."""

    k0: int
    k1: int
    r0: int
    r1: int

    @property
    def size(self) -> int:
        """Rows that go through the network."""
        return (self.k1 - self.k0) * (self.r1 - self.r0)

    @property
    def ks(self) -> Tensor:
        """Which variants, int64."""
        return torch.arange(self.k0, self.k1)

    @property
    def rows(self) -> slice:
        """Which rows of the question."""
        return slice(self.r0, self.r1)

    def halves(self) -> list[Chunk]:
        """Two chunks of about half the size, in order: variants are parted before rows."""
        if self.k1 - self.k0 > 1:
            middle = (self.k0 + self.k1) // 2
            return [Chunk(self.k0, middle, self.r0, self.r1), Chunk(middle, self.k1, self.r0, self.r1)]
        middle = (self.r0 + self.r1) // 2
        return [Chunk(self.k0, self.k1, self.r0, middle), Chunk(self.k0, self.k1, middle, self.r1)]


def chunks(
    count: int, rows: int, size: int, *, begin: int = 0, first: int = 0, each: int | None = None
) -> list[Chunk]:
    """All variants of some rows, then of the next; none larger than ``size``.

    Variants go from ``begin`` to ``count``, rows begin at ``first``; ``each`` is how many rows go together at
    most, where that is less than ``size``: chunks of the same rows are then alike.

    Example:
        >>> [(c.k0, c.k1, c.r0, c.r1) for c in chunks(3, 2, 4)]
        [(0, 2, 0, 2), (2, 3, 0, 2)]
    """
    n = max(1, min(rows, size if each is None else each))
    c = max(1, size // n)
    if each is not None:
        # of nearly as many rows each, so that none is left over that is too small for boxes
        n = -(-rows // -(-rows // n)) if rows else n
        left = count - begin
        c = max(1, -(-left // max(1, -(-left // c))))
    return [
        Chunk(k, min(k + c, count), first + r, first + min(r + n, rows))
        for r in range(0, rows, n)
        for k in range(begin, count, c)
    ]


def at_once(most: int, inputs: Tensor, large: int = LARGE) -> int:
    """How many of these rows go through at once: ``most``, fewer of large ones where no accelerator is.

    ``large`` is how many numbers a chunk has there at most.

    Example:
        >>> at_once(128, torch.zeros(4, 10)), at_once(128, torch.zeros(4, 3, 224, 224))
        (128, 6)
    """
    if not inputs.is_cpu:
        return most
    size = max(1, inputs.numel() // max(1, inputs.shape[0]))
    return min(most, max(1, large // size, min(FEW, HUGE // size)))


def smaller(chunk: Chunk, error: Exception) -> int:
    """The size to go on with after memory ran out; raises where not even one row fits."""
    if chunk.size == 1:
        raise MethodError(f"Memory does not suffice for a single row: {error}") from error
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return max(part.size for part in chunk.halves())


def normal(ks: Tensor, like: Tensor, seed: int) -> Tensor:
    """Standard normal numbers ``[c, 1, *shape]`` like rows of a tensor, each draw from a seed of its own."""
    draws: list[Tensor] = []
    for k in ks.tolist():
        generator = torch.Generator().manual_seed(seed * 1_000_003 + int(k))
        draws.append(torch.randn(like.shape[1:], generator=generator, dtype=torch.float64))
    return torch.stack(draws)[:, None].to(like.device, like.dtype)


def middle(rows: slice, copies: int) -> slice:
    """The first of the rows in the copy in the middle."""
    at = copies // 2 * (rows.stop - rows.start)
    return slice(at, at + 1)
