"""Networks that hear: convolutions along time, or over time and pitch, with the spectrogram inside or out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from pellucid._core import Json
from pellucid._core._pool import MaxPool2d
from pellucid.errors import InputError
from pellucid.inputs._mel import FLOOR, mel_kernels, mel_levels, mel_points
from pellucid.networks._architecture import Architecture
from pellucid.networks._parts import activation_module, initialise_all
from pellucid.networks._plain import Plain, Rescale

FIRST = (80, 4)  # samples that the first convolution along time hears, and its step
POOL = 4
KNOTS = 4  # of a random gain over pitch


class LogMel(nn.Module):
    """From waveforms ``[N, 1, T]`` to standardised log-mel levels ``[N, 1, F, T // hop]``, unlearned.

    As :func:`pellucid.inputs.log_mel`, then ``(level - mean) / std``. Its output is a site like any other:
    ``at="mel"`` explains a network that takes waveforms in time and pitch. Slopes are finite everywhere, 0 at
    exact silence.

    Args:
        rate: samples per second.
        bins, window, hop, low, high, floor: as for :func:`pellucid.inputs.log_mel`.
        mean, std: of the levels in training.

    Raises:
        InputError: for a rate below 100, a std that is not above 0, or bands as
            :func:`pellucid.inputs.log_mel` refuses them.

    Example:
        >>> LogMel(8000)(torch.zeros(1, 1, 800)).shape
        torch.Size([1, 1, 40, 10])
    """

    waves: Tensor
    bands: Tensor

    def __init__(
        self,
        rate: int,
        *,
        bins: int = 40,
        window: int | None = None,
        hop: int | None = None,
        low: float = 50.0,
        high: float | None = None,
        floor: float = FLOOR,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        if rate < 100 or not std > 0:
            raise InputError(f"rate must be at least 100 and std above 0, got {rate} and {std}.")
        self.hop = hop or round(0.01 * rate)
        self.floor, self.mean, self.std = floor, mean, std
        points = mel_points(bins, low, high or rate / 2)
        waves, bands = mel_kernels(rate, window or round(0.025 * rate), points)
        self.register_buffer("waves", waves)
        self.register_buffer("bands", bands)

    def forward(self, x: Tensor) -> Tensor:
        """Standardised levels."""
        return (mel_levels(x, self.waves, self.bands, self.hop, self.floor) - self.mean) / self.std

    def extra_repr(self) -> str:
        """What ``print`` shows."""
        return f"{self.bands.shape[0]} bands, frames of {self.waves.shape[-1]} every {self.hop} samples"


class Blur(nn.Module):
    """Moves each sound a little in time and pitch and hides a stretch of both, in training only.

    It stands for the voices and starts that training lacks; in evaluation nothing happens. The edge is
    repeated where a sound is moved; hidden stretches are 0, the mean level.

    Args:
        share: of each axis that a sound is moved by at most; up to twice as much is hidden.

    Source:
        Park et al. 2019, SpecAugment, arXiv 1904.08779 (the hidden stretches).
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share < 0.5:
            raise InputError(f"blur is a share from 0 up to below 0.5, got {share}.")
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """The same sounds, elsewhere, with gaps."""
        if not self.training:
            return x
        for axis in range(2, x.ndim):
            x = self._along(x, axis)
        return x

    def _along(self, x: Tensor, axis: int) -> Tensor:
        rows, length = len(x), x.shape[axis]
        most = round(self.share * length)
        shape = [rows if k == 0 else length if k == axis else 1 for k in range(x.ndim)]
        place = torch.arange(length, device=x.device)
        moved, width = (torch.randint(low, high, (rows, 1), device=x.device)
                        for low, high in ((-most, most + 1), (0, 2 * most + 1)))  # fmt: skip
        start = (torch.rand(rows, 1, device=x.device) * (length - width)).long()
        index = (place - moved).clamp(0, length - 1).view(shape).expand(x.shape)
        hidden = ((place >= start) & (place < start + width)).view(shape)
        return x.gather(axis, index).masked_fill(hidden, 0.0)


class Gain(nn.Module):
    """Gives each sound a random smooth gain over pitch ``[N, C, F, T]``, in training only.

    It stands for the voices, rooms and microphones that training lacks: between four random levels, even
    steps from the lowest band to the highest, lie straight lines; time is left alone. In evaluation nothing
    happens.

    Args:
        size: standard deviation of the levels, in those of the inputs (1 where they are standardised).
    """

    def __init__(self, size: float) -> None:
        super().__init__()
        if not 0 <= size < float("inf"):
            raise InputError(f"gain is a standard deviation of 0 or more, got {size}.")
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """The same sounds through other ears."""
        if not self.training:
            return x
        levels = torch.randn(len(x), 1, KNOTS, device=x.device, dtype=x.dtype) * self.size
        return x + F.interpolate(levels, size=x.shape[2], mode="linear", align_corners=True)[..., None]


class Average(nn.Module):
    """Mean over time, the last axis, and one row of numbers: ``[N, C, …, T] -> [N, C · …]``."""

    def forward(self, x: Tensor) -> Tensor:
        """The means."""
        return x.mean(-1).flatten(1)


def spectrogram_cnn(
    bins: int,
    frames: int,
    outputs: int,
    *,
    channels: int = 1,
    widths: Sequence[int] = (16, 32, 64),
    hidden: int = 0,
    activation: str = "relu",
    initialisation: str = "kaiming",
    seed: int = 0,
    dropout: float = 0.0,
    blur: float = 0.0,
    gain: float = 0.0,
    rate: int | None = None,
    levels: tuple[float, float] = (0.0, 1.0),
    answers: tuple[float, float] | None = None,
) -> Plain:
    """A network over time and pitch ``[N, channels, bins, frames] -> [N, outputs]``.

    ``(mel), (blur), (gain), conv1, norm1, activation1, pool1, conv2, …, average, (dense1, …), (dropout),
    output``. Convolutions are 3 × 3; each pool halves pitch and time by maximum; the average is taken over
    time and leaves pitch in place, so that it matters how high a sound is and not when it comes.

    Args:
        bins, frames: size of a spectrogram.
        outputs: number of classes, or 1 for regression.
        channels: of a spectrogram.
        widths: channels of each convolution.
        hidden: width of a dense layer after the average; 0 leaves it out.
        activation, initialisation, seed, dropout, answers: as for :func:`~pellucid.networks.mlp`.
        blur: share of both axes by which sounds are moved at most in training; see :class:`Blur`.
        gain: standard deviation of a random gain over pitch in training; see :class:`Gain`.
        rate: samples per second, where the network is to take waveforms ``[N, 1, T]``: a first layer ``mel``
            (:class:`LogMel`) makes the spectrogram, whose mean and sd in dB ``levels`` gives.
        levels: mean and sd of the levels in dB; only with ``rate``.

    Returns:
        The network in training mode, on the CPU, with its ``architecture``.

    Raises:
        InputError: if a name is unknown, or the spectrogram is too small for that many pools.

    Example:
        >>> network = spectrogram_cnn(40, 63, 10, widths=(4, 8))
        >>> [name for name, _ in network.named_children()][:5]
        ['conv1', 'norm1', 'activation1', 'pool1', 'conv2']
        >>> tuple(network(torch.zeros(5, 1, 40, 63)).shape)
        (5, 10)
    """
    if min(bins, frames) < 2 ** len(widths) or not widths:
        raise InputError(
            f"{len(widths)} pools need at least {2 ** len(widths)} bins and frames, got {bins} × {frames}."
        )
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if rate is not None:
        layers["mel"] = LogMel(rate, bins=bins, mean=levels[0], std=levels[1])
    if blur:
        layers["blur"] = Blur(blur)
    if gain:
        layers["gain"] = Gain(gain)
    before = 1 if rate is not None else channels
    for number, width in enumerate(widths, start=1):
        conv = skip_init(nn.Conv2d, before, width, 3, padding=1, device="cpu")
        _block(layers, number, conv, nn.BatchNorm2d(width), activation, MaxPool2d())
        before = width
    _head(
        layers, before * (bins >> len(widths)), outputs, hidden, activation, dropout, len(widths) + 1, answers
    )
    params: dict[str, Json] = {
        "bins": bins, "frames": frames, "outputs": outputs, "channels": channels, "widths": [*widths],
        "hidden": hidden, "activation": activation, "initialisation": initialisation, "seed": seed,
        "dropout": dropout, "blur": blur, "gain": gain, "rate": rate, "levels": [*levels],
        "answers": None if answers is None else [*answers],
    }  # fmt: skip
    return _finished("spectrogram_cnn", layers, params, initialisation, activation, seed)


def waveform_cnn(
    length: int,
    outputs: int,
    *,
    channels: int = 1,
    widths: Sequence[int] = (32, 32, 64),
    hidden: int = 0,
    activation: str = "relu",
    initialisation: str = "kaiming",
    seed: int = 0,
    dropout: float = 0.0,
    blur: float = 0.0,
    answers: tuple[float, float] | None = None,
) -> Plain:
    """A network along time ``[N, channels, length] -> [N, outputs]``.

    ``(blur), conv1, norm1, activation1, pool1, conv2, …, average, (dense1, …), (dropout), output``. The first
    convolution hears 80 samples at every fourth, the others 3; each pool keeps the largest of 4; the average
    is taken over time.

    Args:
        length: samples of one sound.
        outputs: number of classes, or 1 for regression.
        channels: of a sound.
        widths, hidden, activation, initialisation, seed, dropout, blur, answers: as for
            :func:`spectrogram_cnn`.

    Returns:
        The network in training mode, on the CPU, with its ``architecture``.

    Raises:
        InputError: if a name is unknown, or the sound is too short for that many pools.

    Source:
        Dai et al. 2016, Very deep convolutional neural networks for raw waveforms, arXiv 1610.00087 (M5).

    Example:
        >>> tuple(waveform_cnn(4000, 10, widths=(8, 8))(torch.zeros(5, 1, 4000)).shape)
        (5, 10)
    """
    needed = FIRST[1] * POOL ** len(widths)
    if length < needed or not widths:
        raise InputError(f"{len(widths)} pools need at least {needed} samples, got {length}.")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if blur:
        layers["blur"] = Blur(blur)
    before = channels
    for number, width in enumerate(widths, start=1):
        side, step = FIRST if number == 1 else (3, 1)
        conv = skip_init(nn.Conv1d, before, width, side, stride=step, padding=side // 2, device="cpu")
        _block(layers, number, conv, nn.BatchNorm1d(width), activation, nn.MaxPool1d(POOL))
        before = width
    _head(layers, before, outputs, hidden, activation, dropout, len(widths) + 1, answers)
    params: dict[str, Json] = {
        "length": length, "outputs": outputs, "channels": channels, "widths": [*widths], "hidden": hidden,
        "activation": activation, "initialisation": initialisation, "seed": seed, "dropout": dropout,
        "blur": blur, "answers": None if answers is None else [*answers],
    }  # fmt: skip
    return _finished("waveform_cnn", layers, params, initialisation, activation, seed)


def _block(
    layers: OrderedDict[str, nn.Module],
    number: int,
    conv: nn.Module,
    norm: nn.Module,
    activation: str,
    pool: nn.Module,
) -> None:
    layers[f"conv{number}"] = conv
    layers[f"norm{number}"] = norm
    layers[f"activation{number}"] = activation_module(activation)
    layers[f"pool{number}"] = pool


def _head(
    layers: OrderedDict[str, nn.Module],
    width: int,
    outputs: int,
    hidden: int,
    activation: str,
    dropout: float,
    number: int,
    answers: tuple[float, float] | None,
) -> None:
    """Average, dense layer, dropout, output and unit."""
    if outputs < 1 or not 0 <= dropout < 1:
        raise InputError(f"outputs must be at least 1 and dropout below 1, got {outputs} and {dropout}.")
    layers["average"] = Average()
    if hidden:
        layers["dense1"] = skip_init(nn.Linear, width, hidden, device="cpu")
        layers[f"activation{number}"] = activation_module(activation)
    if dropout:
        layers["dropout1"] = nn.Dropout(dropout)
    layers["output"] = skip_init(nn.Linear, hidden or width, outputs, device="cpu")
    if answers is not None:
        layers["unit"] = Rescale(*answers)


def _finished(
    kind: str,
    layers: OrderedDict[str, nn.Module],
    params: dict[str, Json],
    initialisation: str,
    activation: str,
    seed: int,
) -> Plain:
    network = Plain(layers, Architecture(kind, params))
    initialise_all(network, initialisation, activation, seed)
    return network
