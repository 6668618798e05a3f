"""The network as other libraries see it: log-odds of both classes, with a count of rows."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init


class Scored(nn.Module):
    """A copy of a network of two classes whose outputs are log-odds ``z0 - z1`` and ``z1 - z0``.

    The difference is a layer of its own, because some methods follow layers only. ``rows``
    and ``slopes`` count what passed forward, and what of it may have gone back.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        odds = skip_init(nn.Linear, 2, 2, bias=False)  # no random number is drawn
        odds.get_parameter("weight").data.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
        self.odds = odds
        self.rows = self.slopes = 0

    def forward(self, x: Tensor) -> Tensor:
        """Log-odds ``[N, 2]``."""
        self.rows += len(x)
        self.slopes += len(x) if torch.is_grad_enabled() else 0
        return self.odds(self.model(x))
