"""One thread: these networks are tiny, and waiting for other threads costs more than they do."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def seeded():
    """Networks that a test draws without a seed of its own are the same ones every time."""
    torch.manual_seed(0)
