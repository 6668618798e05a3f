"""A network that lives by a planted reason, with inputs whose true place is known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid import data
from pellucid._core import PARTS, Compute, Dataset, InputSpec, predict
from pellucid.networks import Architecture, build, default_network
from pellucid.tasks._train import train

# planted tasks that are given to another network than our plain one: by name, the task and the network
OTHERS = {"patch-vit": ("patch", "vit"), "negation-transformer": ("negation", "transformer")}
# enough for each network to learn the plant
EPOCHS = {"table": 30, "suppressor": 15, "xor": 30, "interaction": 30, "leak": 10, "negation-transformer": 24}
USUAL = 20
CELL = 16  # samples of a waveform that are scored together: a tone swings around 0


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Held-out inputs that the network answers rightly, and otherwise with the plant of another class.

    Args:
        model: trained on the task.
        x, truth, classes: inputs ``[N, *shape]``, what decides them, and the class explained in each.
        spec: what they mean.
        known, answers: training rows, for what is made without the network.
    """

    model: nn.Module
    x: Tensor
    truth: Tensor
    classes: Tensor
    spec: InputSpec
    known: Tensor
    answers: Tensor

    def rows(self, index: Tensor) -> Case:
        """Some of the inputs."""
        return dataclasses.replace(
            self, x=self.x[index], truth=self.truth[index], classes=self.classes[index]
        )


def leaderboard_names() -> tuple[str, ...]:
    """What the leaderboard measures: planted tasks, some of them with two kinds of networks.

    Example:
        >>> leaderboard_names()[-2:]
        ('patch-vit', 'negation-transformer')
    """
    return (*data.planted_names(), *OTHERS)


def planted_for(name: str, seed: int) -> data.Planted:
    """The planted task of a name of the leaderboard."""
    return data.planted(OTHERS.get(name, (name, ""))[0], seed=seed)


def kind_of(name: str) -> str | None:
    """The network that a name of the leaderboard asks for; ``None`` is the plain one for such data."""
    return OTHERS[name][1] if name in OTHERS else None


def network_for(made: Dataset, name: str, seed: int) -> nn.Module:
    """An untrained network for a name of the leaderboard."""
    network = default_network(made, kind=kind_of(name), seed=seed)
    if kind_of(name) != "transformer":
        return network
    own = network.architecture
    # a word that decides must not be hidden in training, and is seen often enough to speak from the start
    plain = {"width": 64, "dropout": 0.1, "input_dropout": 0.1, "word_dropout": 0.0, "drawn": 1.0}
    return build(Architecture(own.kind, {**own.params, **plain}))


def trained(task: data.Planted, name: str, how: Compute) -> tuple[nn.Module, data.PlantReport]:
    """A network for a planted task, and whether it lives by the plant."""
    made, epochs = network_for(task.dataset, name, how.seed), EPOCHS.get(name, USUAL)
    model = train(
        task.dataset,
        network=made,
        epochs=epochs,
        patience=None,
        seed=how.seed,
        watch=lambda epoch: how.progress(epoch.index + 1, epochs),
    ).model.eval()
    return model, data.verify_plant(task, lambda x: predict(model, x))


def case_of(task: data.Planted, model: nn.Module, inputs: int, how: Compute) -> Case | None:
    """Up to so many held-out inputs; ``None`` where no map could be right or wrong about a place."""
    made = task.dataset
    test = (made.parts == PARTS.index("test")).nonzero().flatten()
    right = predict(model, made.inputs[test], compute=how).argmax(1) == made.answers[test]
    turned = predict(model, task.exchanged[test], compute=how).argmax(1) != made.answers[test]
    marks = (
        torch.zeros_like(made.inputs[test], dtype=torch.bool)
        if made.relevant is None
        else made.relevant[test]
    )
    marks = marks.flatten(1)
    rows = test[right & turned & marks.any(1) & ~marks.all(1)][:inputs]
    if made.relevant is None or not len(rows):
        return None
    train_rows = made.parts == PARTS.index("train")
    known, answers = made.inputs[train_rows], made.answers[train_rows]
    return Case(model, made.inputs[rows], made.relevant[rows], made.answers[rows], made.spec, known, answers)


def in_cells(values: Tensor) -> Tensor:
    """Waveforms ``[N, 1, T]`` in cells of time ``[N, 1, T / CELL, CELL]``; all else as it is."""
    return values.unflatten(-1, (-1, CELL)) if values.ndim == 3 else values


def place_of(truth: Tensor) -> Tensor:
    """The truth that fits :func:`in_cells`: one value for each cell."""
    return in_cells(truth).any(-1, keepdim=True) if truth.ndim == 3 else truth
