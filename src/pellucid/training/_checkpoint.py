"""A training that can be taken up again after a kill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid._core import Json, Snapshot
from pellucid._core._store import load, save
from pellucid.errors import TrainingError
from pellucid.training._values import Epoch


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """All that the next epoch depends on; chance needs no state, because it follows from seed and epoch.

    Args:
        options: arguments of the training.
        data: hash of inputs, answers and parts.
        epochs: those that are done.
        weights, best: state of the network after the last and after the best epoch.
        optimizer: state of the optimizer, ``"<parameter number>/<name>"``.
        snapshots: weights after earlier epochs.
    """

    options: Mapping[str, Json]
    data: str
    epochs: tuple[Epoch, ...]
    weights: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    snapshots: tuple[Snapshot, ...] = ()


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and persistent buffers."""
    state: dict[str, object] = network.state_dict()
    return {name: value.detach().clone() for name, value in state.items() if isinstance(value, Tensor)}


@torch.no_grad()
def put_state(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Write a copied state into the network's own tensors."""
    own: dict[str, object] = network.state_dict()
    for name, value in state.items():
        target = own[name]
        if isinstance(target, Tensor):
            target.copy_(value)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors an optimizer keeps."""
    held: dict[int, dict[str, object]] = optimizer.state_dict()["state"]
    return {
        f"{number}/{name}": value
        for number, parts in held.items()
        for name, value in parts.items()
        if isinstance(value, Tensor)
    }


def put_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Give an optimizer back what :func:`optimizer_state` took."""
    held: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        number, _, name = key.partition("/")
        held.setdefault(int(number), {})[name] = value
    whole: dict[str, Any] = optimizer.state_dict()
    optimizer.load_state_dict({**whole, "state": held})


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Put the file in place whole or not at all."""
    save(checkpoint, path)


def read_checkpoint(path: Path, options: Mapping[str, Json], data: str, network: nn.Module) -> Checkpoint:
    """The training that ``path`` holds; :class:`TrainingError` where it is another one than asked for."""
    found = load(path)
    way_out = "Train into another folder (--out, in Python out=), or delete that file to start anew."
    if not isinstance(found, Checkpoint):
        raise TrainingError(f"{path} holds a {type(found).__name__}, not a training. {way_out}")
    differ = [
        f"{name} is {options.get(name)} now and was {found.options.get(name)}"
        for name in {**found.options, **options}
        # more epochs only go on longer
        if name != "epochs" and options.get(name) != found.options.get(name)
    ]
    if found.data != data:
        differ.append("the data are not the same")
    shapes = {name: tuple(value.shape) for name, value in state_of(network).items()}
    if {name: tuple(value.shape) for name, value in found.weights.items()} != shapes:
        differ.append("the network has other layers")
    if differ:
        raise TrainingError(f"{path} holds another training: {'; '.join(differ)}. {way_out}")
    wanted = options["epochs"]
    if isinstance(wanted, int) and len(found.epochs) > wanted:
        raise TrainingError(
            f"{path} already holds {len(found.epochs)} epochs and {wanted} are asked for. {way_out}"
        )
    return found
