"""Folders of sounds: one folder per class, or names of files that say what they are."""

from __future__ import annotations

import dataclasses
import math
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid._core import Dataset, split
from pellucid.data._build import PART_WORDS, with_validation
from pellucid.data._paths import existing
from pellucid.data._pictures import CLUTTER, in_order
from pellucid.data._wav import SOUNDS, Samples, decoded
from pellucid.data._zipped import Zipped
from pellucid.errors import InputError, LoadError, near_misses
from pellucid.inputs import AudioSpec, log_mel, mel_frequencies

FIT = 0.95  # share of the sounds that the common length holds whole, where none is asked for
FASTEST = 384_000  # samples per second of the quickest recorders
LOWEST = 50.0  # hertz: where the lowest band begins
SPREAD = 1e-3  # below this standard deviation a bin stays as it is

Front = Literal["waveform", "spectrogram"]
Scale = Literal["standard", "none"]


@dataclass(frozen=True, slots=True)
class Sound:
    """One file: what it is, which part it belongs to (-1 where nothing says so), how to read it."""

    name: str
    label: str
    part: int
    read: Callable[[], bytes]
    groups: Mapping[str, str] = field(default_factory=dict[str, str])


def sounds(
    folder: str | Path,
    *,
    pattern: str | None = None,
    held_out: str | None = None,
    front: Front = "spectrogram",
    rate: int | None = None,
    seconds: float | None = None,
    scale: Scale = "standard",
    bins: int = 40,
    skip: bool = False,
    seed: int = 0,
) -> Dataset:
    """Read a folder, or a ``.zip``, of sounds: ``.wav``, and with soundfile ``.flac`` and ``.ogg``.

    Classes are folders, ``train/CLASS`` and ``test/CLASS`` where there are such; or, with a ``pattern``, part
    of each file's name. Every sound is mixed to one channel, brought to one rate and one length, and scaled
    so that its loudest sample is at full scale, since how near the microphone was is rarely the question.

    Args:
        folder: where the sounds are.
        pattern: how file names are made, such as ``"{label}_{speaker}_{take}"``; ``{label}`` is the class.
        held_out: which sounds are for testing, by another part of the pattern: ``"speaker=theo"``, or
            ``"take=0,1,2"``. Without it rows are split 70 : 15 : 15 at random, which tests on the voices
            (machines, rooms) that were learned from.
        front: ``"spectrogram"`` (log-mel levels in dB, frames of 25 ms every 10 ms), or ``"waveform"``.
        rate: samples per second; ``None`` takes the commonest.
        seconds: common length; ``None`` takes one that holds 95 % of the sounds whole. Shorter sounds get
            silence behind them, longer ones lose their end.
        scale: ``"standard"``: the loudest sample at full scale, then standardised; ``"none"``: samples as
            they lie in the file, ±1, and levels in dB, as a network that learned elsewhere may expect.
        bins: bands of a spectrogram, from 50 Hz to half the rate.
        skip: leave out files that are damaged or silent, and name them in ``notes``, instead of raising.
        seed: of the split.

    Returns:
        Levels ``[N, 1, F, T]``, standardised bin by bin, or waveforms ``[N, 1, T]``, standardised as a whole,
        with their :class:`pellucid.inputs.AudioSpec`: absent is the mean level of the training sounds at each
        pitch, or silence.

    Raises:
        LoadError: if there is no such folder, or soundfile is needed and missing.
        InputError: if the pattern does not fit, there are fewer than two classes, a file is damaged, or
            a length, rate or number of bands is out of range.

    Example:
        >>> import tempfile, wave
        >>> root = Path(tempfile.mkdtemp())
        >>> for k in range(8):
        ...     with wave.open(str(root / f"{('low', 'high')[k % 2]}_{k}.wav"), "wb") as file:
        ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
        ...         pitch = (300, 2500)[k % 2]
        ...         tone = np.sin(2 * np.pi * pitch * np.arange(1600) / 8000)
        ...         file.writeframes((tone * 9000).astype("<i2").tobytes())
        >>> data = sounds(root, pattern="{label}_{take}")
        >>> data.inputs.shape, data.classes
        (torch.Size([8, 1, 40, 20]), ('high', 'low'))
    """
    if front not in ("waveform", "spectrogram"):
        raise InputError(f"front={front!r} is not known. {near_misses(front, ('waveform', 'spectrogram'))}")
    if scale not in ("standard", "none"):
        raise InputError(f"scale={scale!r} is not known. {near_misses(scale, ('standard', 'none'))}")
    _check_sizes(bins, seconds, rate)
    root = existing(folder)
    found = _found(root, pattern, held_out)
    kept, read, notes = _read(found, root, skip=skip)
    waves, rate, changed = _alike(read, rate, seconds, full=scale == "standard")
    classes = in_order({sound.label for sound in kept})
    if len(classes) < 2:
        raise InputError(
            f"{root} has one class only ({', '.join(classes)}); expected a folder for each of several, "
            'or a pattern such as "{label}_{take}".'
        )
    answers = torch.tensor([classes.index(sound.label) for sound in kept])
    given = torch.tensor([sound.part for sound in kept], dtype=torch.int8)
    parts = (
        split(answers, classes=True, seed=seed)
        if int(given.max()) < 0
        else with_validation(given, answers, classes=True, seed=seed)
    )
    _learned(answers, parts, classes, root)
    inputs, spec = _standardised(waves, parts, rate, front, bins)
    if scale == "none":
        inputs, spec = spec.levels(inputs), dataclasses.replace(spec, mean=(0.0,), std=(1.0,))
    if held_out is not None:
        changed.append(f"Held out for testing: {held_out} ({int((parts == 2).sum()):,} sounds).")
    return Dataset(root.resolve().name.removesuffix(".zip"), inputs, answers, spec, classes, parts,
                   answer="class", notes=(*changed, *notes), source=str(root),
                   names=tuple(sound.name for sound in kept))  # fmt: skip


def _check_sizes(bins: int, seconds: float | None, rate: int | None) -> None:
    if bins < 2:
        raise InputError(f"bins must be at least 2, got {bins}.")
    if seconds is not None and not 0 < seconds < math.inf:
        raise InputError(f"seconds must be above 0, got {seconds}.")
    if rate is not None and not 1 <= rate <= FASTEST:
        raise InputError(
            f"rate must be 1 to {FASTEST:,} samples per second, got {rate:,}. "
            "Leave it away to keep the rate that most of the sounds have."
        )


def holds_sounds(place: Path) -> bool:
    """Whether a folder or a ``.zip`` holds at least one sound."""
    if place.is_file():
        return zipfile.is_zipfile(place) and any(n.lower().endswith(SOUNDS) for n in Zipped(place).names)
    return any(path.name.lower().endswith(SOUNDS) for path in place.rglob("*") if path.is_file())


def _files(root: Path) -> list[tuple[PurePosixPath, Callable[[], bytes]]]:
    """Every file that counts, with the way to read it, in order of their names."""
    if root.is_file():
        if not zipfile.is_zipfile(root):
            raise LoadError(f"{root} is a file; expected a folder of sounds or a .zip of one.")
        packed = Zipped(root)
        pairs = [(PurePosixPath(name), partial(packed.read, name)) for name in packed.names]
    else:
        paths = [path for path in root.rglob("*") if path.is_file()]
        pairs = [(PurePosixPath(path.relative_to(root).as_posix()), path.read_bytes) for path in paths]
    return sorted((pair for pair in pairs if _counts(pair[0])), key=lambda pair: pair[0].parts)


def _counts(path: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and path.name.casefold() not in CLUTTER and path.suffix.lower() in SOUNDS


def _found(root: Path, pattern: str | None, held_out: str | None) -> list[Sound]:
    files = _files(root)
    if not files:
        raise InputError(f"{root} holds no sounds ({', '.join(SOUNDS)}).")
    known = None if pattern is None else _expression(pattern)
    found = [_sound(path, read, known, pattern or "") for path, read in files]
    if known is None and any(not sound.label for sound in found):
        name = next(path for path, _ in files if len(path.parts) == 1)
        raise InputError(
            f"{name} in {root} lies in no folder that names its class. If names of files do, say how: "
            'pattern="{label}_{speaker}_{take}".'
        )
    return found if held_out is None else _with_test(found, held_out)


def _expression(pattern: str) -> re.Pattern[str]:
    fields = re.findall(r"\{(\w+)\}", pattern)
    if not fields or len(set(fields)) < len(fields):
        raise InputError(
            f"pattern={pattern!r}: expected parts in braces, each named once: "
            '"{label}_{speaker}_{take}".'
        )
    parts = re.split(r"\{(\w+)\}", pattern)
    made = "".join(f"(?P<{p}>.+?)" if k % 2 else re.escape(p) for k, p in enumerate(parts))
    return re.compile(made)


def _sound(
    path: PurePosixPath, read: Callable[[], bytes], known: re.Pattern[str] | None, pattern: str
) -> Sound:
    number = {word: k for k, words in enumerate(PART_WORDS) for word in words}
    part = number.get(path.parts[0].casefold(), -1) if len(path.parts) > 1 else -1
    # a lone folder called "test" beside classes of other names is told by its depth
    folder = path.parent.name if len(path.parts) > (2 if part >= 0 else 1) else ""
    if known is None:
        return Sound(str(path), folder, part, read)
    fitted = known.fullmatch(path.stem)
    if fitted is None:
        raise InputError(
            f"{path} does not fit pattern={pattern!r}; such a name would be {_example(pattern)}."
        )
    groups = fitted.groupdict()
    label = groups.get("label", folder)
    if not label:
        raise InputError(f"pattern={pattern!r} has no {{label}}, and {path} lies in no folder of a class.")
    return Sound(str(path), label, part, read, groups)


def _example(pattern: str) -> str:
    return re.sub(r"\{(\w+)\}", r"\1", pattern) + ".wav"


def _with_test(found: Sequence[Sound], held_out: str) -> list[Sound]:
    name, sign, listed = held_out.partition("=")
    wanted = {value.strip() for value in listed.split(",") if value.strip()}
    if not sign or not wanted:
        raise InputError(f'held_out: expected NAME=VALUE, such as "speaker=theo"; got {held_out!r}.')
    name, fields = name.strip(), list(found[0].groups)
    if name not in fields:
        near = near_misses(name, fields) if fields else "Give a pattern that names it."
        raise InputError(f"held_out: no part of the file names is called {name!r}. {near}")
    there = {sound.groups[name] for sound in found}
    strange = sorted(wanted - there)
    if strange:
        raise InputError(f"held_out: no sound has {name} {strange[0]!r}. {near_misses(strange[0], there)}")
    if wanted == there:
        raise InputError(f"held_out={held_out!r} leaves no sound to learn from.")
    return [Sound(s.name, s.label, 2 if s.groups[name] in wanted else 0, s.read, s.groups) for s in found]


def _read(
    found: Sequence[Sound], root: Path, *, skip: bool
) -> tuple[list[Sound], list[tuple[Samples, int]], list[str]]:
    kept: list[Sound] = []
    read: list[tuple[Samples, int]] = []
    notes: list[str] = []
    stereo = 0
    for sound in found:
        try:
            samples, rate = decoded(sound.read(), sound.name)
            mixed = samples.mean(1)
            if not len(mixed) or not np.isfinite(mixed).all() or not np.abs(mixed).max() > 0:
                raise ValueError("it holds no sound: every sample is 0 or none is there")
        except LoadError:
            raise
        except (ValueError, OSError) as error:
            if not skip:
                raise InputError(
                    f"{sound.name} in {root} cannot be read: {error}. Repair or remove it, or leave such "
                    "files out (--skip, in Python skip=True)."
                ) from None
            notes.append(f"{sound.name} was left out: {error}.")
            continue
        stereo += samples.shape[1] > 1
        kept.append(sound)
        read.append((mixed, rate))
    if not kept:
        raise InputError(f"{root}: none of its files holds a sound.")
    return (
        kept,
        read,
        [*([f"{stereo} sounds of several channels were mixed to one."] if stereo else []), *notes],
    )


def _alike(
    read: Sequence[tuple[Samples, int]], rate: int | None, seconds: float | None, *, full: bool
) -> tuple[Tensor, int, list[str]]:
    """Sounds ``[N, 1, T]`` of one rate and length, ``full``: loudest sample 1, and what was done to them."""
    rates = Counter(own for _, own in read)
    rate = rate or rates.most_common(1)[0][0]
    notes = ["Each sound was scaled so that its loudest sample is at full scale."] if full else []
    strange = len(read) - rates[rate]
    if strange:
        notes.append(f"{strange:,} of {len(read):,} sounds were resampled to {rate:,} samples per second.")
    waves = [resampled(samples, own, rate) for samples, own in read]
    lengths = np.array([len(wave) for wave in waves])
    length = round(seconds * rate) if seconds else _common(lengths, rate)
    made = np.zeros((len(waves), 1, length), np.float32)
    for row, wave in zip(made, waves, strict=True):
        part = wave[:length]
        row[0, : len(part)] = part / ((np.abs(part).max() or 1) if full else 1)
    cut, short = int((lengths > length).sum()), int((lengths < length).sum())
    if cut or short:
        notes.append(
            f"Sounds last {lengths.min() / rate:.2f} to {lengths.max() / rate:.2f} s; all were brought to "
            f"{length / rate:.2f} s: {cut:,} lost their end, {short:,} got silence behind them."
        )
    return torch.from_numpy(made), rate, notes


def _common(lengths: np.ndarray[tuple[int], np.dtype[np.int64]], rate: int) -> int:
    """The length that holds most sounds whole, in full hundredths of a second."""
    step = max(1, rate // 100)
    if lengths.min() == lengths.max():
        return int(lengths[0])
    return math.ceil(float(np.quantile(lengths, FIT)) / step) * step


def resampled(samples: Samples, own: int, rate: int) -> Samples:
    """One channel at another rate."""
    if own == rate:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(own, rate)
    return np.asarray(resample_poly(samples, rate // common, own // common), dtype=np.float32)


def _learned(answers: Tensor, parts: Tensor, classes: Sequence[str], root: Path) -> None:
    learned = set(answers[parts == 0].tolist())
    strange = [name for k, name in enumerate(classes) if k not in learned]
    if strange:
        raise InputError(f"{root}: class {strange[0]} has sounds for testing but none for training.")


def _standardised(
    waves: Tensor, parts: Tensor, rate: int, front: Front, bins: int
) -> tuple[Tensor, AudioSpec]:
    if front == "waveform":
        std = round(float(waves[parts == 0].std()), 6)
        return waves / std, AudioSpec(rate, size=waves.shape[-1], std=(std,))
    window, hop, high = round(0.025 * rate), round(0.01 * rate), rate / 2
    if high <= LOWEST:
        raise InputError(
            f"A spectrogram begins at {LOWEST:g} Hz and needs more than {2 * LOWEST:g} samples per second; "
            f"these sounds have {rate}. Use front='waveform'."
        )
    if waves.shape[-1] < hop:
        raise InputError(f"These sounds are shorter than one frame of {hop} samples; use front='waveform'.")
    levels = log_mel(waves, rate, bins=bins, window=window, hop=hop, low=LOWEST, high=high)
    train = levels[parts == 0]
    std = train.std((0, 1, 3))
    std[std < SPREAD] = 1.0
    spec = AudioSpec(
        rate,
        "spectrogram",
        size=levels.shape[-1],
        frequencies=tuple(round(f, 3) for f in mel_frequencies(bins, LOWEST, high)),
        hop=hop,
        window=window,
        mean=tuple(round(v, 4) for v in train.mean((0, 1, 3)).tolist()),
        std=tuple(round(v, 4) for v in std.tolist()),
        absence="mean",
    )
    return spec.encoded(levels), spec
