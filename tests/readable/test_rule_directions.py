"""Directions of rule networks: kept in every cell that thresholds cut; rules and weights are the best so."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import lsq_linear, minimize
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import pellucid
from pellucid import figures
from pellucid.cli._app import app
from pellucid.errors import InputError
from pellucid.inputs import Column, TabularSpec
from pellucid.networks import default_network
from pellucid.networks._rules._choice import Fit, chosen
from pellucid.networks._rules._directions import one_way, signs_of
from pellucid.networks._rules._grid import fires, fit_grid, interval
from pellucid.networks._rules._head import head
from pellucid.readable import RuleClassifier
from pellucid.rules import Condition, WeightedRule, WeightedRules
from pellucid.rules._kept import KeptDirection, told_of_directions


def against(n=400, seed=0):
    """The answer falls in a, where it should rise, has a hill in b, and rises in c with gaps."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.uniform(0, 10, (n, 3)).round(1), columns=["a", "b", "c"])
    odds = -0.4 * (frame.a - 5) + 3 * ((frame.b > 3) & (frame.b < 7)) + 0.4 * (frame.c - 6)
    frame["kind"] = chance.choice(["u", "v", "w"], n)
    odds = odds + 2 * ((frame.kind == "u") & (frame.c > 5))
    y = np.where(odds + chance.logistic(size=n) > 1, "yes", "no")
    frame.loc[chance.random(n) < 0.08, "b"] = np.nan
    return frame, y


SIGNS = {"a": 1, "b": -1, "c": 1}


@pytest.fixture(scope="module", params=[True, False], ids=["soft", "bare"])
def directed(request):
    frame, y = against()
    return RuleClassifier(monotone=SIGNS, max_rules=8, soft=request.param).fit(frame, y), frame, y


def cells(found, column):
    """Values on either side of every threshold of a column."""
    cuts = sorted({c.value for r in found.rules for c in r.conditions if c.column == column and c.op != "in"})
    return [min(cuts, default=0) - 1, *(np.nextafter(cut, 99) + 1e-4 for cut in cuts)]


def test_directions_hold_in_every_cell(directed):
    model = directed[0]
    found = model.rules_
    assert len(found) > 2
    grids = [[*cells(found, name), *([None] if name == "b" else [])] for name in SIGNS]
    every = pd.DataFrame(
        list(itertools.product(*grids, ["u", "v", "w", "new"])), columns=["a", "b", "c", "kind"]
    )
    every["b"] = every["b"].astype(float)
    scores = model.decision_function(every)
    assert len(np.unique(scores)) > 3
    for name, sign in SIGNS.items():
        others = [column for column in every if column != name]
        given = every.assign(score=scores).dropna(subset=[name]).sort_values(name)
        for _, group in given.groupby(others, dropna=False):
            assert (sign * np.diff(group["score"]) >= 0).all()


def test_without_directions_the_same_rows_teach_the_contrary():
    frame, y = against()
    free = RuleClassifier(max_rules=8, soft=False).fit(frame, y)
    grid = frame.head(1).drop(columns="a").merge(pd.DataFrame({"a": np.linspace(0, 10, 50)}), how="cross")
    assert np.diff(free.decision_function(grid)).min() < 0
    assert free.rules_.directions == ()


def test_it_is_said_with_the_rules(directed):
    model, frame, y = directed
    found = model.rules_
    assert [(each.column, each.sign, each.against) for each in found.directions] == [
        ("a", 1, ()), ("b", -1, ()), ("c", 1, ()),
    ]  # fmt: skip
    asked = {each.column: each.rules for each in found.directions}
    for name in SIGNS:
        numbers = [any(c.column == name and c.op != "in" for c in r.conditions) for r in found.rules]
        assert asked[name] == tuple(np.flatnonzero(numbers) + 1)
    kept = [name for name in "abc" if asked[name]]
    idle = [name for name in "abc" if not asked[name]]
    assert "c" in kept
    ups, downs = ", ".join(n for n in kept if SIGNS[n] > 0), ", ".join(n for n in kept if SIGNS[n] < 0)
    sentence = (
        f"more {ups} can only raise {f'it, and more {downs} can only lower ' if downs else ''}the log-odds"
    )
    for text in (found.to_text(), found.to_markdown(), found.to_python(), figures.figures_of(found)[0].alt):
        assert sentence in text
        assert not idle or f"No rule asks for {', '.join(idle)}, so more or less there" in text
    assert all(each["holds"] for each in found.to_json()["directions"])
    assert "never" not in model.rules(frame, y).summary()[1]


def test_rules_that_go_against_a_direction_are_named():
    column = Column("age", monotone=1)
    rules = [
        WeightedRule((Condition("age", ">", 30.0),), (0.0, -0.2), "no"),
        WeightedRule((Condition("age", "<=", 50.0), Condition("age", ">", 20.0)), (0.0, 0.3), "yes"),
        WeightedRule((Condition("age", "in", ("(missing)",)),), (0.0, -1.0), "no"),
    ]
    found = WeightedRules(tuple(rules), (0.0, 0.0), ("no", "yes"), (column,))
    assert found.directions[0].against == (1, 2)
    assert found.directions[0].rules == (1, 2)
    assert (
        "Not shown: more age should only raise the log-odds of yes; against it: rule 1, 2." in found.summary()
    )
    ordered = WeightedRules(tuple(rules), (0.0, 0.0), ("no", "yes"), (column,), ordered=True)
    assert ordered.directions == ()


def rows(n=300, seed=3):
    chance = np.random.default_rng(seed)
    held = chance.random((6, n)) < 0.4
    truth = np.array([2.0, -1.5, 1.0, 0.5, 0.0, 0.0])
    return held, truth @ held + 0.3 * chance.normal(size=n)


@pytest.mark.parametrize("signs", [(0, 1, 1, -1, 0, 1), (-1, -1, -1, -1, -1, -1), (0, 0, 0, 0, 0, -1)])
def test_weights_are_the_best_that_their_signs_allow(signs):
    held, odds = rows()
    second = 1 / (1 + np.exp(-odds))
    shares = np.stack([1 - second, second], 1)
    weight, bias = head(held, shares, signs=np.array(signs, dtype=np.int8))

    def loss(w):
        z = held.T @ w[1:] + w[0]
        return (np.logaddexp(0, z) - second * z).sum() + (w[1:] ** 2).sum() / 2

    bounds = [(None, None), *((0 if s > 0 else None, 0 if s < 0 else None) for s in signs)]
    slow = minimize(loss, np.zeros(7), bounds=bounds, method="Powell", options={"xtol": 1e-8, "ftol": 1e-12})
    assert loss(np.concatenate([bias[1:], weight[1]])) <= slow.fun + 1e-6
    assert (weight[1] * np.array(signs) >= 0).all()


def test_bounds_that_do_not_bind_change_nothing():
    held, odds = rows()
    second = 1 / (1 + np.exp(-odds))
    shares = np.stack([1 - second, second], 1)
    free = head(held, shares)
    model = LogisticRegression(C=1.0, max_iter=1000, tol=1e-10)
    model.fit(np.tile(held.T, (2, 1)), np.repeat([0, 1], 300), sample_weight=shares.T.reshape(-1))
    signs = np.sign(model.coef_[0]).astype(np.int8)
    weight, bias = head(held, shares, signs=signs)
    assert np.abs(weight[1] - model.coef_[0]).max() < 1e-3
    assert abs(bias[1] - model.intercept_[0]) < 1e-3
    assert np.abs(free[0] - weight).max() < 0.01


@pytest.mark.parametrize("signs", list(itertools.product([1, -1, 0], repeat=3))[::4])
def test_choice_agrees_with_trying_everything(signs):
    """Two of seven columns by forward choice with swaps against all pairs, each weighed within its signs."""
    chance = np.random.default_rng(5)
    held = chance.random((7, 200)) < 0.4
    odds = 2.0 * held[2] - 1.5 * held[5] + 1.0 * held[0] + 0.1 * chance.normal(size=200)
    every = np.zeros(7, dtype=np.int8)
    every[[2, 5, 0]] = signs

    def error(some):
        table = np.stack([np.ones(200), *held[list(some)]], 1)
        kinds = np.array([0, *every[list(some)]])
        ends = np.where(kinds > 0, 0, -np.inf), np.where(kinds < 0, 0, np.inf)
        return 2 * lsq_linear(table, odds, ends, method="bvls").cost

    fit = Fit(odds[:, None], np.ones(200))
    found = chosen(fit, fit.column(held), 2, np.ones(7, np.float32), signs=every)
    best = min(error(pair) for pair in itertools.combinations(range(7), 2))
    assert error(found) <= best * 1.02 + 1e-9


def test_a_rule_for_both_ways_becomes_two_of_one_way_each():
    spec = TabularSpec((Column("a", monotone=1), Column("b", monotone=-1), Column("free")))
    values = np.random.default_rng(0).uniform(-2, 2, (200, 3))
    x = spec.encode([dict(zip("ab", row, strict=False), free=row[2]) for row in values]).numpy()
    grid = fit_grid(spec, x, x[:, 0].astype(float), bins=16)
    whole = grid.full

    def rule(**masks):
        row = whole.copy()
        for name, mask in masks.items():
            row[["a", "b", "free"].index(name)] = mask
        return row

    a, b = (grid.axes[k].bins - 1 for k in (0, 1))
    masks = np.stack([
        rule(a=interval(2, 4)), rule(a=interval(2, a), b=interval(0, 3)),
        rule(a=interval(2, a), b=interval(2, b)), rule(free=interval(2, 4)),
    ])  # fmt: skip
    assert signs_of(grid, masks)[0].tolist() == [0, 1, 0, 0]
    assert signs_of(grid, masks)[1].tolist() == [False, True, False, True]
    parted = one_way(grid, masks)
    assert len(parted) == 6
    assert signs_of(grid, parted)[1].all()
    assert signs_of(grid, parted)[0].tolist() == [1, 0, 1, 1, -1, -1]
    assert parted[2:].tolist() == [
        list(rule(a=interval(2, a))), list(rule(a=interval(2, a))),
        list(rule(a=interval(0, 4))), list(rule(b=interval(2, b))),
    ]  # fmt: skip
    # what a rule for both ways holds in lies in both of its halves
    bins = grid.of(x)
    held, halves = fires(masks, bins, whole), fires(parted, bins, whole)
    assert (held[0] <= halves[2] & halves[4]).all()


def test_answers_without_chance_keep_directions_too():
    chance = np.random.default_rng(0)
    x = pd.DataFrame(chance.integers(0, 20, (500, 3)).astype(float), columns=["a", "b", "c"])
    y = ((x.a > 9) & (x.b > 9)).astype(int)
    model = RuleClassifier(monotone={"a": 1, "b": 1}).fit(x, y)
    assert model.score(x, y) == 1.0
    assert all(not each.against for each in model.rules_.directions)


def test_directions_that_cannot_be_kept_are_refused(tmp_path):
    frame, y = against(80)
    with pytest.raises(InputError, match="leave out --ordered"):
        RuleClassifier(monotone={"a": 1}, ordered=True).fit(frame, y)
    with pytest.raises(InputError, match="leave out --ordered"):
        RuleClassifier(monotone={"a": 1}, ordered=True, soft=False).path(frame, y, budgets=(2,), folds=2)
    with pytest.raises(InputError, match="3 classes without an order"):
        RuleClassifier(monotone={"a": 1}).fit(frame, frame.kind)
    with pytest.raises(InputError, match="declared twice, by name and by number"):
        RuleClassifier(monotone={"a": 1, 0: -1}).fit(frame, y)
    with pytest.raises(InputError, match="have no more or less"):
        RuleClassifier(monotone={"kind": 1}).fit(frame, y)


def test_a_plain_network_in_python_is_refused_directions_too():
    frame, y = against(80)
    data = pellucid.data.frame(frame.assign(y=y), "y", monotone={"a": 1})
    for kind in (None, "attention", "prototypes", "concepts"):
        with pytest.raises(InputError, match=r"a should only raise or lower .* keeps no directions"):
            default_network(data, kind=kind)
    assert default_network(data, kind="additive") is not None


def test_a_column_that_no_rule_asks_for_is_not_said_to_be_kept():
    asked, idle, odd = (
        KeptDirection("a", 1, (1,), ()),
        KeptDirection("b", -1, (), ()),
        KeptDirection("c", 1, (2,), (2,)),
    )
    kept, unasked, against_it = told_of_directions((asked, idle, odd), "score")
    assert "more a can only raise the score" in kept
    assert "b" not in kept.split()
    assert unasked == "No rule asks for b, so more or less there changes nothing."
    assert "rule 2" in against_it
    assert told_of_directions((idle,), "score") == (unasked,)


def test_the_command_line_declares_them(tmp_path):
    frame, y = against(150)
    file = tmp_path / "rows.csv"
    frame.assign(y=y).to_csv(file, index=False)
    run = tmp_path / "run"
    ask = ["train", str(file), "--target", "y", "--rises", "a", "--falls", "b", "--out", str(run)]
    done = CliRunner().invoke(app, [*ask, "--network", "rules", "--max-rules", "4", "--epochs", "2"])
    assert done.exit_code == 0, done.output
    assert "No rule asks for a, b, so more or less there changes nothing." in done.output
    own = pellucid.tasks.own_rules(pellucid.open(run))
    assert [(each.column, each.sign) for each in own.directions] == [("a", 1), ("b", -1)]
    for wrong, said in (
        (["--network", "attention"], "keeps no directions"),
        ([], "a plain network keeps no directions"),
        (["--network", "rules", "--falls", "a"], "is to rise and to fall"),
        (["--network", "rules", "--ordered"], "leave out --ordered"),
        (["--network", "rules", "--rises", "aa"], "which is no column"),
    ):
        refused = CliRunner().invoke(app, [*ask, *wrong])
        assert refused.exit_code != 0
        assert said in " ".join(str(refused.exception or refused.output).split())
