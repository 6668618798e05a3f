"""Sounds made by rule: vowels of a voice, and what is no voice."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from pellucid._core import PARTS, Dataset
from pellucid.inputs import AudioSpec

RATE, LENGTH = 16_000, 20_480
# centre, width in hertz and strength of three formants (Peterson and Barney 1952, men)
VOWELS = {
    "a": ((730, 80, 1.0), (1090, 90, 0.6), (2440, 120, 0.3)),
    "i": ((270, 60, 1.0), (2290, 100, 0.4), (3010, 120, 0.3)),
    "o": ((570, 70, 1.0), (840, 80, 0.7), (2410, 120, 0.2)),
    "e": ((530, 70, 1.0), (1840, 100, 0.5), (2480, 120, 0.3)),
}
PITCHES = (110, 150, 210)
OTHERS = ("white noise", "hum", "tone", "clicks")


def voices(*, seed: int = 0) -> Dataset:
    """24 sounds of 1.28 s at 16 kHz: sung vowels in syllables, and noise, hum, tones and clicks.

    A voice begins after a third of a second of quiet noise, so that it is known where it is: ``relevant``
    marks those samples.

    Returns:
        Waveforms ``[24, 1, 20480]``; classes no speech and speech, in turns.

    Limits:
        Vowels by rule are not speech; they show what a detector of speech takes for it.
    """
    generator = torch.Generator().manual_seed(seed)
    begins = LENGTH // 4
    made, answers = list[Tensor](), list[int]()
    for number, vowel in enumerate(v for _ in PITCHES for v in VOWELS):
        quiet = 0.003 * torch.randn(LENGTH, generator=generator)
        sung = _vowel(PITCHES[number // len(VOWELS)], VOWELS[vowel], LENGTH - begins, generator)
        quiet[begins:] += sung
        made += [quiet, _other(OTHERS[number % len(OTHERS)], number, generator)]
        answers += [1, 0]
    inputs = torch.stack([one / one.abs().max() * 0.5 for one in made])[:, None]
    place = torch.arange(LENGTH) >= begins
    relevant = torch.tensor(answers, dtype=torch.bool)[:, None, None] & place
    return Dataset(
        "voices",
        inputs,
        torch.tensor(answers),
        AudioSpec(RATE, "waveform", size=LENGTH),
        ("no speech", "speech"),
        torch.full((len(made),), PARTS.index("test"), dtype=torch.int8),
        answer="sound",
        notes=("Made by rule: harmonics under three formants in syllables, and noise, hum, tones, clicks.",),
        source="generated",
        relevant=relevant,
    )


def _vowel(
    pitch: float, formants: tuple[tuple[float, float, float], ...], length: int, generator: Generator
) -> Tensor:
    """Harmonics of a gliding pitch under the formants, four syllables a second."""
    t = torch.arange(length) / RATE
    start = 2 * math.pi * float(torch.rand(1, generator=generator))
    glide = pitch * (1 + 0.15 * torch.sin(2 * math.pi * 0.9 * t + start))
    phase = 2 * math.pi * torch.cumsum(glide, 0) / RATE
    sung = torch.zeros(length)
    for k in range(1, 4000 // int(pitch)):
        gain = sum(
            strength / (1 + ((k * glide - centre) / width) ** 2) for centre, width, strength in formants
        )
        sung += gain * torch.sin(k * phase) / k**0.5
    syllables = (0.5 - 0.5 * torch.cos(2 * math.pi * 4 * t)).clamp(min=0.05)
    return sung * syllables


def _other(kind: str, number: int, generator: Generator) -> Tensor:
    t = torch.arange(LENGTH) / RATE
    noise = torch.randn(LENGTH, generator=generator)
    if kind == "white noise":
        return noise
    if kind == "hum":
        return sum((torch.sin(2 * math.pi * 50 * k * t) / k for k in range(1, 6)), 0.02 * noise)
    if kind == "tone":
        return torch.sin(2 * math.pi * (440 + 110 * number) * t) + 0.01 * noise
    clicks = 0.002 * noise
    clicks[:: RATE // (4 + number)] += 1.0
    return clicks
