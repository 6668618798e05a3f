"""Shape tables in the user's units, changes by hand, and the code they turn into."""

import sqlite3

import numpy as np
import pandas as pd
import pytest

import pellucid
from pellucid import figures
from pellucid.errors import InputError
from pellucid.readable import (
    AdditiveClassifier,
    AdditiveRegressor,
    python_scorecard,
    shapes_of,
    sql_scorecard,
)
from readable.test_additive import QUICK, planted


@pytest.fixture(scope="module")
def fitted():
    return AdditiveClassifier(units={"a": "mg/dL"}, monotone={"d": 1}, **QUICK).fit(*planted())


@pytest.fixture(scope="module")
def single():
    return AdditiveClassifier(pairs=0, **QUICK).fit(*planted())


def raw(n=60, seed=4):
    frame, _ = planted(n, seed=seed)
    frame.loc[0, "home"], frame.loc[1, "home"], frame.loc[2, "b"] = "boat", None, np.nan
    return frame


def test_the_python_form_is_the_model(fitted):
    frame = raw()
    space = {}
    exec(python_scorecard(fitted.shapes()), space)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert np.allclose([space["score"](row) for row in rows], fitted.decision_function(frame), atol=1e-4)
    with pytest.raises(InputError, match="cannot be called"):
        python_scorecard(fitted.shapes(), "a b")


def in_sql(model, frame):
    base = sqlite3.connect(":memory:")
    frame.to_sql("rows", base)
    return [value for (value,) in base.execute(f"SELECT {sql_scorecard(model.shapes())} FROM rows")]


def test_the_sql_form_is_the_model(single):
    frame = raw()
    assert np.allclose(in_sql(single, frame), single.decision_function(frame), atol=1e-4)


def test_the_sql_form_holds_pairs_of_numbers_and_of_categories():
    frame, y = planted()
    model = AdditiveClassifier(**QUICK).fit(frame, y)
    assert model.network_.plan.pairs == ((1, 2),)
    assert np.allclose(in_sql(model, raw()), model.decision_function(raw()), atol=1e-4)
    chance = np.random.default_rng(0)
    mixed = pd.DataFrame({"n": chance.normal(5, 2, 400), "home": chance.choice(["own", "rent", None], 400)})
    answer = (mixed["n"] > 5) ^ (mixed["home"] == "own")
    model = AdditiveClassifier(**QUICK).fit(mixed, np.where(answer, "yes", "no"))
    assert model.network_.plan.pairs == ((0, 1),)
    odd = mixed[:60].copy()
    odd.loc[0, "n"], odd.loc[1, "home"], odd.loc[2, "home"] = np.nan, "boat", None
    assert np.allclose(in_sql(model, odd), model.decision_function(odd), atol=1e-4)


def test_tables_are_in_the_users_units(fitted):
    found = fitted.shapes()
    a = found.shape("a")
    frame, _ = planted()
    assert (a.unit, a.at[0], a.at[-1]) == (
        "mg/dL",
        pytest.approx(frame.a.min()),
        pytest.approx(frame.a.max()),
    )
    assert found.answer == "log-odds of yes"
    assert found.shape("d").direction == 1
    assert found.shapes[0].size >= found.shapes[-1].size
    assert sum(a.density) == pytest.approx(1)
    assert set(found.to_json()["columns"]) == {"a", "b", "c", "d", "home"}


def test_a_number_in_its_unit():
    chance = np.random.default_rng(0)
    x = pd.DataFrame({"size": chance.normal(50, 10, 300)})
    y = 1000 + 30 * (x["size"] - 50)
    model = AdditiveRegressor(epochs=60, members=3, penalties=(0.001,), pairs=0).fit(x, y)
    found = model.shapes()
    assert found.constant == pytest.approx(y.mean(), abs=20)
    said = found.constant + np.interp(60, found.shape("size").at, found.shape("size").values)
    assert said == pytest.approx(float(model.predict(pd.DataFrame({"size": [60.0]}))[0]), abs=0.05)


def test_a_stretch_is_flattened_and_the_change_is_kept(single, tmp_path):
    changed = single.flatten("a", -0.5, 0.5, who="Dr Example", why="no plausible dip")
    frame, y = planted()
    inside = pd.DataFrame({"a": np.linspace(-0.5, 0.5, 21), "b": 0.0, "c": 0.0, "d": 0.0, "home": "own"})
    assert np.ptp(single.decision_function(inside)) > 0.3
    assert np.ptp(changed.decision_function(inside)) < 1e-6
    far = frame[(frame.a.abs() > 0.8) | frame.a.isna()]
    assert np.allclose(changed.decision_function(far), single.decision_function(far), atol=1e-5)
    (edit,) = changed.shapes().edits
    assert edit.startswith("a: flat from -0.5 to 0.5 at ")
    assert "by Dr Example · no plausible dip" in edit
    assert single.shapes().edits == ()
    assert "Dr Example" in figures.shape_functions(changed.shapes()).note
    assert "Dr Example" in python_scorecard(changed.shapes())
    again = pellucid.open_run(pellucid.save_run(changed.subject(frame, y), tmp_path / "run"))
    assert shapes_of(again.model, again.spec, again.classes) == changed.shapes()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"why": " "}, "who=… and why=…"),
        ({"low": 2, "high": 1}, "from low to high"),
        ({"column": "home"}, "holds names"),
        ({"column": "aa"}, "Did you mean a"),
        ({"column": "d", "low": -0.5, "high": 0.5, "value": 50.0}, "not only rise"),
    ],
)
def test_changes_that_cannot_be_are_refused(fitted, call, text):
    given = {"column": "a", "low": 0, "high": 1, "who": "me", "why": "so", **call}
    column, low, high = (given.pop(name) for name in ("column", "low", "high"))
    with pytest.raises(InputError, match=text):
        fitted.flatten(column, low, high, **given)


def test_of_many_classes_each_has_its_functions():
    chance = np.random.default_rng(0)
    x = pd.DataFrame({"a": chance.normal(0, 1, 300), "b": chance.normal(0, 1, 300)})
    y = np.select([x["a"] > 0.5, x["b"] > 0], ["high", "low"], "mid")
    model = AdditiveClassifier(epochs=5, members=2, penalties=(0.01,)).fit(x, y)
    logits = model.network_(model.spec_.encode(x.to_dict("records")))
    above = (logits - logits.mean(1, keepdim=True)).detach().numpy()
    for k, name in enumerate(model.classes_):
        space = {}
        found = model.shapes(of=name)
        assert found.answer == f"logit of {name} above the mean of all classes"
        exec(python_scorecard(found), space)
        assert np.allclose([space["score"](row) for row in x.to_dict("records")], above[:, k], atol=1e-4)
    with pytest.raises(InputError, match="whose"):
        model.shapes()
    with pytest.raises(InputError, match="Did you mean high"):
        model.shapes(of="hihg")
    with pytest.raises(InputError, match="two classes"):
        model.flatten("a", 0, 1, who="me", why="so")


def test_only_additive_models_have_shapes():
    with pytest.raises(InputError, match="network='additive'"):
        shapes_of(object(), None)


def test_bands_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(6):
        chance = np.random.default_rng(seed)
        x = chance.normal(size=(500, 2))
        y = 2 * np.sin(x[:, 0]) + chance.normal(size=500)
        model = AdditiveRegressor(members=8, penalties=(0.001,), pairs=0, random_state=seed).fit(x, y)
        shape = model.shapes().shape("x0")
        at, values, error = (np.array(part) for part in (shape.at, shape.values, shape.error))
        inner = np.abs(at) < 1.5
        truth = 2 * np.sin(at) - np.mean(2 * np.sin(x[:, 0]))
        held += (np.abs(values - truth) < 1.96 * error)[inner].tolist()
    assert np.mean(held) > 0.8, np.mean(held)


def test_the_figure_says_what_it_shows(fitted):
    figure = figures.shape_functions(fitted.shapes())
    assert "log-odds of yes" in figure.alt
    assert "jackknife" in figure.note
    assert [row[0] for row in figure.table.rows][:5] == [s.name for s in fitted.shapes().shapes]
    assert figure.svg()
