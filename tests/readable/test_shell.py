"""What every readable estimator takes and gives, tested on the smallest network there is."""

import warnings

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

import pellucid
from pellucid import data, tasks, training
from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.inputs import MISSING, OTHER
from pellucid.readable import Said, array_rows, encode, fit_spec, named_rows, train_readable
from readable.linear import Linear, LinearClassifier, LinearRegressor, rows

LOANS = {
    "income": [30.0, 12, None, 45, 22, 18, 60, 33] * 8,
    "home": ["own", "rent", "rent", None, "own", "rent", "own", "own"] * 8,
}
PAID = ["yes", "no", "no", "yes", "yes", "no", "yes", "yes"] * 8


@pytest.fixture(scope="module")
def loans():
    return LinearClassifier(units={"income": "k€"}, immutable=["home"]).fit(pd.DataFrame(LOANS), PAID)


@pytest.mark.parametrize("estimator", [LinearClassifier(), LinearRegressor()], ids=["classes", "numbers"])
def test_scikit_learn_accepts_it(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arrays of other libraries are skipped with a warning
        results = check_estimator(estimator, on_fail=None)
    assert [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")] == []
    assert sum(r["status"] == "passed" for r in results) > 40


def test_columns_are_found_by_name(loans):
    frame = pd.DataFrame(LOANS)
    mixed = frame.assign(noise=1.0)[["noise", "home", "income"]]
    expected = loans.predict_proba(frame)
    for other in (mixed, pyarrow.Table.from_pandas(mixed), mixed.to_dict("records")):
        assert np.array_equal(loans.predict_proba(other), expected)
    with pytest.raises(InputError, match=r"no column 'income', which training had\. Did you mean incomes"):
        loans.predict(frame.rename(columns={"income": "incomes"}))
    assert list(loans.feature_names_in_) == ["income", "home"]


def test_an_array_after_named_columns_goes_by_place_and_says_so(loans):
    frame = pd.DataFrame(LOANS)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        by_place = loans.predict_proba(frame.to_numpy(dtype=object))
    assert np.array_equal(by_place, loans.predict_proba(frame))


def test_what_is_missing_or_new_has_a_state_of_its_own(loans):
    spec = loans.spec_
    assert spec.column("home").levels == ("own", "rent", MISSING, OTHER)
    assert spec.column("income").missing
    odd = pd.DataFrame({"income": [np.nan, 30, 30], "home": ["own", None, "boat"]})
    coded = encode(named_rows(odd), spec)
    assert coded[:, 1].tolist() == [1, 0, 0]
    assert coded[1, 2:].tolist() == [0, 0, 1, 0]
    assert coded[2, 2:].tolist() == [0, 0, 0, 1]
    assert np.isfinite(loans.predict_proba(odd)).all()
    assert spec.decode(coded)[2] == {"income": 30, "home": OTHER}


def test_rows_are_encoded_as_the_spec_says(loans):
    frame = pd.DataFrame(LOANS)
    values = {name: [None if v != v else v for v in frame[name]] for name in frame}
    assert torch.equal(encode(named_rows(frame), loans.spec_), loans.spec_.encode_columns(values))


def test_rare_levels_share_one(loans):
    texts = np.array([f"level {k % 7}" for k in range(70)] + ["once", "twice", "twice"], dtype=object)
    column = fit_spec(array_rows(texts[:, None]), Said()).columns[0]
    assert column.levels[-2:] == (MISSING, OTHER)
    assert "once" not in column.levels
    assert column.shares[-1] == pytest.approx(3 / 73)


def test_meaning_is_kept(loans):
    income, home = loans.spec_.columns
    assert (income.unit, income.low, income.high, home.immutable) == ("k€", 12, 60, True)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"monotone": {"incme": 1}}, "Did you mean income"),
        ({"monotone": {"income": 2}}, "must be 1, 0 or -1"),
        ({"monotone": {"home": 1}}, "no more or less"),
        ({"categorical": ["income"], "monotone": {"income": 1}}, "no more or less"),
        ({"categorical": [7]}, "columns 0 to 1"),
    ],
)
def test_what_contradicts_itself_is_refused(said, text):
    with pytest.raises(InputError, match=text):
        LinearClassifier(**said).fit(pd.DataFrame(LOANS), PAID)


def test_bad_rows_are_refused(loans):
    with pytest.raises(InputError, match="income: expected a finite number"):
        loans.predict(pd.DataFrame({"income": ["30", "thirty"], "home": ["own", "own"]}))
    with pytest.raises(InputError, match="infinity"):
        loans.predict(pd.DataFrame({"income": [np.inf], "home": ["own"]}))
    with pytest.raises(InputError, match="same class 'yes'"):
        LinearClassifier().fit(pd.DataFrame(LOANS), ["yes"] * 64)
    with pytest.raises(InputError, match="64 rows and 3 answers"):
        LinearClassifier().fit(pd.DataFrame(LOANS), PAID[:3])
    with pytest.raises(NotFittedError):
        LinearClassifier().predict(pd.DataFrame(LOANS))
    with pytest.raises(NotFittedError):
        LinearClassifier().subject()


def test_constant_empty_and_thousands_of_columns():
    x = rows(40, 3000)
    x[:, 1], x[:, 2] = 5, np.nan
    y = (x[:, 0] > 0).astype(int)
    fitted = LinearClassifier().fit(x, y)
    assert fitted.spec_.width == 6000
    assert fitted.score(x, y) > 0.8


def test_a_data_set_brings_what_its_columns_mean():
    cancer = data.breast_cancer()
    fitted = LinearClassifier().fit(cancer)
    assert list(fitted.classes_) == list(cancer.classes)
    assert fitted.spec_.columns[0].unit == cancer.spec.columns[0].unit
    test = cancer.part("test")
    right = fitted.predict(test) == np.array(cancer.classes, dtype=object)[test.answers]
    assert right.mean() > 0.9


def test_every_verb_works_on_a_fitted_estimator(loans):
    frame = pd.DataFrame(LOANS)
    subject = pellucid.open(loans, data=(frame, PAID), name="loans")
    assert subject.classes == ("no", "yes")
    assert subject.data.parts.bincount().tolist() == [48, 0, 16]
    logits = subject.model(subject.data.inputs)
    assert np.allclose((logits[:, 1] - logits[:, 0]).detach(), loans.decision_function(frame), atol=1e-5)
    why = pellucid.explain(subject, subject.data.inputs[:1], method="exact_shapley")
    assert why.values.shape == (1, 6)
    assert pellucid.open(loans).data is None
    with pytest.raises(InputError, match="'maybe' is no class"):
        loans.subject(frame, ["maybe"] * 64)


def test_settings_are_chosen_by_nested_validation(loans):
    search = GridSearchCV(LinearClassifier(), {"validation": [0.0, 0.3]}, cv=2).fit(pd.DataFrame(LOANS), PAID)
    assert search.best_params_["validation"] in (0.0, 0.3)
    assert clone(loans).get_params() == loans.get_params()


class Rounds(Linear):
    """Counts what is asked of it."""

    def __init__(self, inputs, outputs, rounds):
        super().__init__(inputs, outputs)
        self.left, self.losses = rounds, []

    def training_loss(self, plain, inputs, outputs, answers):
        self.losses.append(plain.item())
        return plain + 10 * self.linear.weight.square().sum()

    def advance(self, dataset):
        self.left -= 1
        return self.left > 0


def halves():
    x = torch.from_numpy(rows(64, 2))
    y = (x[:, 0] > 0).long()
    parts = torch.tensor([0] * 48 + [1] * 16, dtype=torch.int8)
    spec = fit_spec(array_rows(x.numpy()), Said())
    return Dataset("halves", encode(array_rows(x.numpy()), spec), y, spec, ("-", "+"), parts)


def test_rounds_go_on_until_the_network_says_so():
    network, seen = Rounds(4, 2, 3), []
    record = train_readable(network, halves(), watch=seen.append)
    assert [epoch.index for epoch in record.epochs] == list(range(120)) == [e.index for e in seen]
    assert record.best_epoch >= 80
    assert record.best.best
    with pytest.raises(InputError, match="more than 20 rounds"):
        train_readable(Rounds(4, 2, 99), halves(), recipe=Linear.recipe.__class__(epochs=1))


def test_a_network_adds_to_what_training_makes_small():
    free, held = Linear(4, 2), Rounds(4, 2, 1)
    for network in (free, held):
        record = training.collect(training.train(network, halves(), epochs=5, learning_rate=0.05))
    assert free.linear.weight.square().sum() > 4 * held.linear.weight.square().sum()
    assert record.epochs[0].first_loss == pytest.approx(held.losses[0])  # losses stay the plain ones


def test_the_cosine_schedule_falls_to_nothing():
    network = Linear(4, 2)
    running = training.train(network, halves(), epochs=4, learning_rate=0.1, schedule="cosine", patience=None)
    moved, before = [], network.linear.weight.detach().clone()
    for _ in running:
        moved.append((network.linear.weight - before).norm().item())
        before = network.linear.weight.detach().clone()
    assert moved[-1] < 0.2 * moved[0]
    assert running.record.options["schedule"] == "cosine"
    with pytest.raises(InputError, match="Did you mean cosine"):
        training.train(network, halves(), schedule="cosin")


def test_unknown_networks_have_near_misses():
    with pytest.raises(InputError, match="Did you mean additive"):
        tasks.train("breast-cancer", network="addative", epochs=1)
