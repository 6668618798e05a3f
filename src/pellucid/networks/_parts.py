"""Activations and initialisations by name; sizes that can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Generator, nn

from pellucid.errors import InputError, near_misses

ACTIVATIONS: MappingProxyType[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
    }
)
INITIALISATIONS = ("kaiming", "xavier", "lecun", "orthogonal")

# GELU and SiLU pass about half of the signal's power, as ReLU does
_GAINS = MappingProxyType(
    {
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
        "gelu": math.sqrt(2),
        "silu": math.sqrt(2),
        "linear": 1.0,
    }
)


def activation_module(name: str) -> nn.Module:
    """A fresh module of the activation called ``name``; :class:`InputError` with near misses otherwise."""
    if name not in ACTIVATIONS:
        raise InputError(f"No activation is called {name!r}. {near_misses(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def initialise(
    layer: nn.Linear | nn.Conv1d | nn.Conv2d, how: str, follows: str, generator: Generator
) -> None:
    """Fill weights as ``how`` says for the activation that follows (``"linear"``: none); biases are zero."""
    gain, weight = _GAINS[follows], layer.weight
    fan_in = weight[0].numel()
    if how == "kaiming":
        nn.init.normal_(weight, 0.0, gain / math.sqrt(fan_in), generator=generator)
    elif how == "xavier":
        nn.init.xavier_uniform_(weight, gain, generator=generator)
    elif how == "lecun":
        nn.init.normal_(weight, 0.0, 1 / math.sqrt(fan_in), generator=generator)
    elif how == "orthogonal":
        nn.init.orthogonal_(weight, gain, generator=generator)
    else:
        raise InputError(f"No initialisation is called {how!r}. {near_misses(how, INITIALISATIONS)}")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def initialise_all(network: nn.Sequential, how: str, activation: str, seed: int) -> None:
    """Fill every learned layer in its order, from ``seed`` alone; no activation follows the last."""
    generator = torch.Generator().manual_seed(seed)
    learned = [module for module in network if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d))]
    for layer in learned[:-1]:
        initialise(layer, how, activation, generator)
    initialise(learned[-1], how, "linear", generator)


def positive(sizes: Mapping[str, Sequence[int]]) -> None:
    """Raise :class:`InputError` where a size is below 1, by its name."""
    for name, numbers in sizes.items():
        for number in numbers:
            if number < 1:
                raise InputError(f"{name} must be at least 1, got {number}.")
