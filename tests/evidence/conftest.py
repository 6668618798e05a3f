"""Two small networks on real data, trained once a session; their inputs are rows that training never saw."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Trained:
    net: nn.Module
    x: Tensor
    y: Tensor
    classes: Tensor


def fit(net: nn.Module, x: Tensor, y: Tensor, *, seen: int, epochs: int) -> Trained:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    x, y = x[order], y[order]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        for module in net.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(epochs):
            for batch in torch.randperm(seen).split(64):
                optimizer.zero_grad()
                F.cross_entropy(net(x[batch]), y[batch]).backward()
                optimizer.step()
    net = net.eval().requires_grad_(requires_grad=True)
    net.zero_grad()
    with torch.no_grad():
        classes = net(x[seen : seen + 200]).argmax(1)
    return Trained(net, x[seen : seen + 200], y[seen : seen + 200], classes)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Networks made in a test have the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def digits() -> Trained:
    from sklearn.datasets import load_digits

    found = load_digits()
    x = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    x = F.interpolate(x, size=(16, 16), mode="bilinear", align_corners=False)
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(384, 10),
    )
    return fit(net, x, torch.tensor(found.target), seen=1200, epochs=6)


@pytest.fixture(scope="session")
def cancer() -> Trained:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    x = torch.tensor(found.data, dtype=torch.float32)
    x = (x - x[:350].mean(0)) / x[:350].std(0)
    net = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))
    return fit(net, x, torch.tensor(found.target), seen=369, epochs=40)


@pytest.fixture
def linear() -> nn.Module:
    net = nn.Linear(12, 3)
    generator = torch.Generator().manual_seed(5)
    net.weight.data = torch.randn(3, 12, generator=generator)
    net.bias.data = torch.randn(3, generator=generator)
    return net
