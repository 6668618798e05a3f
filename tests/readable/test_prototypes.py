"""Prototype network: prototypes are real cases, pairs add up to the answer and are tested by hiding."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.utils.estimator_checks import check_estimator

import pellucid
from pellucid.data import by_name
from pellucid.errors import InputError
from pellucid.networks import prototypes_for
from pellucid.readable import PrototypeClassifier, looks_like, prototype_evidence


@pytest.fixture(scope="module")
def table():
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x.iloc[order].reset_index(drop=True), y.iloc[order].reset_index(drop=True)
    model = PrototypeClassifier(3, epochs=20).fit(x[:400], y[:400])
    return model, x, y


@pytest.fixture(scope="module")
def digits():
    data = by_name("digits")
    return PrototypeClassifier(4, epochs=6, learning_rate=6e-3).fit(data), data


def test_scikit_learn_accepts_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(PrototypeClassifier(2, epochs=6, learning_rate=0.02), on_fail=None)
    assert [
        (r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")
    ] == []


def test_prototypes_are_training_rows(table):
    model, x, y = table
    network, encoded = model.network_, model._encoded(x)
    assert torch.equal(network.cases, encoded[model.rows_])
    assert (y[model.rows_].to_numpy() == network.classes.numpy()).all()
    assert max(model.rows_) < 400
    assert len(set(model.rows_)) == 6
    with torch.no_grad():
        own = network.distances(network.cases.clamp(-4, 4)).diagonal()
    assert float(own.max()) < 1e-6
    assert model.score(x[400:], y[400:]) > 0.92


def test_pairs_add_up(table):
    model, x, _ = table
    found = model.looks_like(x[400:420], most=6)
    with torch.no_grad():
        outputs = model.network_(model._encoded(x[400:420]))
        bias = model.network_.head.bias.detach()
    best = outputs.argmax(1)
    for i, pairs in enumerate(found.pairs):
        k = int(best[i])
        total = sum(pair.adds for pair in pairs) + float(bias[k] - bias.mean())
        assert total == pytest.approx(float(outputs[i, k] - outputs[i].mean()), abs=1e-3)
        assert [p.adds for p in pairs] == sorted((p.adds for p in pairs), reverse=True)
        squares = [sum(share for _, share in pair.columns) for pair in pairs]
        assert np.allclose(np.sqrt(squares), [p.distance for p in pairs], rtol=1e-3)


def test_prototypes_of_pictures_are_parts_of_training_pictures(digits):
    model, data = digits
    network, used = model.network_, data.rows(data.parts != 2)
    assert torch.equal(network.cases, used.inputs[model.rows_])
    assert torch.equal(used.answers[model.rows_], network.classes)
    assert bool((used.parts[model.rows_] == 0).all())
    for p in range(0, 40, 7):
        y, x = network.places[p].tolist()
        with torch.no_grad():
            there = network.encoder(network.cases[p : p + 1])[0, :, y, x]
        assert torch.allclose(there, network.prototypes[p], atol=1e-5)


def test_a_part_sees_its_box_and_nothing_else(digits):
    model, data = digits
    network = model.network_
    x = data.inputs[:1].clone().requires_grad_()
    found = network.encoder(x)
    for y, z in [(0, 0), (1, 2), (3, 3)]:
        (slope,) = torch.autograd.grad(found[0, :, y, z].sum(), x, retain_graph=True)
        top, left, bottom, right = network.cut.box(y, z)
        outside = slope[0, 0].clone()
        outside[top:bottom, left:right] = 0
        assert float(outside.abs().max()) == 0


def test_hiding_the_similar_part_costs_more_than_hiding_another(digits, table):
    model, data = digits
    found = model.evidence(data.part("test"))
    assert found.score > 0.88
    assert found.low > 0.5
    assert found.falls > 1.5 * found.falls_beside > 0
    assert found.different == found.total == 40
    assert found.nearest > 0
    rows, x, y = table
    tested = rows.evidence(x[400:], y[400:])
    assert tested.low > 0.5
    assert tested.refitted > 0.9
    assert abs(tested.before - tested.after) < 0.1


def test_the_same_case_is_as_similar_as_can_be(digits):
    model, _ = digits
    network = model.network_
    with torch.no_grad():
        own = network.similarities(network.cases).diagonal()
    assert torch.allclose(own, torch.full_like(own, np.log(100)), atol=0.05)


def test_prototypes_that_are_the_same_are_counted(digits):
    model, data = digits
    import copy

    network = copy.deepcopy(model.network_)
    with torch.no_grad():
        network.prototypes[1:4] = network.prototypes[0]
    test = data.part("test")
    found = prototype_evidence(network, test.inputs[:50], test.answers[:50], data.classes)
    assert found.different == 37


def test_a_run_opens_again(tmp_path):
    subject = pellucid.train("breast-cancer", network="prototypes", epochs=3, out=tmp_path / "run")
    again = pellucid.open(tmp_path / "run")
    x = subject.data.inputs[:20]
    assert torch.equal(again.model(x), subject.model(x))
    assert torch.equal(again.model.cases, subject.data.inputs[again.model.rows])
    found = looks_like(again.model, x, again.spec, again.classes)
    assert len(found) == 20


def test_bad_calls():
    data = by_name("digits")
    with pytest.raises(InputError, match="at least one prototype"):
        PrototypeClassifier(0).fit(data)
    with pytest.raises(InputError, match="Train the network first"):
        looks_like(prototypes_for(data), data.inputs[:2], data.spec, data.classes)
    with pytest.raises(InputError, match="predicts a number"):
        pellucid.train("diabetes", network="prototypes")
    with pytest.raises(InputError, match="no directions"):
        PrototypeClassifier(monotone={0: 1}).fit(np.eye(30), [0, 1] * 15)
