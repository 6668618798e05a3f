"""Sounds: waveforms or spectrograms, cells of time and pitch, and what silence is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from pellucid._core import InputSpec, finite
from pellucid.errors import InputError, near_misses
from pellucid.inputs._mel import FLOOR
from pellucid.inputs._numbers import numbers

LOUDEST = 1.5  # amplitudes may decode this far out: noise and resampling overshoot, 16-bit numbers do not
CELLS = (8, 16)  # cells of pitch and of time where nobody says otherwise
RUNS = 20  # runs of time of a waveform where nobody says otherwise
QUIET = 0.1  # share of the heard frames whose level is the background noise
FRAME = 0.02  # seconds over which the level of a waveform is taken
HEARD = 1.0  # dB above silence from which something is heard


@final
@dataclass(frozen=True, slots=True)
class AudioSpec(InputSpec):
    """What a sound means: amplitudes ``[N, C, T]`` or levels ``[N, C, F, T]``, low pitch first.

    ``amplitude = x · std + mean`` (full scale is ±1), or ``level = x · std + mean`` in dB, bin by bin.

    Args:
        rate: samples per second of the sound.
        front: what the network takes: the ``"waveform"`` or a ``"spectrogram"``.
        channels: number of channels C.
        size: T, samples or frames; 0 allows any.
        frequencies: for spectrograms, the centre of each bin in hertz, rising.
        hop: for spectrograms, samples from frame to frame.
        window: for spectrograms, samples that one frame hears; 0 is not known.
        mean, std: one number, or one for each bin.
        floor: for spectrograms, the level of silence, in dB before standardising.
        absence: what stands in the place of a part taken away: ``"silence"``; ``"noise"``, the background of
            the same sound (frames drawn from its quietest tenth; for waveforms white noise as loud as that);
            ``"mean"``, the mean level of each bin (``mean`` where it is given, else over each sound). Left
            open it is silence for waveforms and the mean for spectrograms: silence, the floor of the
            decibels, lies far from anything that a network of spectrograms learned from.
        seconds_of_cell: length of the cells that are removable parts; 0 gives about 16 along a spectrogram
            and 20 along a waveform.
        bins_of_cell: bins that a cell spans; 0 gives about 8 cells from low to high.
        seed: of the noise.

    Raises:
        InputError: if the fields contradict each other.

    Example:
        >>> spec = AudioSpec(8000, "spectrogram", frequencies=(500.0, 1500.0, 2500.0, 3500.0), hop=80)
        >>> spec.seconds(50), spec.hertz(1)
        (0.5, 1000.0)
    """

    rate: int
    front: Literal["waveform", "spectrogram"] = "waveform"
    channels: int = 1
    size: int = 0
    frequencies: tuple[float, ...] = ()
    hop: int = 1
    window: int = 0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    floor: float = FLOOR
    absence: Literal["", "silence", "noise", "mean"] = ""
    seconds_of_cell: float = 0.0
    bins_of_cell: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Settle what was left open and refuse what contradicts itself."""
        for name in ("frequencies", "mean", "std"):
            object.__setattr__(self, name, numbers(getattr(self, name), name))
        if not self.absence:
            object.__setattr__(self, "absence", "mean" if self.pitched else "silence")
        for name, given, known in (
            ("front", self.front, ("waveform", "spectrogram")),
            ("absence", self.absence, ("silence", "noise", "mean")),
        ):
            if given not in known:
                raise InputError(f"AudioSpec: {name}={given!r} is not known. {near_misses(given, known)}")
        if self.rate < 1 or self.channels < 1 or self.hop < 1 or min(self.size, self.window) < 0:
            raise InputError(
                "AudioSpec: rate, channels and hop must be at least 1, size and window not below 0."
            )
        if self.seconds_of_cell < 0 or self.bins_of_cell < 0:
            raise InputError("AudioSpec: the size of a cell must not be negative.")
        self._refuse()

    def _refuse(self) -> None:
        if self.pitched != bool(self.frequencies):
            raise InputError(
                "AudioSpec: a spectrogram needs the centre of each bin in hertz, such as "
                "frequencies=mel_frequencies(40, 50, 4000); a waveform has none."
            )
        rising = all(a < b for a, b in zip(self.frequencies, self.frequencies[1:], strict=False))
        if self.pitched and (len(self.frequencies) < 2 or not rising or self.frequencies[0] < 0):
            raise InputError("AudioSpec: frequencies must rise from 0 or more, at least two of them.")
        if not self.pitched and self.hop != 1:
            raise InputError("AudioSpec: hop belongs to spectrograms; a waveform goes sample by sample.")
        for name, given in (("mean", self.mean), ("std", self.std)):
            if len(given) not in {1, len(self.frequencies)} or not all(map(math.isfinite, given)):
                raise InputError(
                    f"AudioSpec: {name} takes one finite number, or one for each of "
                    f"{len(self.frequencies)} bins; got {len(given)}."
                )
        if min(self.std) <= 0:
            raise InputError(f"AudioSpec: std must be above 0, got {min(self.std)}.")

    @property
    def pitched(self) -> bool:
        """Whether inputs are spectrograms."""
        return self.front == "spectrogram"

    @property
    def reads(self) -> str:
        """What a network with such inputs reads, in words."""
        return "sounds"

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of one sound."""
        return ("C", "F", "T") if self.pitched else ("C", "T")

    def seconds(self, index: float) -> float:
        """When sample or frame ``index`` begins."""
        return index * self.hop / self.rate

    def hertz(self, index: int) -> float:
        """Where bin ``index`` begins; ``hertz(F)`` is where the last one ends."""
        f = self.frequencies
        if index <= 0:
            return max(0.0, f[0] - (f[1] - f[0]) / 2)
        if index >= len(f):
            return min(self.rate / 2, f[-1] + (f[-1] - f[-2]) / 2)
        return (f[index - 1] + f[index]) / 2

    def check(self, x: Tensor) -> None:
        """Raise :class:`InputError` unless ``x`` is a batch of sounds as this spec describes them."""
        wanted = [self.channels, *([len(self.frequencies)] if self.pitched else []), self.size or "T"]
        said = f"{self.front}s [N, {', '.join(map(str, wanted))}]"
        fits = x.ndim == len(wanted) + 1 and all(
            isinstance(w, str) or w == got for w, got in zip(wanted, x.shape[1:], strict=True)
        )
        if not fits:
            raise InputError(f"Expected {said}, got {list(x.shape)}.{self._hint(x)}")
        if not x.is_floating_point():
            raise InputError(
                f"Expected floating {self.front}s, got {x.dtype}. 16-bit sound is brought to ±1 by x / 32768."
            )
        if 0 in x.shape:
            raise InputError(f"Expected at least one sound, got {list(x.shape)}.")
        finite(x, "Sounds")
        loudest = 0.0 if self.pitched else float(self.levels(x).abs().max())
        if loudest > LOUDEST:
            whole = " These look like 16-bit numbers: use x / 32768." if 100 < loudest <= 32768 else ""
            raise InputError(f"Amplitudes should decode to -1..1, these reach {loudest:.4g}.{whole}")

    def _hint(self, x: Tensor) -> str:
        """What may have gone wrong with a shape."""
        if self.pitched and x.ndim == 3 and x.shape[1] == self.channels:
            return " These look like waveforms: log_mel(x, rate) makes spectrograms of them."
        if x.ndim == len(self.axes):
            return (
                " Add the missing axis: x[None] for one sound, x[:, None] for sounds without a channel axis."
            )
        if x.ndim != len(self.axes) + 1:
            return ""
        if x.shape[-1] == self.channels and x.shape[1] != self.channels:
            return " The channels stand last: x.movedim(-1, 1) brings them forward."
        if x.shape[1] == 2 and self.channels == 1:
            return " These are stereo: x.mean(1, keepdim=True) mixes the channels."
        if self.pitched and x.shape[-1] == len(self.frequencies) != x.shape[-2]:
            return " Pitch and time are exchanged: x.transpose(-1, -2)."
        if self.size and x.shape[-1] != self.size:
            got = self.seconds(x.shape[-1])
            return (
                f" The spec's sounds last {self.seconds(self.size):.3g} s at {self.rate} samples per second, "
                f"these {got:.3g} s. Another rate? Resample to {self.rate} first; else cut or pad."
            )
        return ""

    def cell(self, x: Tensor) -> tuple[int, int]:
        """Bins and samples or frames of one removable cell; one bin for waveforms."""
        length = x.shape[-1]
        if self.seconds_of_cell:
            step = max(1, round(self.seconds_of_cell * self.rate / self.hop))
        else:
            step = math.ceil(length / (CELLS[1] if self.pitched else RUNS))
        bins = self.bins_of_cell or math.ceil(len(self.frequencies) / CELLS[0])
        return (bins if self.pitched else 1), min(step, length)

    def groups(self, x: Tensor) -> Tensor:
        """Part of each element: int64 ``[C, T]`` or ``[C, F, T]``; all channels belong together."""
        bins, step = self.cell(x)
        across = torch.arange(x.shape[-1], device=x.device) // step
        if not self.pitched:
            return across.expand(x.shape[1:])
        up = torch.arange(x.shape[-2], device=x.device) // bins
        return (up[:, None] * math.ceil(x.shape[-1] / step) + across).expand(x.shape[1:])

    def group_names(self, x: Tensor) -> tuple[str, ...]:
        """``"0.20–0.25 s, 400–800 Hz"``, or ``"0.20–0.25 s"`` for waveforms."""
        bins, step = self.cell(x)
        length = x.shape[-1]
        when = [self.when(start, min(start + step, length)) for start in range(0, length, step)]
        if not self.pitched:
            return tuple(when)
        lows = range(0, len(self.frequencies), bins)
        return tuple(f"{time}, {self.where(low, low + bins)}" for low in lows for time in when)

    def when(self, start: float, end: float) -> str:
        """A stretch of time in words: ``"0.20–0.25 s"``."""
        digits = 2 if self.seconds(end - start) >= 0.01 else 3
        return f"{self.seconds(start):.{digits}f}–{self.seconds(end):.{digits}f} s"

    def where(self, low: int, high: int) -> str:
        """A stretch of pitch in words: ``"400–800 Hz"``."""
        return f"{self.hertz(low):.0f}–{self.hertz(min(high, len(self.frequencies))):.0f} Hz"

    @property
    def absent_as(self) -> str:
        """What stands in the place of a part taken away, in words."""
        if self.absence == "mean":
            whose = "the training sounds" if any(self.mean) else "each sound"
            return f"the mean level of {whose}{' at each pitch' if self.pitched else ''}"
        return "silence" if self.absence == "silence" else "the background noise of the same sound"

    def absent(self, x: Tensor) -> Tensor:
        """``x`` with every part taken away, as ``absence`` says."""
        if self.absence == "silence":
            level = torch.full((1, 1), self.floor if self.pitched else 0.0, dtype=x.dtype, device=x.device)
            return self.encoded(level).expand_as(x).clone()
        if self.absence == "mean":
            if any(self.mean):
                return torch.zeros_like(x)
            return x.mean(-1, keepdim=True).expand_as(x).clone()
        return self._background_frames(x) if self.pitched else self._background_noise(x)

    def _background_frames(self, x: Tensor) -> Tensor:
        """Frames of each sound drawn from its own quietest tenth, silence left out."""
        level = self.levels(x)
        heard = level.amax((1, 2)) > self.floor + HEARD
        order = level.mean((1, 2)).masked_fill(~heard, torch.inf).argsort(dim=1, stable=True)
        quiet = (heard.sum(1) * QUIET).long().clamp_min(1)
        lots = torch.rand(x.shape[-1], generator=self._chance(), dtype=torch.float64).to(x.device)
        chosen = order.gather(1, (lots * quiet[:, None]).long())
        return x.gather(-1, chosen[:, None, None].expand(x.shape)).clone()

    def _background_noise(self, x: Tensor) -> Tensor:
        step = max(1, min(round(FRAME * self.rate), x.shape[-1]))
        power = self.levels(x).square().mean(1).unfold(-1, step, step).mean(-1)
        power = power.masked_fill(power == 0, torch.nan).nanquantile(QUIET, 1).nan_to_num()
        lots = torch.randn(x.shape[-1], generator=self._chance(), dtype=torch.float64).to(x)
        return self.encoded((power.sqrt()[:, None] * lots)[:, None].expand_as(x)).clone()

    def _chance(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed * 1_000_003 + 15_485_863)

    def levels(self, x: Tensor) -> Tensor:
        """Sounds as people measure them: amplitudes (±1 is full scale), or dB."""
        x = x.detach().float() if x.dtype in (torch.float16, torch.bfloat16) else x.detach()
        return x * x.new_tensor(self.std)[:, None] + x.new_tensor(self.mean)[:, None]

    def encoded(self, levels: Tensor) -> Tensor:
        """Sounds as the network takes them, from amplitudes or dB."""
        return (levels - levels.new_tensor(self.mean)[:, None]) / levels.new_tensor(self.std)[:, None]

    def ends(self, x: Tensor) -> Tensor:
        """The first sample or frame of the silence behind each sound, int64 ``[N]``; T where there is none.

        Example:
            >>> AudioSpec(8000).ends(torch.tensor([[[0.0, 0.5, 0.0, 0.2, 0.0]]])).tolist()
            [4]
        """
        levels = self.levels(x).flatten(1, -2)
        heard = (levels > self.floor + HEARD if self.pitched else levels != 0).any(1)
        place = torch.arange(1, x.shape[-1] + 1, device=x.device)
        return (heard * place).amax(1)

    def describe(self, x: Tensor) -> list[tuple[str, str]]:
        """Each cell of one sound with its mean level in dB; a waveform's is that of its power."""
        row = x[None] if x.ndim == len(self.axes) else x
        if len(row) != 1:
            raise InputError(f"describe takes one sound, got {len(row)}.")
        levels = self.cell_levels(row)[0].tolist()
        return [(name, f"{level:.0f} dB") for name, level in zip(self.group_names(row), levels, strict=True)]

    def cell_levels(self, x: Tensor) -> Tensor:
        """Mean level in dB of each cell, float64 ``[N, cells]``; a waveform's is that of its mean power."""
        groups = self.groups(x).flatten()
        flat = self.levels(x).flatten(1).double()
        cells = int(groups.max()) + 1
        sums = flat.new_zeros(len(x), cells)
        sums.index_add_(1, groups, flat if self.pitched else flat.square())
        means = sums / torch.bincount(groups, minlength=cells)
        return means if self.pitched else 10 * torch.log10(means + 10 ** (self.floor / 10))
