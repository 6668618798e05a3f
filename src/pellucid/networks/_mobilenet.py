"""MobileNetV2 in plain torch: small enough for a laptop, good enough to know a cat."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from pellucid.errors import InputError
from pellucid.networks._architecture import Architecture
from pellucid.networks._plain import Plain

# widening, channels, blocks, stride of the first: the paper's table 2
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
FIRST, LAST = 32, 1280


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; the input is added where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, widening: int) -> None:
        super().__init__()
        wide = inputs * widening
        self.adds = stride == 1 and inputs == outputs
        widen = [_convolution(inputs, wide, 1)] if widening != 1 else []
        narrow = [nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*widen, _convolution(wide, wide, 3, stride, groups=wide), *narrow)

    def forward(self, x: Tensor) -> Tensor:
        """``x + conv(x)``, or ``conv(x)`` where they differ in shape."""
        return x + self.conv(x) if self.adds else self.conv(x)


def mobilenet_v2(outputs: int = 1000, *, channels: int = 3, seed: int = 0) -> Plain:
    """MobileNetV2 of full width for pictures ``[N, channels, H, W]``: a logit for each class.

    ``features.0`` to ``features.18``, ``pool``, ``flatten``, ``classifier``; parameters bear the names of
    torchvision's, so its weights fit.

    Args:
        outputs: number of classes.
        channels: of the pictures.
        seed: decides the weights; torch's own random state is neither read nor moved.

    Returns:
        An untrained network; 3.5 million parameters for 1,000 classes, 0.3 GFLOP per 224 × 224 picture.

    Raises:
        InputError: where a size is below 1.

    Source:
        Sandler et al. 2018, MobileNetV2, arXiv 1801.04381.

    Example:
        >>> sum(p.numel() for p in mobilenet_v2().parameters())
        3504872
    """
    if outputs < 1 or channels < 1:
        raise InputError(f"outputs and channels must be at least 1, got {outputs} and {channels}.")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        blocks: list[nn.Module] = [_convolution(channels, FIRST, 3, 2)]
        width = FIRST
        for widening, wide, count, stride in STAGES:
            for number in range(count):
                blocks.append(InvertedResidual(width, wide, stride if number == 0 else 1, widening))
                width = wide
        blocks.append(_convolution(width, LAST, 1))
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            features=nn.Sequential(*blocks),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(nn.Dropout(0.2), nn.Linear(LAST, outputs)),
        )
    params = {"outputs": outputs, "channels": channels, "seed": seed}
    return Plain(layers, Architecture("mobilenet_v2", params))


def _convolution(inputs: int, outputs: int, side: int, stride: int = 1, *, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, side, stride, (side - 1) // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())
