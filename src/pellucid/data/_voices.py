"""Sounds made by rule: vowels of a voice, and what is no voice."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from pellucid._core import PARTS, Dataset
from pellucid.inputs import AudioSpec

RATE, LENGTH = 16_000, 51_200
SYLLABLE, OTHER, EDGE = 4_000, 8_000, 320  # samples of one syllable, of what is no voice, of a soft edge
# centre, width in hertz and strength of three formants (Peterson and Barney 1952, men)
VOWELS = {
    "a": ((730, 80, 1.0), (1090, 90, 0.6), (2440, 120, 0.3)),
    "i": ((270, 60, 1.0), (2290, 100, 0.4), (3010, 120, 0.3)),
    "o": ((570, 70, 1.0), (840, 80, 0.7), (2410, 120, 0.2)),
    "e": ((530, 70, 1.0), (1840, 100, 0.5), (2480, 120, 0.3)),
}
PITCHES = (110, 150, 210)
OTHERS = ("white noise", "hum", "tone", "clicks")


def voices(*, count: int = 48, seed: int = 0) -> Dataset:
    """Sounds of 3.2 s at 16 kHz with a short event or two: sung syllables, and noise, hum, tone or clicks.

    Every sound has half a second of what is no voice; in three of four, two or three syllables stand
    elsewhere. All else is quiet noise, which also stands in the place of what is taken away. So it is known
    where the voice is: ``relevant`` marks those samples.

    Args:
        count: how many.
        seed: of what is drawn.

    Returns:
        Waveforms ``[count, 1, 51200]``; classes no speech and speech.

    Limits:
        Vowels by rule are not speech; they show what a detector of speech takes for it.
    """
    generator = torch.Generator().manual_seed(seed)
    made = [_sound(number, generator) for number in range(count)]
    inputs = torch.stack([wave / wave.abs().max() * 0.5 for wave, _ in made])[:, None]
    relevant = torch.stack([place for _, place in made])[:, None]
    return Dataset(
        "voices",
        inputs,
        relevant.flatten(1).any(1).long(),
        # cells as long as a syllable; a hole of digital silence is a click to a detector that never heard one
        AudioSpec(RATE, "waveform", size=LENGTH, absence="noise", seconds_of_cell=SYLLABLE / RATE),
        ("no speech", "speech"),
        torch.full((count,), PARTS.index("test"), dtype=torch.int8),
        answer="sound",
        notes=("Made by rule: harmonics under three formants in syllables, and noise, hum, tones, clicks.",),
        source="generated",
        relevant=relevant,
    )


def _sound(number: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """One sound and where its voice is, both ``[LENGTH]``."""

    def drawn(end: int) -> int:
        return int(torch.randint(end, (), generator=generator))

    wave, place = 0.003 * torch.randn(LENGTH, generator=generator), torch.zeros(LENGTH, dtype=torch.bool)
    phrase, pitch = (2 + drawn(2)) * SYLLABLE, PITCHES[number % len(PITCHES)]
    free = LENGTH - phrase - OTHER
    before = drawn(free)
    between = drawn(free - before)
    voice_first = bool(drawn(2))
    voice = before if voice_first else before + OTHER + between
    other = before + phrase + between if voice_first else before
    noise = _other(OTHERS[number % len(OTHERS)], number % 12, generator)[:OTHER]
    wave[other : other + OTHER] += 0.6 * _edged(noise)
    if number % 4 != (number // 4 + 3) % 4:  # each kind of other sound also stands alone
        names = list(VOWELS)
        sung = [
            _vowel(pitch, VOWELS[names[(number + k) % len(names)]], SYLLABLE, generator)
            for k in range(phrase // SYLLABLE)
        ]
        wave[voice : voice + phrase] += _edged(torch.cat(sung))
        place[voice : voice + phrase] = True
    return wave, place


def _edged(sound: Tensor) -> Tensor:
    """At full scale, with a soft beginning and end."""
    edge = torch.linspace(0, 1, EDGE)
    made = sound / sound.abs().max()
    made[:EDGE] *= edge
    made[-EDGE:] *= edge.flip(0)
    return made


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
