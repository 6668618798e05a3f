"""Long work tells at once that it goes on, counts to its end, and ends where its progress raises."""

import functools

import pytest
import torch
from torch import nn

import pellucid
from pellucid import Compute, tasks
from pellucid.errors import CancelledError
from pellucid.layers import representation_similarity
from pellucid.tasks._stages import Stages


@pytest.fixture(scope="module")
def subject():
    torch.manual_seed(0)
    x = torch.randn(200, 4)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))
    return pellucid.open(net.eval(), data=(x, (x[:, 0] > 0).long()))


def told(work):
    """All reports of work, as shares of the whole."""
    found = []
    work(Compute(progress=lambda done, total: found.append((done, total))))
    return [done / max(total, 1) for done, total in found]


class After:
    """A progress that raises at a given report."""

    def __init__(self, count):
        self.left = count

    def __call__(self, done, total):
        self.left -= 1
        if self.left < 1:
            raise CancelledError("enough")


ESTIMATES = {
    "estimate": lambda s, how: tasks.estimate(s, [0, 1], methods=["occlusion"], compute=how),
    "layers": lambda s, how: tasks.estimate_layers(s, beside=[], row=0, compute=how),
    "features": lambda s, how: tasks.estimate_features(s, "0", units=[0], steps=16, compute=how),
    "layer": lambda s, how: tasks.estimate_layer(s, "0", steps=0, compute=how),
    "patch": lambda s, how: tasks.estimate_patch(s, 0, 1, target="0", compute=how),
    "units": lambda s, how: tasks.estimate_patch(s, 0, 1, "1", target="0", compute=how),
    "edges": lambda s, how: tasks.estimate_patch(s, 0, 1, "1", "3", target="0", compute=how),
    "importance": lambda s, how: tasks.estimate_importance(s, compute=how),
    "influence": lambda s, how: tasks.estimate_influence(s, 0, compute=how),
    "shortcuts": lambda s, how: tasks.estimate_shortcuts(s, compute=how),
    "audit": lambda s, how: tasks.estimate_audit(s, methods=["saliency"], rows=20, compute=how),
    "check": lambda s, how: tasks.estimate_check(
        s, [pellucid.expect.DeadUnits(0.5), pellucid.expect.Accuracy(0.1)], compute=how
    ),
    "case": lambda s, how: tasks.estimate_case(s, "decision", 0, refits=1, compute=how),
    "leaderboard": lambda s, how: tasks.estimate_leaderboard(
        ["xor"], among=["saliency"], peers=False, compute=how
    ),
}


@pytest.mark.parametrize("name", ESTIMATES)
def test_an_estimate_counts_towards_its_end_and_can_be_cancelled(subject, name):
    work = functools.partial(ESTIMATES[name], subject)
    shares = told(work)
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 2
    with pytest.raises(CancelledError):
        work(Compute(progress=After(1 + len(shares) // 4)))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in subject.model.modules())


def test_parts_that_count_their_pieces_never_end_before_the_next_begins():
    shares = []
    stages = Stages(Compute(progress=lambda done, total: shares.append(done / total)), {"a": 1, "b": 1})
    within = stages.pieces("a")
    for _ in range(50):
        for done in (1, 2):
            within.progress(done, 2)
    assert shares == sorted(shares)
    assert 0.4 < shares[-1] < 0.5
    assert len(set(shares)) > 50
    stages.of("b")
    assert shares[-1] == 0.5


@pytest.mark.parametrize(
    ("work", "least"),
    [
        (lambda s, how: tasks.hierarchy(s, seeds=1, compute=how), 2 * 3 * 3),
        (lambda s, how: tasks.trace(s, 0, compute=how), 20),
        (lambda s, how: representation_similarity(s.model, s.data.inputs, compute=how), 100),
    ],
    ids=["curves of depth", "trace", "similarity"],
)
def test_the_middle_of_long_work_tells_that_it_goes_on(subject, work, least):
    shares = told(functools.partial(work, subject))
    assert len(shares) >= least
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    "work",
    [
        lambda how: tasks.truth("planted", among=["saliency"], compute=how),
        lambda how: tasks.truth_leaderboard(["xor"], among=["saliency"], peers=False, seeds=1, compute=how),
    ],
    ids=["truth", "leaderboard"],
)
def test_the_first_training_can_be_cancelled(work):
    found = []

    def progress(done, total):
        found.append(done / total)
        if done:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        work(Compute(progress=progress))
    assert found[0] == 0
    assert 0 < found[-1] < 0.03


def test_trainings_that_judge_tell_their_steps_and_can_be_cancelled(subject):
    shares = []
    networks = tasks.refits(subject, 2, progress=lambda done, total: shares.append(done / total))
    assert len(networks) == 2
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.1
    assert shares[-1] == 1
    with pytest.raises(CancelledError):
        pellucid.counterfactual(subject, 0, refits=2, compute=Compute(progress=After(3)))


def test_the_search_for_fitting_methods_can_be_cancelled(subject):
    with pytest.raises(CancelledError, match="enough"):
        tasks.fitting_methods(subject, progress=After(1))
    # a method that is too dear only drops out
    assert "saliency" in tasks.fitting_methods(subject, among=["saliency", "exact_shapley"], most=5)
    assert "exact_shapley" not in tasks.fitting_methods(subject, among=["exact_shapley"], most=5)
