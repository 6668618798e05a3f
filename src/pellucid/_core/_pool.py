"""The largest of every four neighbours, quicker on a processor where no slope is asked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaxPool2d(nn.MaxPool2d):
    """``torch.nn.MaxPool2d(2)`` to the last digit; without slopes about seven times quicker on a processor.

    PyTorch also finds which of the four was the largest, one number at a time, which took more than half of
    a small network's pass. Slopes need that, answers do not.

    Example:
        >>> x = torch.randn(2, 3, 9, 6)
        >>> with torch.no_grad():
        ...     quick = MaxPool2d()(x)
        >>> torch.equal(quick, nn.MaxPool2d(2)(x))
        True
    """

    def __init__(self) -> None:
        """Squares of 2 × 2 side by side; a last odd row or column is left out."""
        super().__init__(2)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as the parent calls it
        """``[N, C, H, W]`` to ``[N, C, H // 2, W // 2]``."""
        # what stands for a plain tensor may have ways of its own
        plain = type(input) is Tensor and input.device.type == "cpu"
        if torch.is_grad_enabled() or not plain or min(input.shape[-2:]) < 2:
            return F.max_pool2d(input, 2)
        height, width = input.shape[-2] // 2 * 2, input.shape[-1] // 2 * 2
        tall = torch.maximum(input[..., 0:height:2, :width], input[..., 1:height:2, :width])
        return torch.maximum(tall[..., ::2], tall[..., 1::2])
