"""Values inside each channel's range, with the data's own colours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features._statistics import channel_range, mixed, mixing

BORDER = 0.02  # share of the range at each end that is taken as one value, so that its logit is finite


@dataclass(frozen=True, slots=True, eq=False)
class Colour:
    """Plain channels, uncorrelated and of variance 1, as values between each channel's smallest and largest.

    A value is ``low + (high − low) · sigmoid(mean + mix · plain)``; mean and covariance ``mix · mixᵀ`` are
    those of the data's own pixels, seen through the inverse of the sigmoid.
    """

    low: Tensor
    high: Tensor
    mean: Tensor
    mix: Tensor

    @classmethod
    def of(cls, data: Tensor) -> Colour:
        """Take the colours of data ``[n, C, *space]``."""
        low, high = channel_range(data)
        bent = _bent(data, low, high)
        mean = bent.mean([0, *range(2, bent.ndim)]).view(low.shape)
        return cls(low, high, mean, mixing(bent - mean))

    def paint(self, plain: Tensor) -> Tensor:
        """Values from plain channels."""
        return self.low + (self.high - self.low) * torch.sigmoid(self.mean + mixed(plain, self.mix))

    def plain(self, values: Tensor) -> Tensor:
        """Plain channels of values."""
        return mixed(_bent(values, self.low, self.high) - self.mean, torch.linalg.inv(self.mix))


def _bent(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return torch.logit(((values - low) / (high - low).clamp_min(1e-12)).clamp(BORDER, 1 - BORDER))
