"""One thread: these networks are tiny, and waiting for other threads costs more than they do."""

import numpy as np
import pytest
import torch
from hypothesis import settings

# how long an example takes says more of the machine than of the code
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def hard_answers(monkeypatch):
    """Rule networks without the stronger models that help to choose: they take most of the time, for tests
    that do not ask which rules are found."""
    hard = lambda x, answers, classes, seed: np.eye(classes)[answers]  # noqa: E731
    monkeypatch.setattr("pellucid.networks._rules._search.soft_answers", hard)


@pytest.fixture(autouse=True)
def seeded():
    """Networks that a test draws without a seed of its own are the same ones every time."""
    torch.manual_seed(0)
