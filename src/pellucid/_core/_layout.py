"""Whether rows of pictures go through a network with their channels last in memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pellucid._core._beside import step_by_step
from pellucid._core._composed import composed
from pellucid._core._pool import MaxPool2d

FEW = 6  # rows that must go together
MUCH = 2**15  # numbers from which on one more row, to compare, costs little
# numbers that weights of convolutions may have for each number of the rows: every pass lays them anew too
HEAVY = 32
# whose results nobody can write into, and which nobody can ask how they lie in memory
KNOWN = frozenset(
    {nn.Sequential, nn.Identity, nn.Flatten, nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm, nn.MaxPool2d}
    | {
        MaxPool2d,
        nn.AvgPool2d,
        nn.AdaptiveAvgPool2d,
        nn.AdaptiveMaxPool2d,
        nn.Dropout,
        nn.Dropout2d,
        nn.ReLU,
        nn.ReLU6,
    }
    | {nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softmax, nn.LogSoftmax}
)


class Layout:
    """The decision for one question; it is withdrawn where a network does not bear it.

    Processors pass convolutions, poolings and norms faster where the channels of a place lie together;
    nothing but rounding changes. A network with a forward of its own may ask how its input lies (a view that
    cannot be had then raises; a write into a view that has become a copy is lost). Unless it only calls its
    parts and adds up what they give, two rows therefore go through ahead of the first such pass, and one of
    them is compared with a plain pass of it.

    Args:
        checked: whether it is known to be such a network.
    """

    __slots__ = ("_weights", "checked", "known", "open", "used")

    def __init__(self, *, checked: bool = False) -> None:
        self.open: bool | None = None
        self.checked: bool = checked
        self.known: bool = checked  # what the network does with its rows
        self.used: bool = False  # since somebody put it to False
        self._weights: int | None = None

    def pays(self, modules: Iterable[nn.Module], parameters: Iterable[Tensor], points: Tensor) -> bool:
        """Whether these points should lie so."""
        if self.open is False or points.ndim != 4 or points.shape[0] < FEW:
            return False
        if self._weights is None:
            self._weights = sum(p.numel() for p in parameters if p.ndim == 4)
        if not 0 < self._weights <= HEAVY * points.numel():
            return False
        if self.open is None:
            self.known = self.checked = self.checked or composed(modules, KNOWN)
            self.open = step_by_step(modules, points)
        return self.open and (self.checked or points.numel() >= MUCH)

    @contextmanager
    def kept_by_flatten(self, modules: Iterable[nn.Module]) -> Generator[None]:
        """Inside a pass of rows that lie so, slopes will come back out of every ``Flatten`` lying so too.

        They would come in plain order, and a max-pooling before it would copy all that it holds: a fifth more
        memory, and up to a tenth more time.
        """
        flat = [module for module in modules if isinstance(module, nn.Flatten)] if self.used else []
        hooks = [module.register_forward_pre_hook(_kept) for module in flat]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def _kept(_: nn.Module, given: tuple[object, ...]) -> None:
    x = given[0] if given else None
    if (
        isinstance(x, Tensor)
        and x.ndim == 4
        and x.requires_grad
        and x.is_contiguous(memory_format=torch.channels_last)
    ):
        x.register_hook(lambda slope: slope.contiguous(memory_format=torch.channels_last))


def channelwise(modules: Iterable[nn.Module]) -> bool:
    """Whether some convolution takes channels one by one."""
    return any(isinstance(module, nn.Conv2d) and module.groups > 1 for module in modules)
