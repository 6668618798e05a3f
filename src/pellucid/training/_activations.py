"""What each layer puts out, summed up while batches pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pellucid._core._site import ROOT, Site

# beyond this, an output counts as active; GELU and SiLU come near zero without reaching it
_ACTIVE_BEYOND: MappingProxyType[type[nn.Module], float] = MappingProxyType(
    {nn.ReLU: 0.0, nn.ReLU6: 0.0, nn.GELU: 0.01, nn.SiLU: 0.01}
)
_DEAD_BELOW = 0.01
_TANH_END = 0.97
_SIGMOID_ENDS = (0.03, 0.97)
_SHAPED = (*_ACTIVE_BEYOND, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.ELU, nn.SELU, nn.PReLU, nn.Softplus)


@dataclass(frozen=True, slots=True)
class Activity:
    """What one layer put out; see :class:`~pellucid.training.LayerHealth` for the numbers."""

    mean: float | None
    sd: float | None
    dead: float | None
    saturated: float | None
    rows: int


@dataclass(slots=True)
class _Sums:
    """Running sums of one site, left on the device until they are read."""

    total: list[Tensor] = field(default_factory=list[Tensor])
    norm: list[Tensor] = field(default_factory=list[Tensor])
    saturated: list[Tensor] = field(default_factory=list[Tensor])
    active: Tensor | None = None
    count: int = 0
    rows: int = 0

    def add(self, module: nn.Module, output: Tensor) -> None:
        values = output.float() if output.dtype in (torch.float16, torch.bfloat16) else output
        # sum and norm: torch.var_mean takes 40 times as long on a processor
        self.total.append(values.sum())
        self.norm.append(torch.linalg.vector_norm(values))
        self.count += values.numel()
        self.rows += len(values)
        beyond = _ACTIVE_BEYOND.get(type(module))
        if beyond is not None:
            active = (_peak(values if beyond == 0 else values.abs()) > beyond).sum(0)
            self.active = active if self.active is None else self.active + active
        outside = _saturated(module, values)
        if outside is not None:
            self.saturated.append(outside)

    def read(self) -> Activity:
        mean = sum(part.item() for part in self.total) / self.count
        square = sum(part.item() ** 2 for part in self.norm) / self.count
        dead = None
        if self.active is not None:
            dead = (self.active < _DEAD_BELOW * self.rows).sum().item() / len(self.active)
        saturated = sum(part.item() for part in self.saturated) / self.count if self.saturated else None
        return Activity(mean, math.sqrt(max(0.0, square - mean * mean)), dead, saturated, self.rows)


def _peak(values: Tensor) -> Tensor:
    """Largest value of each unit in each row: units are axis 1, but the last axis of ``[N, T, U]``."""
    if values.ndim >= 4:
        return values.flatten(2).amax(2)
    if values.ndim == 3:
        return values.amax(1)
    return values.reshape(len(values), -1)


def _saturated(module: nn.Module, values: Tensor) -> Tensor | None:
    if isinstance(module, nn.Tanh):
        return (values.abs() > _TANH_END).sum()
    if isinstance(module, nn.Sigmoid):
        low, high = _SIGMOID_ENDS
        return (values < low).sum() + (values > high).sum()
    return None


class Activations:
    """Takes what every learned layer and every activation puts out, while ``on`` and attached.

    With ``training_only`` passes in evaluation mode are left out.
    """

    def __init__(self, model: nn.Module, *, training_only: bool = False) -> None:
        self.on = False
        self._training_only = training_only
        self._model = model
        self._layers = [
            (name or ROOT, module)
            for name, module in model.named_modules()
            if isinstance(module, _SHAPED) or next(module.parameters(recurse=False), None) is not None
        ]
        self._sums: dict[tuple[str, int], _Sums] = {}
        self._calls: dict[str, int] = {}

    @contextmanager
    def attached(self) -> Generator[None]:
        """Hooks live inside only."""
        handles = [self._model.register_forward_pre_hook(self._new_pass)]
        try:
            for name, module in self._layers:
                handles.append(module.register_forward_hook(self._hook(name)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    @property
    def rows(self) -> int:
        """Rows seen since the last reading."""
        return max((sums.rows for sums in self._sums.values()), default=0)

    def read(self) -> dict[str, Activity]:
        """Activities by site, in the order of the pass; starts anew."""
        repeated = {name for name, call in self._sums if call}
        found = {
            str(Site(name, call=call if name in repeated else None)): sums.read()
            for (name, call), sums in self._sums.items()
        }
        self._sums = {}
        return found

    def _new_pass(self, *_: object) -> None:
        self._calls = {}

    def _hook(self, name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, _: object, output: object) -> None:
            values = output[0] if isinstance(output, tuple) and output else output
            if not self.on or not isinstance(values, Tensor):
                return
            if self._training_only and not self._model.training:
                return
            if not values.is_floating_point() or not values.ndim or not values.numel():
                return
            call = self._calls.get(name, 0)
            self._calls[name] = call + 1
            key = (name, call)
            if key not in self._sums:
                self._sums[key] = _Sums()
            self._sums[key].add(module, values.detach())

        return hook
