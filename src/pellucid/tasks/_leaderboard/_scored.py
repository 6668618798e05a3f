"""The network as other libraries see it: log-odds of both classes, with a count of rows."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Scored(nn.Module):
    """A copy of a network of two classes whose outputs are log-odds ``z0 - z1`` and ``z1 - z0``.

    The difference is a layer of its own, because some methods follow layers only. ``cost`` counts rows as ours
    are counted: forward, and twice where slopes may follow.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        self.odds = nn.Linear(2, 2, bias=False)
        self.odds.weight.data.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
        self.cost = 0

    def forward(self, x: Tensor) -> Tensor:
        """Log-odds ``[N, 2]``."""
        self.cost += len(x) * (3 if torch.is_grad_enabled() else 1)
        return self.odds(self.model(x))
