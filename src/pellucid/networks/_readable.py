"""What all networks that are readable by design promise, and how they like to be trained."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.networks._architecture import Architecture


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network likes to be trained: the arguments of :func:`pellucid.training.train` that differ.

    Args:
        epochs: most passes over the training rows.
        batch_size: rows per step.
        learning_rate, weight_decay: of AdamW.
        patience: epochs without a lower validation loss after which training stops; ``None`` never.
        schedule: ``"constant"`` or ``"cosine"`` (the learning rate falls to 0 over ``epochs``).
    """

    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    patience: int | None = None
    schedule: str = "cosine"


class Readable(nn.Module):
    """A network whose reasoning can be read directly: encoded rows in, logits ``[N, classes]`` out.

    A kind of its own is one file: the module, a function that makes it from its architecture (a line in
    ``_build.KINDS``) and a function ``(dataset, *, seed) -> Readable`` that makes it for data (a line in
    ``_build.FOR_DATA``).

    Attributes:
        architecture: enough to build it again; after :meth:`advance` it says what is there now.
        recipe: how it likes to be trained.
        told: what was decided when it was made for data and its user should know, a sentence; not saved.
    """

    architecture: Architecture
    recipe: Recipe = Recipe()
    told: str = ""

    def training_loss(self, plain: Tensor, inputs: Tensor, outputs: Tensor, answers: Tensor) -> Tensor:
        """What one step makes small: ``plain`` (cross-entropy or scaled squared error) with what the network
        adds to it. Called by :func:`pellucid.training.train` on each training batch."""
        return plain

    def advance(self, dataset: Dataset) -> bool:
        """What is left to do when a training is over (screen pairs, project prototypes, refit a head), and
        whether another training should follow. ``dataset`` is the one just trained on."""
        return False


def refuse_numbers(dataset: Dataset, subject: str) -> None:
    """Say which networks predict a number, where one cannot."""
    if dataset.task == "classification":
        return
    readable = ", or the readable network 'additive'" if isinstance(dataset.spec, TabularSpec) else ""
    raise InputError(
        f"{dataset.name} predicts a number ({dataset.answer}), and {subject} classes only. Take the plain "
        f"network (leave out network=){readable}; or make classes of the numbers, such as quarters."
    )


def refuse_others(dataset: Dataset, does: str) -> None:
    """Say what a network of rows and pictures cannot read, and which network can."""
    shape = list(dataset.inputs.shape[1:])
    if isinstance(dataset.spec, TabularSpec) or (len(shape) == 3 and not isinstance(dataset.spec, TextSpec)):
        return
    if isinstance(dataset.spec, TextSpec):
        what, instead = "texts", "the plain network or 'transformer'"
    elif len(shape) == 2:
        what, instead = "waveforms", "their spectrogram (--front spectrogram), or the plain network"
    else:
        what, instead = f"inputs of shape {shape}", "a network of your own"
    raise InputError(
        f"{dataset.name} holds {what}, and {does} rows of columns, pictures or spectrograms. Take {instead}."
    )
