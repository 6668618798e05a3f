"""From sound to levels in bands of pitch: the log-mel spectrogram in plain, differentiable torch."""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.errors import InputError

FLOOR = -80.0  # dB: what silence reads as; also keeps the logarithm and its slope finite there


def mel_frequencies(bins: int, low: float, high: float) -> tuple[float, ...]:
    """Centres in hertz of ``bins`` bands that are equally wide to the ear, from ``low`` to ``high``.

    Formula: ``mel(f) = 2595 · log10(1 + f / 700)``, cut into ``bins + 1`` equal steps.

    Raises:
        InputError: unless ``bins`` is at least 2 and ``0 <= low < high``.

    Source:
        O'Shaughnessy 1987, Speech Communication: Human and Machine.

    Example:
        >>> [round(f) for f in mel_frequencies(3, 0, 4000)]
        [427, 1114, 2220]
    """
    return mel_points(bins, low, high)[1:-1]


def mel_points(bins: int, low: float, high: float) -> tuple[float, ...]:
    """The centres with the outer edges of the first and the last band: ``bins + 2`` frequencies."""
    if bins < 2 or not 0 <= low < high:
        raise InputError(
            f"Expected at least 2 bands and 0 <= low < high, got {bins} from {low} to {high} Hz."
        )
    ends = [2595 * math.log10(1 + f / 700) for f in (low, high)]
    steps = torch.linspace(ends[0], ends[1], bins + 2, dtype=torch.float64)
    return tuple((700 * (10 ** (steps / 2595) - 1)).tolist())


def mel_kernels(rate: int, window: int, points: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """What a log-mel spectrogram is made of: ``[2 K, 1, window]`` waves under a Hann window, which a
    convolution compares with the sound, and ``[F, K]`` triangles that gather their powers into bands.

    A tone at full scale has power 1 at its own wave, and 1 in all bands together: a Hann window spreads it
    over 1.5 steps of 1 / window.
    """
    size = 1 << math.ceil(math.log2(2 * window))
    count = size // 2 + 1
    hann = torch.hann_window(window, dtype=torch.float64)
    turn = 2 * math.pi / size * torch.arange(count, dtype=torch.float64)[:, None] * torch.arange(window)
    waves = torch.cat([turn.cos(), turn.sin()]) * hann * (2 / hann.sum())
    pitch = torch.arange(count, dtype=torch.float64) * rate / size
    at = torch.tensor(points, dtype=torch.float64)
    rise = (pitch - at[:-2, None]) / (at[1:-1] - at[:-2])[:, None]
    fall = (at[2:, None] - pitch) / (at[2:] - at[1:-1])[:, None]
    bands = torch.minimum(rise, fall).clamp_min(0)
    # a band narrower than the step between waves takes the nearest wave
    empty = bands.sum(1) == 0
    nearest = (pitch - at[1:-1, None]).abs().argmin(1)
    bands[empty, nearest[empty]] = 1.0
    return waves[:, None].float(), (bands * window / (1.5 * size)).float()


def mel_levels(x: Tensor, waves: Tensor, bands: Tensor, hop: int, floor: float = FLOOR) -> Tensor:
    """Levels in dB ``[N, 1, F, T // hop]`` of sounds ``[N, 1, T]``; frame k is heard around its own hop.

    Smooth everywhere: at exact silence the value is ``floor`` and every slope is 0, never NaN.
    """
    window, frames = waves.shape[-1], x.shape[-1] // hop
    left = (window - hop) // 2
    right = max(0, (frames - 1) * hop + window - left - x.shape[-1])
    seen = F.conv1d(F.pad(x, (left, right)), waves, stride=hop)[..., :frames]
    cosine, sine = seen.chunk(2, 1)
    power = F.linear((cosine.square() + sine.square()).transpose(1, 2), bands).transpose(1, 2)
    return 10 * torch.log10(power + 10 ** (floor / 10))[:, None]


def log_mel(
    x: Tensor,
    rate: int,
    *,
    bins: int = 40,
    window: int | None = None,
    hop: int | None = None,
    low: float = 50.0,
    high: float | None = None,
    floor: float = FLOOR,
) -> Tensor:
    """Level of each band of pitch in each frame, in dB below a full-scale tone.

    Formula: ``10 · log10(floor + Σ_k band[f, k] · |DFT_k(frame)|²)``.

    Args:
        x: sounds ``[N, 1, T]``, full scale at ±1.
        rate: samples per second.
        bins: number of bands F.
        window, hop: samples that a frame hears, and from frame to frame; ``None`` are 25 and 10 ms.
        low, high: hertz; ``None`` is half the rate.
        floor: dB, what silence reads as.

    Returns:
        ``[N, 1, F, T // hop]``; frame k belongs to samples ``k · hop`` to ``(k + 1) · hop``.

    Raises:
        InputError: if ``x`` is no batch of sounds with one channel, or is shorter than a hop.

    Example:
        >>> tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 8000)[None, None]
        >>> levels = log_mel(tone, 8000)
        >>> levels.shape, round(mel_frequencies(40, 50, 4000)[int(levels[0, 0, :, 50].argmax())])
        (torch.Size([1, 1, 40, 100]), 979)
    """
    window, hop = window or round(0.025 * rate), hop or round(0.01 * rate)
    if not isinstance(x, Tensor):
        raise InputError(f"Expected a tensor [N, 1, T], got {type(x).__name__}: torch.as_tensor makes one.")
    if x.ndim != 3 or x.shape[1] != 1 or not x.is_floating_point() or x.shape[-1] < hop:
        raise InputError(
            f"Expected floating sounds [N, 1, T] of at least {hop} samples, got {x.dtype} {list(x.shape)}."
        )
    waves, bands = mel_kernels(rate, window, mel_points(bins, low, high or rate / 2))
    levels = partial(mel_levels, waves=waves.to(x), bands=bands.to(x), hop=hop, floor=floor)
    return torch.cat([levels(part) for part in x.split(64)])
