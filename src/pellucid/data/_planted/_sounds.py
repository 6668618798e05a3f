"""Sounds with a short tone whose pitch decides."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid._core import Dataset, split
from pellucid.data._planted._planted import Planted, enough, interventions
from pellucid.inputs import AudioSpec

RATE = 1024  # samples of a sound, which lasts a second
SLOTS = 8  # places in which a tone may stand
BURST = RATE // SLOTS  # samples of a tone
PITCHES, OTHER = (70.0, 120.0), 95.0  # hertz
LOUD, NOISE = 0.5, 0.05


def burst(n: int = 1500, seed: int = 0) -> Planted:
    """A second of noise with two tones of an eighth each: one of 70 or 120 Hz decides, one of 95 Hz does not.

    Marked is the tone that decides; the other one is as loud and as long, and begins in another eighth.
    """
    enough(n)
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(SLOTS, (n,), generator=generator)
    second = (first + torch.randint(1, SLOTS, (n,), generator=generator)) % SLOTS
    answers = torch.randint(2, (n,), generator=generator)
    phases = 2 * math.pi * torch.rand(n, 2, generator=generator)
    hiss = NOISE * torch.randn(n, RATE + BURST, generator=generator)
    slots, rows = torch.arange(SLOTS), torch.arange(n)
    background = hiss[:, :RATE].view(n, SLOTS, BURST).clone()
    background[rows, second] += _tone(torch.full((n,), OTHER), phases[:, 1])
    tone = _tone(torch.tensor(PITCHES)[answers], phases[:, 0]) + hiss[:, RATE:]
    place = slots == first[:, None]

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        made = background.clone()
        made[rows, first] = plant
        return made.flatten(1)[:, None]

    relevant = place.repeat_interleave(BURST, 1)[:, None]
    low, high = (f"{pitch:.0f}" for pitch in PITCHES)
    dataset = Dataset(
        "planted burst",
        compose(background, tone),
        answers,
        AudioSpec(RATE, size=RATE, seconds_of_cell=1 / 64),
        ("low", "high"),
        split(answers, classes=True, seed=seed),
        answer="tone",
        notes=(f"A tone of {low} or {high} Hz decides; another of {OTHER:.0f} Hz says nothing.",),
        source="generated",
        relevant=relevant,
    )
    return Planted(dataset, *interventions(compose, background, tone, answers, generator), "tone")


def _tone(pitch: Tensor, phase: Tensor) -> Tensor:
    """Tones ``[N, BURST]`` that swell and fade."""
    time = torch.arange(BURST) / RATE
    swell = torch.hann_window(BURST, periodic=False)
    return LOUD * swell * torch.sin(2 * math.pi * pitch[:, None] * time + phase[:, None])
