"""Concept bottleneck: concepts are told, computed and corrected; what leaks past them is measured."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

import pellucid
from pellucid.data import by_name
from pellucid.errors import InputError
from pellucid.networks import build, read_concepts
from pellucid.networks._concept_bottleneck import RIDGE, SPARSITY, fit_head
from pellucid.readable import ConceptClassifier, concept_evidence

LOOP = ["has a loop: 0, 6, 8, 9", "straight: 1, 4, 7"]


@pytest.fixture(scope="module")
def planted():
    """Answer = a AND NOT b; both are labels in the table, and other columns tell them with some noise."""
    chance = np.random.default_rng(0)
    a, b = chance.integers(0, 2, (2, 900))
    x = pd.DataFrame(
        {
            "p": a + 0.3 * chance.normal(size=900),
            "q": b + 0.3 * chance.normal(size=900),
            "rest": chance.normal(size=900),
            "a": a,
            "b": np.where(b == 1, "yes", "no"),
        }
    )
    return x, np.where((a == 1) & (b == 0), "bad", "good")


@pytest.fixture(scope="module")
def model(planted):
    x, y = planted
    return ConceptClassifier(["a", "is b: b"], epochs=25).fit(x[:600], y[:600])


def test_scikit_learn_accepts_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(ConceptClassifier(), on_fail=None)
    assert [
        (r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")
    ] == []


def test_labels_are_learned_from_other_columns_and_not_needed_to_predict(planted, model):
    x, y = planted
    held = x[600:].drop(columns=["a", "b"])
    assert np.mean(model.predict(held) == y[600:]) > 0.8
    assert np.array_equal(model.predict(held), model.predict(x[600:]))
    assert model.concept_names_ == ("a", "is b")
    assert np.mean(model.concepts_of(held)[:, 0] == x["a"][600:]) > 0.8


def test_correcting_concepts_corrects_answers(planted, model):
    x, y = planted
    held, truth = x[600:], {"a": x["a"][600:], "is b": x["b"][600:] == "yes"}
    assert np.mean(model.predict(held, concepts=truth) == y[600:]) == 1
    assert (model.predict(held, concepts={"a": 1, "is b": 0}) == "bad").all()
    unknown = {"a": np.full(len(held), np.nan)}
    assert np.array_equal(model.predict(held, concepts=unknown), model.predict(held))
    found = model.evidence(held, y[600:], training=(x[:600], y[:600]))
    assert found.rises
    assert found.curve[-1] == found.score_true == found.ceiling == 1
    assert found.curve[0] == pytest.approx(found.score)
    assert list(found.curve) == sorted(found.curve)
    assert found.curve_unsure[1] >= found.curve[1]
    assert not found.leaks


def test_the_answer_is_the_sum(planted, model):
    x, _ = planted
    told = model.concepts_of(x)
    assert set(np.unique(told)) <= {0, 1}
    head = model.network_.head
    logits = told @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    assert np.allclose(model.decision_function(x), logits[:, 1] - logits[:, 0], atol=1e-5)


def test_code_is_computed_exactly():
    chance = np.random.default_rng(1)
    x = pd.DataFrame(
        {
            "dti": chance.uniform(0, 1, 400).round(2),
            "age": chance.integers(18, 80, 400),
            "home": chance.choice(["own", "rent"], 400),
        }
    )
    asked = ["dti > .43", "young owner: age <= 30 and home == own", "home != own", "age >= 65"]
    truth = np.stack(
        [
            x["dti"] > 0.43,
            (x["age"] <= 30) & (x["home"] == "own"),
            x["home"] != "own",
            x["age"] >= 65,
        ],
        1,
    )
    y = truth[:, 0] ^ truth[:, 1]
    model = ConceptClassifier(asked).fit(x, y)
    assert np.array_equal(model.concepts_of(x), truth)
    assert model.network_.encoder is None
    found = model.evidence(x, y)
    assert found.leak == found.leak_low == found.leak_high == 0
    assert all(told.right == told.known for told in found.concepts)


def test_a_soft_joint_bottleneck_leaks_and_a_hard_one_in_sequence_does_not():
    """The answer hangs on a second column; the only concept says nothing of it."""
    chance = np.random.default_rng(2)
    x = pd.DataFrame(chance.normal(size=(800, 2)), columns=["shown", "sly"])
    x["label"] = (x["shown"] + chance.logistic(size=800) > 0).astype(int)
    y = (x["sly"] > 0).astype(int)

    def leak(**settings):
        made = ConceptClassifier(["label"], epochs=40, **settings).fit(x[:500], y[:500])
        return made.evidence(x[500:], y[500:])

    soft = leak(training="joint", hard=False, concept_weight=0.3)
    assert soft.leaks
    assert soft.leak > 0.1
    assert soft.score > soft.score_true + 0.1
    hard = leak()
    assert not hard.leaks
    assert hard.score < 0.65


def test_labels_beside_the_rows(planted):
    x, y = planted
    inputs, labels = x[["p", "q", "rest"]], x[["a"]].assign(b=(x["b"] == "yes").astype(float))
    gone = labels.mask(np.random.default_rng(0).random(labels.shape) < 0.3)
    made = ConceptClassifier(["rest > 0"], epochs=25, validation=0.2)
    made.fit(inputs[:600], y[:600], concepts=gone[:600])
    assert made.concept_names_ == ("rest > 0", "a", "b")
    assert np.mean(made.concepts_of(inputs[600:])[:, 1:] == labels[600:].to_numpy()) > 0.8
    found = made.evidence(inputs[600:], y[600:], labels[600:])
    assert [told.learned for told in found.concepts] == [False, True, True]
    assert found.score_true == 1


def test_concepts_of_pictures_by_class():
    data = by_name("digits")
    made = ConceptClassifier(LOOP, epochs=8).fit(data)
    test = data.part("test")
    found = made.evidence(test)
    assert found.by_class
    assert min(told.right / told.known for told in found.concepts) > 0.9
    assert abs(found.leak) < 0.15
    again = ConceptClassifier(epochs=8).fit(
        data, concepts={"loop": torch.isin(data.answers, torch.tensor([0, 6, 8, 9])).numpy()}
    )
    assert np.mean(again.concepts_of(test)[:, 0] == found_loop(test)) > 0.9


def found_loop(test):
    return torch.isin(test.answers, torch.tensor([0, 6, 8, 9])).numpy()


def test_the_head_is_the_sparse_regression_it_says():
    chance = np.random.default_rng(3)
    c = torch.tensor(chance.integers(0, 2, (300, 5))).float()
    y = ((c[:, 0] + c[:, 1] > 0) & (torch.rand(300, generator=torch.Generator().manual_seed(0)) > 0.1)).long()
    weight, bias = fit_head(c, y, 2)

    def cost(w, b):
        plain = torch.nn.functional.cross_entropy(c @ w.T + b, y)
        return float(plain + SPARSITY * w.abs().sum() + RIDGE * w.square().sum())

    # two classes: w and -w, so Σ|w| is that of one log-odds weight
    other = LogisticRegression(
        l1_ratio=1, C=1 / (SPARSITY * 300), solver="liblinear", intercept_scaling=1e3, tol=1e-8, max_iter=5000
    ).fit(c, y)
    half = torch.tensor(other.coef_[0] / 2).float()
    theirs = cost(torch.stack([-half, half]), torch.tensor([-1.0, 1.0]) * float(other.intercept_[0]) / 2)
    assert cost(weight, bias) <= theirs + 1e-5
    nudged = [cost(weight + 0.01 * torch.randn(2, 5), bias) for _ in range(20)]
    assert min(nudged) > cost(weight, bias)


def test_a_run_opens_again(tmp_path):
    subject = pellucid.train("breast-cancer", network="concepts", out=tmp_path / "run")
    again = pellucid.open(tmp_path / "run")
    x = subject.data.inputs[:20]
    assert torch.equal(again.model(x), subject.model(x))
    assert again.model.names == subject.model.names
    test = again.data.part("test")
    found = concept_evidence(again.model, test.inputs, test.answers)
    assert found.score > 0.9
    assert build(again.model.architecture).names == again.model.names


def test_bad_calls(planted, model):
    x, y = planted
    data = by_name("digits")
    for asked, said in [
        (["pp > 1"], "no column"),
        (["p > yes"], "is a number"),
        (["b > 1"], "no more or less"),
        (["b == maybe"], "no level"),
        (["rest"], "no label"),
        (["a", "a"], "Two concepts"),
        (["p >"], "neither a column nor a condition"),
    ]:
        with pytest.raises(InputError, match=said):
            ConceptClassifier(asked).fit(x, y)
    with pytest.raises(InputError, match="Did you mean"):
        model.predict(x, concepts={"is c": 1})
    with pytest.raises(InputError, match="0, 1 or not known"):
        model.predict(x, concepts={"a": 2})
    with pytest.raises(InputError, match="must be said"):
        ConceptClassifier().fit(data)
    with pytest.raises(InputError, match="is no class"):
        read_concepts(["loop: 0, ten"], data)
    with pytest.raises(InputError, match="tells nothing"):
        read_concepts(["any: " + ", ".join(data.classes)], data)
    with pytest.raises(InputError, match="labels for"):
        ConceptClassifier().fit(x, y, concepts={"a": [1, 0]})
    with pytest.raises(InputError, match="nothing is left"):
        ConceptClassifier(["a"]).fit(x[["a"]], y)
