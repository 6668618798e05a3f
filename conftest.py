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
def call(capsys, monkeypatch):
    """Run the command line in this process: (exit code, stdout, stderr)."""
    from pellucid.cli import main

    def run_command(*arguments):
        monkeypatch.setattr("sys.argv", ["pellucid", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run_command


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
