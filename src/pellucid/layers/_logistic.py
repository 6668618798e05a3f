"""Multinomial logistic regression, small and exact."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

STRENGTH = 1.0


def fitted(x: Tensor, y: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Weights ``[D, K]`` and biases ``[K]`` with ridge strength 1 on the summed loss, from zeros by L-BFGS.

    Example:
        >>> w, b = fitted(torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0, 1]), 2)
        >>> (torch.tensor([[3.0]]).double() @ w + b).argmax(1).tolist()
        [1]
    """
    weight = x.new_zeros(x.shape[1], classes, requires_grad=True)
    bias = x.new_zeros(classes, requires_grad=True)
    search = torch.optim.LBFGS(
        [weight, bias], max_iter=200, tolerance_grad=1e-5, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        search.zero_grad()
        value = F.cross_entropy(x @ weight + bias, y) + STRENGTH * weight.square().sum() / (2 * len(x))
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return weight.detach(), bias.detach()


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both in units of the training rows; what never moves there becomes zero."""
    train, test = train.double(), test.double()
    mean, sd = train.mean(0), train.std(0, correction=0)
    scale = torch.where(sd > 1e-9 * sd.max().clamp_min(1e-300), sd, torch.inf)
    return (train - mean) / scale, (test - mean) / scale
