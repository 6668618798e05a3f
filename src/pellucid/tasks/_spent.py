"""What work spends on a network, counted while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


class Spent(NamedTuple):
    """Rows through a network and back, and seconds."""

    forward: int
    backward: int
    seconds: float


def counted(model: nn.Module, work: Callable[[], object], *others: nn.Module, back: bool = False) -> Spent:
    """What work spends on a network (or another), and on copies made meanwhile.

    With ``back`` rows that go back from the output are counted too. Who listens to an output may make a
    network be asked in another way, which takes some rows more.
    """
    forward, backward = [0], [0]

    def rows_of(given: tuple[object, ...]) -> int:
        return len(given[0]) if given and isinstance(given[0], Tensor) else 0

    def enter(_: nn.Module, given: tuple[object, ...]) -> None:
        forward[0] += rows_of(given)

    def leave(_: nn.Module, given: tuple[object, ...], output: object) -> None:
        rows = rows_of(given)

        def came(_: Tensor) -> None:
            backward[0] += rows

        # one of several outputs: a way back counts once
        for each in tree_leaves(output):
            if isinstance(each, Tensor) and each.requires_grad:
                each.register_hook(came)
                break

    networks = {model, *others}
    handles = [each.register_forward_pre_hook(enter) for each in networks]
    handles += [each.register_forward_hook(leave) for each in networks if back]
    began = time.perf_counter()
    try:
        work()
    finally:
        for handle in handles:
            handle.remove()
    return Spent(forward[0], backward[0], time.perf_counter() - began)
