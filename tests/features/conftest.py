"""Small networks trained once, in a few seconds."""

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import nn

from pellucid.networks import cnn, mlp


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(network, x, y, epochs, rate):
    optimizer = torch.optim.AdamW(network.parameters(), rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(64):
            loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.zero_grad()
    return network.eval()


@pytest.fixture(scope="session")
def digits():
    """A CNN that reads 8 × 8 digits, and the digits."""
    loaded = load_digits()
    x = torch.tensor(loaded.images, dtype=torch.float32)[:, None] / 16
    return trained(cnn(1, 8, 10, widths=(8, 16), hidden=32), x, torch.tensor(loaded.target), 10, 3e-3), x


@pytest.fixture(scope="session")
def cancer():
    """An MLP that tells tumours apart, and their measurements."""
    loaded = load_breast_cancer()
    x = torch.tensor(loaded.data, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0)
    return trained(mlp(30, 2, hidden=(16,)), x, torch.tensor(loaded.target), 20, 3e-3), x
