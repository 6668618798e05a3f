"""Tensors that a rule needs later, safe from what the network writes into them before."""

from __future__ import annotations

from torch import Tensor


class Slot:
    """One tensor as it was when it was kept."""

    __slots__ = ("now",)

    def __init__(self, tensor: Tensor) -> None:
        self.now = tensor


class Kept:
    """Keeps tensors without copying them; a copy is made only where one is about to be overwritten."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Slot]] = {}

    def __call__(self, tensor: Tensor) -> Slot:
        """Keep a tensor as it is now."""
        slot = Slot(tensor.detach())
        self._slots.setdefault(tensor.untyped_storage().data_ptr(), []).append(slot)
        return slot

    def before_writing(self, tensor: Tensor) -> None:
        """Give everything that shares memory with ``tensor`` a memory of its own."""
        for slot in self._slots.pop(tensor.untyped_storage().data_ptr(), ()):
            slot.now = slot.now.clone()
