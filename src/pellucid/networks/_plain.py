"""Plain networks whose layers have readable names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from pellucid._core import Json
from pellucid._core._pool import MaxPool2d
from pellucid.errors import InputError
from pellucid.networks._architecture import Architecture
from pellucid.networks._parts import activation_module, initialise_all, positive


class Rescale(nn.Module):
    """Turns an answer in standard deviations into the user's unit: ``mean + sd * x``.

    It is the last layer of a regression network, so that training works on numbers near one and the
    network's output is in the user's unit at every moment. Nothing in it is learned.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, mean: float, sd: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("sd", torch.tensor(sd))

    def forward(self, x: Tensor) -> Tensor:
        """``mean + sd * x``."""
        return self.mean + self.sd * x

    def extra_repr(self) -> str:
        """What ``print`` shows."""
        return f"mean={float(self.mean):.4g}, sd={float(self.sd):.4g}"


class Plain(nn.Sequential):
    """Layers in a row, with names; ``architecture`` says how to build them again."""

    architecture: Architecture

    def __init__(self, layers: OrderedDict[str, nn.Module], architecture: Architecture) -> None:
        super().__init__(layers)
        self.architecture = architecture

    def __getitem__(self, idx: slice | int) -> nn.Sequential | nn.Module:
        """A layer by number, or some of them in a row, which have no architecture of their own."""
        if isinstance(idx, slice):
            return nn.Sequential(OrderedDict(list(self.named_children())[idx]))
        return super().__getitem__(idx)


def mlp(
    inputs: int,
    outputs: int,
    *,
    hidden: Sequence[int] = (64, 64),
    activation: str = "relu",
    initialisation: str = "kaiming",
    seed: int = 0,
    dropout: float = 0.0,
    answers: tuple[float, float] | None = None,
) -> Plain:
    """A multi-layer perceptron ``[N, inputs] -> [N, outputs]``: a logit for each class, or one answer.

    ``dense1, activation1, (dropout1), dense2, …, output, (unit)``, each its own module.

    Args:
        inputs: width of one input row.
        outputs: number of classes, or 1 for regression.
        hidden: width of each hidden layer; empty makes it linear.
        activation: sigmoid, tanh, relu, leaky_relu, gelu or silu.
        initialisation: kaiming (normal, gain of the activation ÷ √fan-in), xavier (uniform), lecun (normal,
            1 ÷ √fan-in) or orthogonal; biases start at zero.
        seed: decides the weights; torch's own random state is neither read nor moved.
        dropout: share of hidden activations dropped in training.
        answers: mean and sd of the answers in regression: a last layer ``unit`` brings outputs into
            their unit.

    Returns:
        The network in training mode, on the CPU, with its ``architecture``.

    Raises:
        InputError: if a name is unknown (near misses are given) or a size cannot be.

    Example:
        >>> [name for name, _ in mlp(30, 2, hidden=(16,)).named_children()]
        ['dense1', 'activation1', 'output']
    """
    positive({"inputs": [inputs], "outputs": [outputs], "hidden": hidden})
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    _add_dense(layers, inputs, outputs, hidden, activation, dropout, first_activation=1)
    _add_unit(layers, answers)
    params: dict[str, Json] = {
        "inputs": inputs,
        "outputs": outputs,
        "hidden": [*hidden],
        "activation": activation,
        "initialisation": initialisation,
        "seed": seed,
        "dropout": dropout,
        "answers": None if answers is None else [*answers],
    }
    network = Plain(layers, Architecture("mlp", params))
    initialise_all(network, initialisation, activation, seed)
    return network


def cnn(
    channels: int,
    size: int | tuple[int, int],
    outputs: int,
    *,
    widths: Sequence[int] = (16, 32),
    hidden: int = 64,
    activation: str = "relu",
    initialisation: str = "kaiming",
    seed: int = 0,
    dropout: float = 0.0,
    answers: tuple[float, float] | None = None,
) -> Plain:
    """A convolutional network ``[N, channels, H, W] -> [N, outputs]``: a logit for each class, or one answer.

    ``conv1, activation1, pool1, conv2, …, flatten, dense1, activation…, output``, each its own module.
    Convolutions are 3 × 3 with a margin of one pixel; each pool halves height and width by maximum.

    Args:
        channels: channels of a picture.
        size: height and width of a picture, or one number for both.
        outputs: number of classes, or 1 for regression.
        widths: channels of each convolution.
        hidden: width of the dense layer after the convolutions; 0 leaves it out.
        activation, initialisation, seed, dropout, answers: as for :func:`mlp`; dropout follows the dense
            layer.

    Returns:
        The network in training mode, on the CPU, with its ``architecture``.

    Raises:
        InputError: if a name is unknown, or the picture is too small for that many pools.

    Example:
        >>> network = cnn(1, 8, 10, widths=(4, 8), hidden=16)
        >>> [name for name, _ in network.named_children()][:4]
        ['conv1', 'activation1', 'pool1', 'conv2']
        >>> tuple(network(torch.zeros(5, 1, 8, 8)).shape)
        (5, 10)
    """
    height, width = (size, size) if isinstance(size, int) else size
    positive({"channels": [channels], "size": [height, width], "outputs": [outputs], "widths": widths})
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    flat = _add_convolutions(layers, channels, (height, width), widths, activation)
    layers["flatten"] = nn.Flatten()
    dense = (hidden,) if hidden else ()
    _add_dense(layers, flat, outputs, dense, activation, dropout, first_activation=len(widths) + 1)
    _add_unit(layers, answers)
    params: dict[str, Json] = {
        "channels": channels,
        "size": [height, width],
        "outputs": outputs,
        "widths": [*widths],
        "hidden": hidden,
        "activation": activation,
        "initialisation": initialisation,
        "seed": seed,
        "dropout": dropout,
        "answers": None if answers is None else [*answers],
    }
    network = Plain(layers, Architecture("cnn", params))
    initialise_all(network, initialisation, activation, seed)
    return network


def _add_convolutions(
    layers: OrderedDict[str, nn.Module],
    channels: int,
    size: tuple[int, int],
    widths: Sequence[int],
    activation: str,
) -> int:
    """Add convolution, activation and pool for each width; gives how many numbers come out."""
    if min(size) < 2 ** len(widths):
        raise InputError(
            f"{len(widths)} pools need pictures of at least {2 ** len(widths)} pixels a side, "
            f"got {size[0]} × {size[1]}. Give fewer widths."
        )
    for number, width in enumerate(widths, start=1):
        # built without random numbers: initialise_all fills every weight
        layers[f"conv{number}"] = skip_init(nn.Conv2d, channels, width, 3, padding=1, device="cpu")
        layers[f"activation{number}"] = activation_module(activation)
        layers[f"pool{number}"] = MaxPool2d()
        channels, size = width, (size[0] // 2, size[1] // 2)
    return channels * size[0] * size[1]


def _add_dense(
    layers: OrderedDict[str, nn.Module],
    inputs: int,
    outputs: int,
    hidden: Sequence[int],
    activation: str,
    dropout: float,
    *,
    first_activation: int,
) -> None:
    """Add dense layers with their activations, then the output layer."""
    activation_module(activation)
    if not 0 <= dropout < 1:
        raise InputError(f"dropout is a share from 0 up to below 1, got {dropout}.")
    for number, width in enumerate(hidden, start=1):
        layers[f"dense{number}"] = skip_init(nn.Linear, inputs, width, device="cpu")
        layers[f"activation{first_activation + number - 1}"] = activation_module(activation)
        if dropout:
            layers[f"dropout{number}"] = nn.Dropout(dropout)
        inputs = width
    layers["output"] = skip_init(nn.Linear, inputs, outputs, device="cpu")


def _add_unit(layers: OrderedDict[str, nn.Module], answers: tuple[float, float] | None) -> None:
    if answers is None:
        return
    mean, sd = answers
    if not sd > 0:
        raise InputError(f"answers is (mean, sd) with sd above 0, got {tuple(answers)}.")
    layers["unit"] = Rescale(mean, sd)
