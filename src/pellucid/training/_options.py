"""The arguments of a training, looked at before it starts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from pellucid._core import Json
from pellucid.errors import InputError, near_misses

# learning rate, weight decay: what trained small networks well and fast in benchmarks/training.py
OPTIMIZERS = MappingProxyType({"adamw": (1e-3, 1e-2), "sgd": (2e-2, 5e-4)})
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments that shape a training's numbers."""

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    momentum: float
    weight_decay: float
    patience: int | None
    seed: int
    schedule: str = "constant"

    def rate_at(self, done: float) -> float:
        """The learning rate of a step when a share ``done`` of all steps is behind it."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2

    def to_json(self) -> dict[str, Json]:
        """By name."""
        named = dataclasses.asdict(self)
        if self.schedule == "constant":  # as it was before there were others: older checkpoints go on
            del named["schedule"]
        return named

    def make_optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimizer over the given parameters."""
        rate, decay = self.learning_rate, self.weight_decay
        if self.optimizer == "sgd":
            return torch.optim.SGD(parameters, lr=rate, momentum=self.momentum, weight_decay=decay)
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)


def checked_options(
    epochs: int,
    batch_size: int,
    optimizer: str,
    learning_rate: float | None,
    momentum: float,
    weight_decay: float | None,
    patience: int | None,
    seed: int,
    schedule: str = "constant",
) -> Options:
    """Options, with the optimizer's own values for ``None``; :class:`InputError` if they cannot be."""
    if optimizer not in OPTIMIZERS:
        raise InputError(f"No optimizer is called {optimizer!r}. {near_misses(optimizer, OPTIMIZERS)}")
    if schedule not in SCHEDULES:
        raise InputError(f"No schedule is called {schedule!r}. {near_misses(schedule, SCHEDULES)}")
    own_rate, own_decay = OPTIMIZERS[optimizer]
    rate = own_rate if learning_rate is None else learning_rate
    decay = own_decay if weight_decay is None else weight_decay
    for name, number in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if number is not None and number < 1:
            raise InputError(f"{name} must be at least 1, got {number}.")
    if not (rate > 0 and math.isfinite(rate)):
        raise InputError(f"learning_rate must be a number above 0, got {rate}.")
    if not 0 <= momentum < 1:
        raise InputError(f"momentum must be from 0 up to below 1, got {momentum}.")
    if not (decay >= 0 and math.isfinite(decay)):
        raise InputError(f"weight_decay must be 0 or above, got {decay}.")
    return Options(epochs, batch_size, optimizer, rate, momentum, decay, patience, seed, schedule)
