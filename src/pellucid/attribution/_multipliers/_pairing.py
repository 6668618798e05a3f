"""What the passes at the reference and at the input share."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.attribution._operations import Slot
from pellucid.errors import MethodError


class RowsMixedError(MethodError):
    """A pass whose tensors do not keep the row axis first, so that rows and references cannot be crossed."""


class Pairing:
    """What the pass at the reference left at each operation that has a rule.

    Args:
        crossed: numbers of rows of the input's and of the reference's pass where every row meets every
            reference; ``None`` where they go pair by pair.
    """

    def __init__(self, crossed: tuple[int, int] | None = None) -> None:
        self.crossed = crossed
        self._names: list[str] = []
        self._slots: list[tuple[Slot, ...]] = []
        self._now: list[tuple[Tensor, ...]] | None = None
        self._choices: list[tuple[Slot, ...]] = []

    def add(self, name: str, slots: tuple[Slot, ...]) -> None:
        """What the pass at the reference saw at its next operation."""
        self._names.append(name)
        self._slots.append(slots)

    def meet(self, index: int, name: str, seen: tuple[Tensor, ...]) -> None:
        """Raise where the pass at the input does another thing than the one at the reference."""
        if index >= len(self._names) or self._names[index] != name:
            raise MethodError(
                f"The network takes another way for the reference than for the input (at {name!r}), "
                "so that operations cannot be compared."
            )
        for x, slot in zip(seen, self._slots[index], strict=False):
            here, there = x.shape, slot.now.shape
            if self.crossed is None:
                fits = here == there
            else:
                n, b = self.crossed
                fits = len(here) > 0 and here[0] == n and there == (b, *here[1:])
            if not fits:
                raise RowsMixedError(
                    f"{name!r} saw {list(here)} at the input and {list(there)} at the reference."
                )

    def choose(self, slots: tuple[Slot, ...]) -> None:
        """What steered an operation in the pass at the reference."""
        self._choices.append(slots)

    def chose_alike(self, index: int, chosen: tuple[Tensor, ...]) -> bool:
        """Whether the same steers it in the pass at the input."""
        if index >= len(self._choices) or len(self._choices[index]) != len(chosen):
            return False
        return all(_alike(t, slot.now) for t, slot in zip(chosen, self._choices[index], strict=True))

    def at(self, index: int) -> tuple[Tensor, ...]:
        """The reference's tensors at an operation."""
        if self._now is not None:
            return self._now[index]
        return tuple(slot.now for slot in self._slots[index])

    def whole(self, output: Tensor) -> None:
        """Raise unless the output of the reference's pass keeps the row axis first."""
        if self.crossed is not None and (output.ndim == 0 or len(output) != self.crossed[1]):
            raise RowsMixedError(f"The output {list(output.shape)} does not keep the row axis first.")

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
