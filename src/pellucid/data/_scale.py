"""Pixels on the scale that networks learn well on."""

from __future__ import annotations

from torch import Tensor

from pellucid.inputs import ImageSpec

NAMES = (("grey",), ("grey", "alpha"), ("red", "green", "blue"), ("red", "green", "blue", "alpha"))


def standardised(pixels: Tensor, parts: Tensor) -> tuple[Tensor, ImageSpec]:
    """Pixels ``[N, C, H, W]`` in 0..1 with mean 0 and sd 1 per channel in training, and their spec."""
    train = pixels[parts == 0]
    mean = train.mean((0, 2, 3)).double()
    std = train.std((0, 2, 3), correction=0).double()
    std[std < 1e-6] = 1.0  # a channel without contrast stays as it is
    channels = pixels.shape[1]
    spec = ImageSpec(
        channels,
        (pixels.shape[2], pixels.shape[3]),
        tuple(round(v, 6) for v in mean.tolist()),
        tuple(round(v, 6) for v in std.tolist()),
        channel_names=NAMES[channels - 1] if channels <= len(NAMES) else (),
    )
    return spec.from_pixels(pixels), spec
