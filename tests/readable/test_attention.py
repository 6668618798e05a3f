"""Attention that gates the only path: weight 0 is "not used", and the certificate tells when it leaks."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.utils.estimator_checks import check_estimator

import pellucid
from pellucid import figures, tasks
from pellucid.errors import InputError
from pellucid.networks import attention
from pellucid.readable import AttentionClassifier, certify


@pytest.fixture(scope="module")
def halves():
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    order = np.random.default_rng(0).permutation(len(x))
    first, second = order[:380], order[380:]
    return (x.iloc[first], y.iloc[first]), (x.iloc[second], y.iloc[second])


@pytest.fixture(scope="module")
def closed():
    chance = np.random.default_rng(0)
    x = chance.normal(size=(400, 6))
    y = (x[:, 0] + np.abs(x[:, 1]) > 0.5).astype(int)
    return AttentionClassifier(epochs=60).fit(x, y), x, y


def test_scikit_learn_accepts_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(AttentionClassifier(epochs=25, learning_rate=0.02), on_fail=None)
    assert [
        (r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")
    ] == []


def test_weight_zero_is_not_used(closed):
    model, x, y = closed
    found = model.certificate(x, y)
    assert found.unused
    assert set(found.unused) <= {"x2", "x3", "x4", "x5"}
    assert found.unused_change == 0
    other = x.copy()
    gone = [int(name[1:]) for name in found.unused]
    other[:, gone] = np.random.default_rng(1).normal(size=(400, len(gone))) * 9
    assert np.array_equal(model.decision_function(other), model.decision_function(x))
    assert model.score(x, y) > 0.9


def test_weights_and_parts_add_up(closed):
    model, x, _ = closed
    weights = model.attention(x)
    assert np.allclose(weights.sum(1), 1)
    assert (weights >= 0).all()
    network, rows = model.network_, model._encoded(x)
    logits = network(rows)
    total = network.constant + network.contributions(rows).sum(1)
    assert torch.allclose(total[:, 0], logits[:, 1] - logits[:, 0], atol=1e-5)


def test_weights_are_shares_of_what_columns_add():
    x = np.random.default_rng(0).normal(size=(500, 2))
    y = (2 * x[:, 0] + x[:, 1] + np.random.default_rng(1).logistic(size=500) > 0).astype(int)
    model = AttentionClassifier(epochs=80).fit(x, y)
    with torch.no_grad():
        spread = model.network_.contributions(model._encoded(x))[..., 0].std(0)
    weights = model.attention(x)[0]
    assert np.allclose(spread / spread.sum(), weights, atol=0.03)
    assert weights[0] > 1.4 * weights[1]


def test_the_global_gate_carries_no_answer(halves):
    (x, y), (held, right) = halves
    model = AttentionClassifier().fit(x, y)
    found = model.certificate(held, right, training=(x, y))
    assert found.honest
    assert found.probe_auc == 0.5
    assert found.auc > 0.98
    assert found.sum_gap < 1e-4
    assert found.agreement > 0.5
    assert "carries no answer" in figures.attention_certificate(found).alt
    assert [w for _, w in found.weights] == sorted((w for _, w in found.weights), reverse=True)


def test_the_swap_loss_keeps_a_row_gate_from_carrying_the_answer(halves):
    (x, y), (held, right) = halves
    free = AttentionClassifier(gate="row", swap=0.0).fit(x, y).certificate(held, right)
    kept = AttentionClassifier(gate="row").fit(x, y).certificate(held, right)
    assert kept.swap_auc < 0.56
    assert kept.swap_auc < free.swap_auc + 0.03
    assert kept.auc > 0.97


def test_a_gate_of_rows_does_not_read_closed_columns():
    network = attention([[0], [1, 2], [3]], 2, gate="row").eval()
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    other = x.clone()
    other[:, 1:3] += 1
    assert not torch.equal(network(other), network(x))
    network.open = torch.tensor([1.0, 0.0, 1.0])
    assert torch.equal(network(other), network(x))


def test_swap_auc_of_a_gate_that_is_the_answer():
    """Closed form: two columns that say ±1 for every row, and a gate that picks by the answer."""
    network = attention([[0], [1]], 2, gate="row")
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]] * 20)
    y = torch.tensor([1, 0] * 20)
    network.eval()
    network.attention = lambda rows: torch.stack([rows[:, 0] > 0, rows[:, 0] <= 0], 1).float()
    network.values = lambda rows: torch.tensor([1.0, -1.0]).expand(len(rows), 2)[..., None]
    found = certify(network, x, y, ("a", "b"))
    assert found.swap_auc == 1
    assert found.probe_auc == 1
    assert not found.honest


def test_a_number_that_many_rows_share_may_be_a_spike(monkeypatch):
    chance = np.random.default_rng(0)
    x = chance.integers(0, 30, size=(3000, 2)).astype(float)
    x[:, 1] = np.where(chance.random(3000) < 0.2, np.nan, x[:, 1])
    y = (chance.random(3000) < np.where(x[:, 0] == 17, 0.9, 0.2)).astype(int)
    grid = np.array([[16.0, np.nan], [17.0, np.nan], [18.0, np.nan]])

    def rise():
        low, spike, high = AttentionClassifier(epochs=10).fit(x, y).decision_function(grid)
        return spike - max(low, high)

    without = rise()
    monkeypatch.setattr("pellucid.networks._attention_for.MANY", 1000)
    assert rise() > without + 1  # of 3.6 log-odds that were planted


def test_offsets_run_straight_between_knots_and_leave_out_what_is_missing():
    """By hand: 2 halfway between 0 and 4 has half of the offset at 4; rare knots have none."""
    network = attention([[0, 1], [2], [3, 4]], 2, numbers=[0, 1], knots=3).eval()
    network.knots = torch.tensor([[0.0, 4.0, 5.0], [-1.0, 1.0, torch.inf]])
    network.crowded = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    x = torch.tensor([[2.0, 0, 1, 0, 1], [9.0, 0, 7, 1, 0], [4.0, 1, 0, 0, 1], [-3.0, 0, -9, 0, 1]])
    plain = network.values(x)
    network.offsets.data = torch.tensor([[[0.1], [0.3], [9.0]], [[9.0], [0.2], [9.0]]])
    added = (network.values(x) - plain)[..., 0] * (1 + 1e-5) ** 0.5  # the norm's guard against no spread
    wanted = torch.tensor([[2.0, 2, 0], [0, 2, 0], [0, 1, 0], [1, 0, 0]])  # steps of ten
    assert torch.allclose(added, wanted, atol=1e-5)


def test_bad_calls(closed):
    model, x, y = closed
    with pytest.raises(InputError, match="all must be among the held-out rows"):
        model.certificate(x[:3], [1, 1, 1])
    with pytest.raises(InputError, match="Did you mean row"):
        AttentionClassifier(gate="rows").fit(x, y)
    with pytest.raises(InputError, match="take AdditiveClassifier"):
        AttentionClassifier(monotone={0: 1}).fit(x, y)


def test_a_run_opens_again(tmp_path):
    subject = pellucid.train("breast-cancer", network="attention", epochs=3, out=tmp_path / "run")
    again = pellucid.open(tmp_path / "run")
    x = subject.data.inputs[:20]
    assert torch.equal(again.model(x), subject.model(x))


def test_a_run_is_certified_on_its_held_out_rows(tmp_path):
    subject = pellucid.train("breast-cancer", network="attention", epochs=3, out=tmp_path / "run")
    found = tasks.certificate(subject, swaps=5)
    assert found.n == int((subject.data.parts == 2).sum())
    assert found.agreement is None
    assert found.honest == (abs(found.swap_auc - 0.5) <= 0.02)
    plain = pellucid.train("breast-cancer", epochs=1, out=tmp_path / "plain")
    with pytest.raises(InputError, match="nothing to certify"):
        tasks.certificate(plain)
