"""``bench readable`` on tiny settings: resumes, refuses, and means what it says."""

import importlib.util
import json
import math
import statistics

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from pellucid.errors import InputError
from pellucid.tasks import READABLE_MODELS, readable_contest
from pellucid.tasks._readable._run import corrected
from pellucid.tasks._readable._sets import table_of

ASKED = (
    "bench",
    "readable",
    "--sets",
    "breast-cancer",
    "--models",
    "tree,logistic",
    "--only",
    "0,1",
    "--quick",
)


def test_a_stopped_run_goes_on_and_says_the_same(call, tmp_path):
    out = tmp_path / "kept"
    code, _, err = call(*ASKED[:-3], "--only", "0", "--quick", "--out", out)
    assert code == 0, err
    assert "1 of 2: breast-cancer, logistic, fold 0" in err
    code, text, err = call(*ASKED, "--out", out)
    assert code == 0, err
    assert "fold 0" not in err
    assert "fold 1" in err
    assert "Quick settings" in text
    code, text, err = call(*ASKED, "--out", out, "--json")
    assert (code, err) == (0, "")
    found = json.loads(text)["results"]
    assert {entry["model"]: entry["folds"] for entry in found["table"]} == {"logistic": 2, "tree": 2}
    assert (out / "readable.md").read_text(encoding="utf-8").startswith("| data | model | AUC |")
    few = (*ASKED[:2], "--sets", "breast-cancer", "--models", "tree", "--only", "2", "--quick")
    assert call(*few, "--out", out)[0] == 0
    lines = (out / "readable.md").read_text(encoding="utf-8").splitlines()
    folds = [line.rsplit("| ", 1)[1] for line in lines[2:4]]
    assert folds == ["2 |", "3 |"]  # what the first calls left stays
    assert "other settings" in call(*ASKED, "--out", out, "--seed", 1)[2]
    (out / "breast-cancer" / "tree-0.json").write_text("{}", encoding="utf-8")
    assert "holds no fold" in call(*ASKED, "--out", out)[2]


def test_the_tree_of_a_fold_is_that_of_scikit_learn():
    found = readable_contest(["breast-cancer"], models=["tree"], only=[2], quick=True).folds[0]
    x, y = load_breast_cancer(return_X_y=True)
    train, test = list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))[2]
    tree = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0).fit(x[train], y[train])
    assert found.auc == pytest.approx(roc_auc_score(y[test], tree.predict_proba(x[test])[:, 1]), abs=0.01)
    assert (found.terms, found.rows, found.learned) == (8, len(test), len(train))


@pytest.fixture(scope="module")
def mixed():
    """Numbers, texts and holes in both."""
    draw = np.random.default_rng(0)
    age, job = draw.integers(20, 70, 160).astype(float), draw.choice(["a", "b", "c"], 160)
    paid = np.where((age > 45) ^ (draw.random(160) < 0.1), "yes", "no")
    ages = [None if k % 17 == 0 else a for k, a in enumerate(age)]
    jobs = [None if k % 23 == 0 else str(j) for k, j in enumerate(job)]
    return table_of("mixed", {"age": ages, "split": ["x"] * 160, "job": jobs, "paid": list(paid)}, "paid")


@pytest.mark.filterwarnings("ignore:Missing values detected")  # InterpretML's, of its pictures
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # the command hides both
@pytest.mark.parametrize("model", READABLE_MODELS)
def test_every_model_reads_holes_and_texts(mixed, model):
    if model == "ebm" and importlib.util.find_spec("interpret") is None:
        pytest.skip("InterpretML is not installed")
    rows = np.arange(160)
    made = READABLE_MODELS[model](mixed, rows[:120], rows[120:], 0, True)
    # quick settings: what is trained in steps has few of them for 120 rows
    least = {"mlp": 0.6, "attention": 0.65}.get(model, 0.75)
    assert roc_auc_score(mixed.answers[120:], made.shares) > least
    assert made.terms > 0


def test_tables_are_read_as_they_are(mixed):
    assert mixed.raw.shape == (160, 2)
    assert mixed.texts == (1,)
    assert mixed.raw[0, 1] is None
    assert math.isnan(mixed.codes[0, 0])
    assert set(mixed.codes[:, 1]) == {-1, 0, 1, 2}


def test_settings_are_chosen_inside_the_training_rows(mixed):
    rows = np.arange(160)
    made = READABLE_MODELS["logistic"](mixed, rows[:120], rows[120:], 0, False)
    assert made.settings["C"] in (0.01, 0.1, 1.0, 10.0)
    other = mixed.answers.copy()
    other[120:] = 1 - other[120:]  # what the test rows answer changes nothing
    turned = type(mixed)(mixed.name, mixed.raw, mixed.codes, mixed.texts, other)
    again = READABLE_MODELS["logistic"](turned, rows[:120], rows[120:], 0, False)
    assert (again.shares == made.shares).all()


def test_the_interval_is_the_widened_t():
    values = [0.8, 0.9, 0.85, 0.7]
    mean, low, high = corrected(values, 0.0)
    slow = stats.t.interval(0.95, 3, statistics.mean(values), stats.sem(values))
    assert (low, high) == pytest.approx(slow)
    wide = corrected(values, 1 / 4)
    assert wide[2] - mean == pytest.approx((high - mean) * math.sqrt(2))


def test_what_is_wrong_is_told(call, tmp_path, monkeypatch):
    monkeypatch.delenv("PELLUCID_TEST_DATA", raising=False)
    assert "Did you mean heart" in call("bench", "readable", "--sets", "hart")[2]
    assert "Did you mean rules" in call("bench", "readable", "--models", "rule")[2]
    assert "--data" in call("bench", "readable", "--sets", "heart")[2]
    assert "not in" in call("bench", "readable", "--sets", "heart", "--data", tmp_path)[2]
    assert "numbered 0 to 4" in call(*ASKED[:4], "--only", "7")[2]
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "is a file" in call(*ASKED, "--out", tmp_path / "file")[2]
    with pytest.raises(InputError, match="at least 2"):
        readable_contest(["breast-cancer"], folds=1)
