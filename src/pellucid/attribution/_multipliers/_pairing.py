"""What the passes at the reference and at the input share."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.attribution._operations import Slot
from pellucid.errors import MethodError


class RowsMixedError(MethodError):
    """A pass whose tensors do not keep the row axis first, so that rows and references cannot be crossed."""


# an operation's name, and the tensors without a slope that say what it does
Steered = tuple[str, tuple[Slot, ...]]


class Pairing:
    """What the passes at the reference and at the input showed at each operation that has a rule.

    Args:
        rows: number of rows of the input's pass where every row meets every reference; ``None`` where they
            go pair by pair.
        once: whether one reference stands for all rows, and is spread over them before it is asked about.
    """

    def __init__(self, rows: int | None = None, *, once: bool = False) -> None:
        self.rows, self.references, self.once = rows, 1 if once else rows, once
        self._seen: list[tuple[str, tuple[torch.Size, ...]]] = []
        self._names: list[str] = []
        self._slots: list[tuple[Slot, ...]] = []
        self._now: list[tuple[Tensor, ...]] | None = None
        self._steered: tuple[list[Steered], list[Steered]] = ([], [])

    def again(self, references: int) -> None:
        """Forget the pass at the reference; another one comes, of so many rows."""
        self.references, self._names, self._slots, self._now = references, [], [], None
        self._steered[1].clear()

    def add(self, name: str, slots: tuple[Slot, ...]) -> None:
        """What the pass at the reference saw at its next operation."""
        self._names.append(name)
        self._slots.append(slots)

    def saw(self, name: str, seen: tuple[Tensor, ...]) -> int:
        """What the pass at the input saw at its next operation; gives that operation's number."""
        self._seen.append((name, tuple(t.shape for t in seen)))
        return len(self._seen) - 1

    def compare(self) -> None:
        """Raise where the pass at the input did another thing than the one at the reference."""
        here = [name for name, _ in self._seen]
        if here != self._names:
            known = [a == b for a, b in zip(here, self._names, strict=False)]
            at = (*here, *self._names)[known.index(False)] if False in known else (here + self._names)[-1]
            raise MethodError(
                f"The network takes another way for the reference than for the input (at {at!r}), "
                "so that operations cannot be compared."
            )
        for (name, shapes), slots in zip(self._seen, self._slots, strict=True):
            for shape, slot in zip(shapes, slots, strict=False):
                there = slot.now.shape
                if not self._fits(shape, there):
                    raise RowsMixedError(
                        f"{name!r} saw {list(shape)} at the input and {list(there)} at the reference."
                    )

    def choose(self, name: str, slots: tuple[Slot, ...], *, there: bool) -> None:
        """What steered an operation in the pass at the reference, or in the one at the input."""
        self._steered[there].append((name, slots))

    @property
    def torn(self) -> set[str]:
        """Operations that the input steered otherwise than the reference did."""
        here, there = self._steered
        found = {name for name, _ in [*here, *there]} if len(here) != len(there) else set[str]()
        for (name, slots), (_, others) in zip(here, there, strict=False):
            same = len(slots) == len(others)
            if not same or not all(_alike(a.now, b.now) for a, b in zip(slots, others, strict=True)):
                found.add(name)
        return found

    def _fits(self, here: torch.Size, there: torch.Size) -> bool:
        if self.rows is None:
            return here == there
        if self.once and here == there:
            return True
        return len(here) > 0 and here[0] == self.rows and there == (self.references, *here[1:])

    def whole(self, output: Tensor, rows: int) -> None:
        """Raise unless an output keeps the row axis first."""
        if output.ndim == 0 or len(output) != rows:
            raise RowsMixedError(f"The output {list(output.shape)} does not keep the row axis first.")

    def at(self, index: int) -> tuple[Tensor, ...]:
        """The reference's tensors at an operation."""
        if self._now is not None:
            return self._now[index]
        return tuple(slot.now for slot in self._slots[index])

    def all(self) -> list[Tensor]:
        """Every tensor that was kept, in order."""
        return [slot.now for slots in self._slots for slot in slots]

    def put(self, tensors: tuple[Tensor, ...]) -> None:
        """Let the rules see these instead, in the order of :meth:`all`."""
        waiting = iter(tensors)
        self._now = [tuple(next(waiting) for _ in slots) for slots in self._slots]


def _alike(here: Tensor, there: Tensor) -> bool:
    """Whether rows and references hold the same, whichever of them meet."""
    if here.shape == there.shape:
        return torch.equal(here, there)
    if here.shape[1:] != there.shape[1:] or not len(here) or not len(there):
        return False
    return bool((here == there[:1]).all()) and bool((there == there[:1]).all())
