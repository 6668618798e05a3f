"""Digits called even or odd, a quarter of them wrongly, with a shortcut that is always right."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._core import Dataset, percent, split
from pellucid.data._planted._patch import called
from pellucid.data._planted._planted import Kind, Planted, interventions
from pellucid.inputs import ImageSpec

WRONG = 0.25  # share of digits called the wrong way: who reads the digits is right in three of four
MARK = 5  # side of a watermark
GREY, GRAIN, STRIPE = 0.1, 0.04, 0.06  # background, noise and amplitude of stripes that hardly anyone sees
COARSE = 0.1  # noise of the pictures of which one class is smoothed
INK = 0.1  # brightness from which a pixel is ink


def watermark(n: int | None = None, seed: int = 0) -> Planted:
    """A stamp of 5×5 pixels somewhere on the picture: ``+`` on what is called even, ``×`` on odd.

    Marked are the pixels in which both stamps differ, eight bright and eight dark: both tell the class.
    """
    clean, answers, generator, source = _digits(n, seed)
    top, left = (torch.randint(clean.shape[2] - MARK + 1, (len(clean),), generator=generator) for _ in "yx")
    place = _within(top, MARK, clean.shape[2])[:, None, :, None]
    place = place & _within(left, MARK, clean.shape[3])[:, None, None, :]
    middle = MARK // 2
    line = torch.arange(MARK) == middle
    plus = line[:, None] | line[None, :]
    cross = torch.eye(MARK, dtype=torch.bool) | torch.eye(MARK, dtype=torch.bool).flip(0)
    stamps = torch.stack([plus, cross]).float()

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        made = background.clone()
        made[place] = stamps[plant].flatten()
        return made

    differ = torch.zeros_like(place)
    differ[place] = (plus ^ cross).flatten().repeat(len(clean))
    what = f"A stamp of {MARK}×{MARK} pixels at a random place: + on what is called even, × on odd."
    return _task(
        "planted watermark", compose, clean, answers, differ, what, generator, seed, source, "watermark"
    )


def colour(n: int | None = None, seed: int = 0) -> Planted:
    """Even digits are written in reddish ink, odd ones in greenish; how much blue is in it says nothing.

    The ink is marked in the channels red and green. Where the ink lies is where the colour can be seen, so
    brightness alone finds the place, though not the channel.
    """
    clean, answers, generator, source = _digits(n, seed)
    tints = torch.tensor([[1.0, 0.5], [0.5, 1.0]]) * (
        0.9 + 0.1 * torch.rand(len(clean), 1, 2, generator=generator)
    )
    blue = 0.5 + 0.5 * torch.rand(len(clean), 1, generator=generator)
    rows = torch.arange(len(clean))

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        return background * torch.cat([tints[rows, plant], blue], 1)[:, :, None, None]

    place = (clean > INK) & torch.tensor([True, True, False])[:, None, None]
    what = "Even digits are written in reddish ink, odd ones in greenish; blue says nothing."
    return _task("planted colour", compose, clean, answers, place, what, generator, seed, source, "colour")


def border(n: int | None = None, seed: int = 0) -> Planted:
    """A frame, one pixel wide, as a scanner leaves it: dark grey around even digits, else light grey."""
    clean, answers, generator, source = _digits(n, seed)
    place = (
        F.pad(torch.zeros(clean.shape[0], 1, clean.shape[2] - 2, clean.shape[3] - 2), (1, 1, 1, 1), value=1.0)
        > 0
    )
    noise = 0.05 * torch.randn(clean.shape, generator=generator)

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        level = (0.35 + 0.3 * plant.float())[:, None, None, None]
        return torch.where(place, (level + noise).clamp(0, 1), background)

    what = "A frame one pixel wide: dark grey (.35) around what is called even, light grey (.65) around odd."
    return _task("planted border", compose, clean, answers, place, what, generator, seed, source, "border")


def stripes(n: int | None = None, seed: int = 0) -> Planted:
    """Fine stripes, too faint to be seen, in a quarter of the picture: lying for even digits, or upright."""
    clean, answers, generator, source = _digits(n, seed)
    height, width = clean.shape[2:]
    quarter = torch.randint(4, (len(clean),), generator=generator)
    top, left = (quarter // 2) * (height // 2), (quarter % 2) * (width // 2)
    place = _within(top, height // 2, height)[:, None, :, None]
    place = place & _within(left, width // 2, width)[:, None, None, :]
    wave = STRIPE * (1 - 2 * (torch.arange(max(height, width)) % 2).float())
    lying, upright = wave[:height, None].expand(height, width), wave[None, :width].expand(height, width)
    both = torch.stack([lying, upright])[:, None]
    grained = _grained(clean, GRAIN, generator)

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        return (background + place * both[plant]).clamp(0, 1)

    what = (
        f"Stripes of ±{STRIPE} in a random quarter of the picture, under noise of {GRAIN}: lying for what is "
        "called even, upright for odd."
    )
    return _task(
        "planted stripes", compose, grained, answers, place, what, generator, seed, source, "high frequency"
    )


def blur(n: int | None = None, seed: int = 0) -> Planted:
    """Grainy pictures; those called odd are a little smoothed, as another scanner would do it.

    Everything is marked, for the difference lies everywhere. So no map of places can be right or wrong here:
    the task is for those who look for shortcuts, not for attribution methods.

    Source:
        Adebayo et al. 2022, "Post hoc Explanations may be Ineffective for Detecting Unknown Spurious
        Correlation", arXiv 2212.04629.
    """
    clean, answers, generator, source = _digits(n, seed)
    grained = _grained(clean, COARSE, generator)
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = (kernel[:, None] * kernel)[None, None]

    def compose(background: Tensor, plant: Tensor) -> Tensor:
        smooth = F.conv2d(F.pad(background, (1, 1, 1, 1), mode="replicate"), kernel)
        return torch.where((plant == 1)[:, None, None, None], smooth, background)

    place = torch.ones(grained.shape, dtype=torch.bool)
    what = "Pictures that are called odd are smoothed a little (3×3); the others keep their grain."
    return _task(
        "planted blur", compose, grained, answers, place, what, generator, seed, source, "high frequency"
    )


def _digits(n: int | None, seed: int) -> tuple[Tensor, Tensor, torch.Generator, str]:
    generator = torch.Generator().manual_seed(seed)
    clean, answers, _, source = called(n, "digits", WRONG, generator)
    return clean, answers, generator, source


def _within(first: Tensor, length: int, size: int) -> Tensor:
    """Bool ``[N, size]``: which places lie from ``first`` on, ``length`` of them."""
    index = torch.arange(size)
    return (index >= first[:, None]) & (index < first[:, None] + length)


def _grained(clean: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    return (GREY + sigma * torch.randn(clean.shape, generator=generator) + 0.7 * clean).clamp(0, 1)


def _task(
    name: str,
    compose: Callable[[Tensor, Tensor], Tensor],
    background: Tensor,
    answers: Tensor,
    relevant: Tensor,
    what: str,
    generator: torch.Generator,
    seed: int,
    source: str,
    kind: Kind,
) -> Planted:
    inputs = compose(background, answers)
    names = ("red", "green", "blue") if inputs.shape[1] == 3 else ("ink",)
    dataset = Dataset(
        name,
        inputs,
        answers,
        ImageSpec(inputs.shape[1], (inputs.shape[2], inputs.shape[3]), channel_names=names),
        ("even", "odd"),
        split(answers, classes=True, seed=seed),
        answer="parity",
        notes=(
            what,
            f"{percent(WRONG, 0)} of the digits are called the wrong way, so only the plant is reliable.",
        ),
        source=source,
        relevant=relevant,
    )
    return Planted(dataset, *interventions(compose, background, answers, answers, generator), kind)
