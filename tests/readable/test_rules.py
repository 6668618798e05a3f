"""Decision-rule networks: what is printed is what is computed, in every form it is printed in."""

import itertools
import sqlite3
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.estimator_checks import check_estimator

import pellucid
from pellucid import figures, networks
from pellucid._core import Dataset, split
from pellucid.errors import InputError
from pellucid.inputs import MISSING, OTHER, Column, TabularSpec
from pellucid.networks._rules._choice import Fit, chosen
from pellucid.networks._rules._grid import Literal, fires, fit_grid
from pellucid.networks._rules._search import mask_of
from pellucid.readable import RuleClassifier, written_out
from pellucid.readable._path import _auc

SETTINGS = {
    "sum": {"max_rules": 6},
    "list": {"max_rules": 5, "ordered": True, "soft": False},
    "bare": {"max_rules": 3, "soft": False, "max_conditions": 2},
}


def people(n=300, classes=2, seed=0):
    chance = np.random.default_rng(seed)
    age = chance.integers(18, 80, n).astype(float)
    income = np.exp(chance.normal(3, 1, n)).round(2)
    home = chance.choice(["own", "rent", 'it\'s "free"', "other's"], n)
    odds = 2 * ((age > 40) & (income > 20)) - 1.5 * (home == "rent") + 0.02 * (age - 45)
    score = odds + chance.logistic(0, 0.5, n)
    y = np.array(["no", "yes"])[(score > 0).astype(int)]
    if classes == 3:
        y = np.array(["a", "b", "c"])[np.digitize(score, [-0.5, 1.0])]
    frame = pd.DataFrame({"age": age, 'in"come': income, "home": home})
    frame.loc[chance.random(n) < 0.1, 'in"come'] = np.nan
    frame["home"] = frame["home"].where(chance.random(n) > 0.1, None)
    return frame, y


@pytest.fixture(
    scope="module",
    params=[(s, c) for s in SETTINGS for c in (2, 3) if (s, c) != ("sum", 3)],
    ids=lambda p: f"{p[0]}-{p[1]}",
)
def fitted(request):
    settings, classes = request.param
    X, y = people(classes=classes)
    return RuleClassifier(units={"age": "years"}, **SETTINGS[settings]).fit(X, y), X, y


@pytest.fixture(scope="module")
def seen_and_new(fitted):
    """Training rows, and rows with what training never had."""
    model, X, _ = fitted
    strange = people(200, seed=9)[0]
    strange.loc[:20, "home"] = "boat"
    strange.loc[10:40, "age"] = np.nan
    return model, pd.concat([X, strange], ignore_index=True)


def test_it_learns(fitted):
    model, X, y = fitted
    usual = max(np.mean(y == c) for c in np.unique(y))
    assert model.score(X, y) > usual + 0.1
    assert 1 <= len(model.rules_) <= model.max_rules
    assert all(1 <= len(rule.conditions) <= model.max_conditions for rule in model.rules_.rules)


def test_printed_rules_are_the_network_on_every_row(seen_and_new):
    model, X = seen_and_new
    rows = X.to_dict("records")
    assert model.rules_.predict(rows) == model.predict(X).tolist()
    assert np.abs(np.array(model.rules_.predict_proba(rows)) - model.predict_proba(X)).max() < 1e-12
    single = model.network_(model._encoded(X)).detach().double().softmax(1).numpy()
    assert np.abs(single - model.predict_proba(X)).max() < 1e-6


def test_python_and_sql_give_the_same_scores(seen_and_new):
    model, X = seen_and_new
    expected = np.array(model.rules_.scores(X.to_dict("records")))
    space = {}
    exec(compile(model.rules_.to_python("score"), "rules", "exec"), space)
    told = np.array([list(space["score"](row).values()) for row in X.to_dict("records")])
    assert np.array_equal(told, expected)
    base = sqlite3.connect(":memory:")
    X.to_sql("people", base, index=False)
    table = pd.read_sql(model.rules_.to_sql("people"), base)
    assert np.array_equal(table[[f"score {k}" for k in range(expected.shape[1])]].to_numpy(), expected)
    assert table["answer"].tolist() == model.predict(X).tolist()


def test_a_list_is_written_as_if_else_if_else(fitted):
    model, X, _ = fitted
    found = model.rules_
    if not model.ordered:
        assert "ELSE" not in found.to_text()
        assert found.to_json()["otherwise"] is None
        return
    lines = found.to_text().splitlines()[-len(found) - 1 :]
    assert lines[0].startswith("1. IF ")
    assert all(line.split(". ")[1].startswith("ELSE IF ") for line in lines[1:-1])
    assert lines[-1].strip().startswith(f"ELSE {found.otherwise} (")
    fired = [found.fired(row) for row in X.to_dict("records")]
    assert found.otherwise_rows == sum(not each for each in fired)
    nothing = next((k for k, each in enumerate(fired) if not each), None)
    if nothing is not None:
        row = X.to_dict("records")[nothing]
        assert found.predict([row]) == [found.otherwise]
        assert f"None of {len(found)} rules holds" in str(found.explain(row))
    assert found.to_markdown().rstrip().splitlines()[-1].startswith("| | else | ")
    assert "    else:\n" in found.to_python()
    table = figures.figures_of(found)[0].table
    assert table.rows[-1][1:4] == ("otherwise", found.otherwise_text(), found.otherwise_rows)


PMML = "{http://www.dmg.org/PMML-4_4}"


def worked_out(node, row):
    """An expression of PMML over a row; None is missing."""
    kind, told = node.tag.removeprefix(PMML), node.attrib
    if kind == "Constant":
        return float(node.text) if told["dataType"] == "double" else node.text
    if kind == "FieldRef":
        value = row[told["field"]]
        instead = told.get("mapMissingTo")
        return instead if value is None and instead is not None else value
    name, parts = told["function"], list(node)
    if name == "if":
        return worked_out(parts[1 if worked_out(parts[0], row) else 2], row)
    got = [worked_out(part, row) for part in parts]
    return {
        "and": lambda: all(got),
        "or": lambda: any(got),
        "equal": lambda: got[0] == got[1],
        "greaterThan": lambda: float(got[0]) > got[1],
        "lessOrEqual": lambda: float(got[0]) <= got[1],
        "isMissing": lambda: got[0] is None,
        "isNotMissing": lambda: got[0] is not None,
        "isIn": lambda: got[0] in got[1:],
        "isNotIn": lambda: got[0] not in got[1:],
    }[name]()


def by_pmml(found, row):
    """Scores of the classes as a reader of PMML works them out."""
    root = ET.fromstring(found.to_pmml())
    declared = {each.get("name") for each in root.iter(f"{PMML}DataField")}
    known = {name: value for name, value in row.items() if name in declared}
    for field in root.iter(f"{PMML}DerivedField"):
        known[field.get("name")] = worked_out(field[0], known)
    return {
        table.get("targetCategory"): float(table.get("intercept"))
        + sum(float(p.get("coefficient")) * known[p.get("name")] for p in table)
        for table in root.iter(f"{PMML}RegressionTable")
    }


def test_pmml_gives_the_same_scores(seen_and_new):
    model, X = seen_and_new
    found = model.rules_
    every = model.spec_.decode(model._encoded(X))
    for row in every[::7]:
        # a reader meets the raw text of what training never saw
        raw = {name: "boat" if value == OTHER else value for name, value in row.items()}
        raw = {name: None if value == MISSING else value for name, value in raw.items()}
        told = by_pmml(found, raw)
        assert list(told) == list(found.classes)
        assert list(told.values()) == pytest.approx(found.scores([row])[0], abs=1e-9)


def test_a_decision_is_written_out(fitted):
    model, X, _ = fitted
    for decision, shares in zip(model.explain(X[:20]), model.predict_proba(X[:20]), strict=True):
        assert decision.score == pytest.approx(decision.start + sum(w for _, w in decision.fired), abs=1e-9)
        place = list(map(str, model.classes_)).index(decision.told)
        assert decision.probability == pytest.approx(shares[place], abs=1e-9)
        assert str(decision).count("IF ") == len(decision.fired)
        assert len(decision.fired) <= (1 if model.ordered else len(model.rules_))


def test_supports_are_counts(fitted):
    model, X, y = fitted
    held = [model.rules_.fired(row) for row in X.to_dict("records")]
    for k, rule in enumerate(model.rules_.rules):
        here = np.array([k in fired for fired in held])
        assert rule.support == here.sum() > 0
        assert rule.precision == pytest.approx(np.mean(y[here] == rule.outcome))
        assert rule.precision_low <= rule.precision <= rule.precision_high
    fresh, answers = people(100, classes=len(model.classes_), seed=3)
    assert model.rules(fresh, answers).n == 100
    assert model.rules(fresh, answers).held_out


def test_a_rule_of_a_list_speaks_for_its_answer(fitted):
    model, X, _ = fitted
    if model.ordered:
        for row, told in zip(X.to_dict("records"), model.predict(X).astype(str), strict=True):
            assert all(model.rules_.rules[k].outcome == told for k in model.rules_.fired(row))


def test_thresholds_and_weights_are_short_numbers(fitted):
    model = fitted[0]
    numbers = [c.value for r in model.rules_.rules for c in r.conditions if not isinstance(c.value, tuple)]
    assert all(float(f"{value:.3g}") == value for value in numbers)
    weights = [w for rule in model.rules_.rules for w in rule.weights] + [*model.rules_.bias]
    assert all(round(w, 2) == w for w in weights)


def test_a_network_in_training_computes_rules_only():
    X, y = people(200)
    dataset = dataset_of(X, y)
    network = networks.rules_for(dataset)
    with torch.no_grad():
        network.rules.membership[:, ::7] = 0.9
    hard = network.eval().rules(network.conditions(dataset.inputs))
    grafted = network.train().rules(network.conditions(dataset.inputs))
    assert torch.allclose(hard, grafted, atol=1e-6)
    assert set(hard.unique().tolist()) <= {0.0, 1.0}
    grafted.sum().backward()
    assert float(network.rules.membership.grad.abs().sum()) > 0


def dataset_of(X, y):
    model = RuleClassifier()
    rows = model._read(X, fitting=True)
    from pellucid.readable import Said, encode, fit_spec

    spec = fit_spec(rows, Said())
    answers = torch.tensor([int(label == "yes") for label in y])
    return Dataset("people", encode(rows, spec), answers, spec, ("no", "yes"), split(answers, classes=True))


def test_a_saved_network_is_built_again(fitted):
    model, X, _ = fitted
    again = networks.build(model.network_.architecture)
    again.load_state_dict(model.network_.state_dict())
    encoded = model._encoded(X)
    assert torch.equal(again.eval()(encoded), model.network_(encoded))


def test_the_verb_trains_and_reopens_it(tmp_path):
    X, y = people(200)
    subject = pellucid.train(dataset_of(X, y), network="rules", epochs=3, out=tmp_path / "run")
    again = pellucid.open(tmp_path / "run")
    data = subject.data
    told = written_out(again.model, data.spec, data.classes, data.inputs, data.answers)
    answers = subject.model(data.inputs).argmax(1).tolist()
    assert told.predict(data.spec.decode(data.inputs)) == [data.classes[k] for k in answers]


def test_tic_tac_toe_is_understood():
    X, y = endgames()
    model = RuleClassifier().fit(X, y)
    assert len(X) == 958
    assert model.score(X, y) == 1.0
    assert model.rules_.predict(X.to_dict("records")) == [str(label) for label in y]
    # one rule for each line: x on it, or no o
    assert [len(rule.conditions) for rule in model.rules_.rules] == [3] * 8
    lines = {tuple(int(c.column[1:]) for c in rule.conditions) for rule in model.rules_.rules}
    assert lines == {(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)}


def endgames():
    """All boards on which a game of tic-tac-toe can end, and whether x has three in a row."""
    lines = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]

    def wins(board, player):
        return any(all(board[i] == player for i in line) for line in lines)

    found = set()
    for board in itertools.product("xo ", repeat=9):
        x, o = board.count("x"), board.count("o")
        if wins(board, "x"):
            over = x == o + 1 and not wins(board, "o")
        else:
            over = x == o if wins(board, "o") else " " not in board and x == o + 1
        if over:
            found.add("".join(board).replace(" ", "b"))
    boards = sorted(found)
    return pd.DataFrame([list(b) for b in boards], columns=[f"s{i}" for i in range(9)]), np.array(
        [int(wins(b, "x")) for b in boards]
    )


def test_a_budget_can_be_picked():
    X, y = people(200)
    model = RuleClassifier(soft=False)
    path = model.path(X, y, budgets=(1, 4), folds=2)
    assert [point.most for point in path] == [1, 4]
    assert [point.rules for point in path] == [1, 4]
    assert 0.5 < path[0].auc < path[1].auc < 1
    assert all(point.low < point.auc < point.high for point in path)
    (figure,) = figures.figures_of(path)
    assert "2 folds of 200 rows" in figure.note
    assert [row[0] for row in figure.table.rows] == [1, 4]
    again = RuleClassifier(soft=False, ordered=True).path(X, y, budgets=(3,), folds=2)
    assert 0.5 < again[0].auc < 1
    assert not hasattr(model, "network_")
    with pytest.raises(InputError, match="the rows of the rarest class"):
        model.path(X, y, folds=1)
    with pytest.raises(InputError, match="numbers of rules from 1"):
        model.path(X, y, budgets=(0,))


def test_rules_that_cannot_hold_are_dropped():
    spec = TabularSpec((Column("a"), Column("b", levels=("u", "v"))))
    x = spec.encode([{"a": v, "b": "uv"[k % 2]} for k, v in enumerate(np.linspace(-2, 2, 40))]).numpy()
    grid = fit_grid(spec, x, x[:, 0].astype(float))
    assert mask_of(grid, [Literal(0, 1.0, True), Literal(0, -1.0, False)]) is None
    assert mask_of(grid, [Literal(1, 0.5, True), Literal(2, 0.5, True)]) is None
    both = mask_of(grid, [Literal(0, -1.0, True), Literal(0, -0.5, True), Literal(0, 1.0, False)])
    assert len(grid.literals(both)) == 2
    bits = fires(np.stack([both]), grid.of(x), grid.full)[0]
    asked = grid.literals(both)
    assert bits.tolist() == [all((row[b.slot] > b.threshold) == b.above for b in asked) for row in x]


def test_choice_agrees_with_trying_everything():
    """Forward choice with swaps against all pairs, on columns that are easy enough for both to agree."""
    chance = np.random.default_rng(1)
    held = chance.random((7, 300)) < 0.4
    odds = (2.0 * held[2] - 1.5 * held[5] + 0.1 * chance.normal(size=300))[:, None]
    fit = Fit(odds, np.ones(300))
    columns = fit.column(held)

    def error(pair):
        table = np.stack([np.ones(300), *held[list(pair)]], 1)
        return np.linalg.lstsq(table, odds[:, 0])[1][0]

    best = min(itertools.combinations(range(7), 2), key=error)
    assert sorted(chosen(fit, columns, 2, np.ones(7, np.float32))) == sorted(best) == [2, 5]


def test_unseen_levels_belong_to_none_of_these():
    X, y = people()
    model = RuleClassifier(max_rules=6, soft=False).fit(X, y)
    asked = [c for r in model.rules_.rules for c in r.conditions if c.column == "home"]
    assert asked
    assert all((OTHER in c.value) == (len(c.value) > len(c.others)) or OTHER not in c.value for c in asked)


def test_what_cannot_be_is_refused():
    X, y = people(60)
    with pytest.raises(InputError, match="max_rules must be at least 1"):
        RuleClassifier(max_rules=0).fit(X, y)
    numbers = Dataset("n", torch.rand(9, 1), torch.rand(9), TabularSpec((Column("a"),)), (), torch.zeros(9))
    with pytest.raises(InputError, match="classes to tell apart"):
        networks.rules_for(numbers)


def test_noise_and_constant_columns_give_a_network_all_the_same():
    X = np.ones((30, 2))
    y = np.arange(30) % 2
    model = RuleClassifier().fit(X, y)
    assert len(model.rules_) == 0
    assert np.abs(model.predict_proba(X) - 0.5).max() < 0.01
    assert "no rule" in figures.figures_of(model.rules_)[0].alt


def test_scikit_learn_accepts_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(RuleClassifier(max_rules=4, soft=False), on_fail=None)
    assert [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")] == []


def test_the_figure_shows_what_is_computed(fitted):
    rules = fitted[0].rules_
    (figure,) = figures.figures_of(rules)
    assert len(figure.table.rows) == len(rules) + rules.ordered  # a list has a last line
    assert figure.alt.startswith(rules.summary()[0])
    bars = [
        m["data"]["values"][0]
        for m in figure.chart["layer"]
        if "weight" in m.get("data", {}).get("values", [{}])[0]
    ]
    assert [bar["support"] for bar in bars] == [rule.support for rule in rules.rules]


def test_stronger_models_read_the_telling_slots_of_very_many():
    from pellucid.networks._rules._teacher import SLOTS, _telling

    chance = np.random.default_rng(0)
    x, answers = chance.normal(size=(200, 3000)), np.arange(200) % 2
    x[:, 1234] += 2 * answers
    kept = _telling(x, np.eye(2)[answers])
    assert len(kept) < SLOTS
    assert 1234 in kept
    assert _telling(x[:, :SLOTS], np.eye(2)[answers]).tolist() == list(range(SLOTS))


@pytest.mark.parametrize("classes", [2, 4])
def test_areas_by_ranks_are_those_of_scikit_learn(classes):
    from sklearn.metrics import roc_auc_score

    draw = np.random.default_rng(0)
    answers = draw.integers(0, classes, 200)
    shares = draw.integers(1, 6, (200, classes)) / 1.0  # with ties
    shares /= shares.sum(1, keepdims=True)
    wanted = roc_auc_score(answers, shares[:, 1] if classes == 2 else shares, multi_class="ovr")
    assert _auc(answers, shares) == pytest.approx(wanted, abs=1e-12)
