"""Sounds: bands of pitch, stretches of time, loudness, and what is heard in the pauses."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from pellucid._core import percent
from pellucid.evidence._shortcuts._contest import Mix, Rows, Suspect
from pellucid.evidence._shortcuts._pictures import CONTENT, IDLE, whole
from pellucid.inputs import AudioSpec

STRETCHES = 8
OCTAVES = 6
QUIET = 0.2  # share of a sound that counts as pauses
TRIED = "tried on every sound"


def sound_suspects(rows: Rows, spec: AudioSpec) -> list[Suspect]:
    """What a sound may give away without what is said."""
    x = rows.x
    found = [_stretch(x, spec, k) for k in range(STRETCHES)] if x.shape[-1] >= 2 * STRETCHES else []
    found += _bands_of_bins(x, spec) if spec.pitched else _bands_of_waves(x, spec)
    found.append(whole("loudness", "how loud the sound is as a whole", _louder(x, spec), IDLE))
    found.append(whole("pauses", f"the quietest {percent(QUIET, 0)} of the sound", _hushed(x, spec), IDLE))
    return found


def _stretch(x: Tensor, spec: AudioSpec, k: int) -> Suspect:
    length = x.shape[-1]
    ends = [length * j // STRETCHES for j in (k, k + 1)]
    at = torch.arange(length, device=x.device)
    taken = (at >= ends[0]) & (at < ends[1])
    moved = taken.roll(length // 2)
    outer = k in (0, STRETCHES - 1)
    return Suspect(
        "stretch",
        f"the stretch {spec.when(ends[0], ends[1])}",
        TRIED,
        _swap(x, taken),
        _swap(x, moved),
        "a stretch as long, half the sound away",
        IDLE if outer else CONTENT,
        marked=lambda rest, donor: taken.expand(len(rest), *x.shape[1:]),
    )


def _bands_of_bins(x: Tensor, spec: AudioSpec) -> list[Suspect]:
    bins = x.shape[-2]
    edges = sorted({round(bins * k / OCTAVES) for k in range(OCTAVES + 1)})
    at = torch.arange(bins, device=x.device)[:, None]
    found: list[Suspect] = []
    for low, high in _intervals(edges):
        taken = (at >= low) & (at < high)
        found.append(
            Suspect(
                "band",
                f"the band {spec.where(low, high)}",
                TRIED,
                _swap(x, taken),
                _swap(x, taken.roll(bins // 2, 0)),
                "a band as wide, half the range away",
                CONTENT,
                marked=lambda rest, donor, taken=taken: taken.expand(len(rest), *x.shape[1:]),
            )
        )
    return found


def _bands_of_waves(x: Tensor, spec: AudioSpec) -> list[Suspect]:
    count = x.shape[-1] // 2 + 1
    edges = sorted({0, *(round(count / 2**k) for k in range(OCTAVES))})
    at = torch.arange(count, device=x.device)
    found: list[Suspect] = []
    for low, high in _intervals(edges):
        taken = (at >= low) & (at < high)
        hertz = [spec.rate / 2 * end / count for end in (low, high)]
        moved = _elsewhere(taken, edges)
        found.append(
            Suspect(
                "band",
                f"the band {hertz[0]:.0f}–{hertz[1]:.0f} Hz",
                TRIED,
                lambda rest, donor, taken=taken: _filtered(x, taken, rest, donor),
                lambda rest, donor, moved=moved: _filtered(x, moved, rest, donor),
                "the next band",
                CONTENT,
                marked=lambda rest, _, taken=taken: taken.expand(len(rest), 1, -1),
                blend=lambda taken, rest, donor: _filtered(x, taken, rest, donor),
            )
        )
    return found


def _intervals(edges: list[int]) -> list[tuple[int, int]]:
    """Each band, and each two neighbours together."""
    return [*pairwise(edges), *zip(edges, edges[2:], strict=False)][: 2 * len(edges)]


def _elsewhere(taken: Tensor, edges: list[int]) -> Tensor:
    """The band next above, below for the highest: energy of sounds falls towards the high ones."""
    low, high = int(taken.nonzero()[0]), int(taken.nonzero()[-1]) + 1
    above = [end for end in edges if end > high]
    below = [end for end in edges if end < low]
    ends = (high, above[0]) if above else (below[-1], low)
    at = torch.arange(len(taken), device=taken.device)
    return (at >= ends[0]) & (at < ends[1])


def _swap(x: Tensor, taken: Tensor) -> Mix:
    return lambda rest, donor: torch.where(taken, x[donor], x[rest])


def _filtered(x: Tensor, taken: Tensor, rest: Tensor, donor: Tensor) -> Tensor:
    """Waves with some frequencies of others."""
    wave = torch.where(taken, torch.fft.rfft(x[donor]), torch.fft.rfft(x[rest]))
    return torch.fft.irfft(wave, n=x.shape[-1])


def _louder(x: Tensor, spec: AudioSpec) -> Mix:
    levels = spec.levels(x)
    if spec.pitched:
        mean = levels.mean((1, 2, 3), keepdim=True)
        return lambda rest, donor: spec.encoded(
            (levels[rest] + mean[donor] - mean[rest]).clamp(min=spec.floor)
        ).to(x)
    size = levels.square().mean((1, 2), keepdim=True).sqrt()

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        return spec.encoded((levels[rest] * (size[donor] / size[rest].clamp(min=1e-6))).clamp(-1, 1)).to(x)

    return mix


def _hushed(x: Tensor, spec: AudioSpec) -> Mix:
    """One sound whose quietest frames are replaced by as many of the quietest of another, in their order."""
    levels = spec.levels(x)
    step = 1 if spec.pitched else max(1, x.shape[-1] // 100)
    count = x.shape[-1] // step
    used = count * step
    power = levels[..., :used].square() if not spec.pitched else levels
    loud = power.flatten(1, -2).mean(1).view(len(x), count, step).mean(-1)
    few = max(1, round(QUIET * count))
    # the quietest frames of each sound, in the order of time
    frames = loud.argsort(dim=1, stable=True)[:, :few].sort(1).values
    at = (frames[:, :, None] * step + torch.arange(step, device=x.device)).flatten(1)

    def mix(rest: Tensor, donor: Tensor) -> Tensor:
        shape = (len(rest), *[1] * (x.ndim - 2), -1)
        target = at[rest].view(shape).expand(*x[rest].shape[:-1], -1)
        source = at[donor].view(shape).expand(*x[donor].shape[:-1], -1)
        return x[rest].clone().scatter(-1, target, x[donor].gather(-1, source))

    return mix
