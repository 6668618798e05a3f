"""Small nets and data whose insides are known."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


def gaussian(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def deep(widths: tuple[int, ...] = (6, 16, 16, 3), seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        parts: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            parts += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def conv(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
        )


def trained(net: nn.Module, x: Tensor, y: Tensor, steps: int = 150, rate: float = 1e-2) -> nn.Module:
    optimizer = torch.optim.Adam(net.parameters(), rate)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for parameter in net.parameters():
        parameter.grad = None
    return net.eval()


def left_alone(net: nn.Module) -> bool:
    """Whether nothing of ours is left on a network."""
    hooks = any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in net.modules())
    return not hooks and all(p.grad is None for p in net.parameters())
