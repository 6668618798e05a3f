"""Rule lists, clauses and the optimal tree: against what can be counted, and each form as it is run."""

import importlib
import itertools
import json
import math
import sqlite3
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pellucid import figures
from pellucid._core import Dataset, percent
from pellucid.errors import InputError, MethodError
from pellucid.rules import readable_rows, rule_frontier, rules_of_values, surrogate_rules
from pellucid.rules._bits import bits_of
from pellucid.rules._bounds import clopper_pearson
from pellucid.rules._judged import Cells
from pellucid.rules._material import material
from pellucid.rules._optimal import optimal_tree
from pellucid.rules._rule_set import firing
from rules.made import Decides, Gives, age, people

_optimal = importlib.import_module("pellucid.rules._optimal")
KINDS = ("tree", "optimal", "list", "clauses")


def good(x):
    """Owners above 30, and everybody above 50."""
    return ((age(x) > 30.5) & (x[:, 3] == 1)) | (age(x) > 50.5)


def network(seed=0, inputs=5):
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, 2))
    made[0].weight.data *= 3
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_is_a_rule_is_copied_by_every_kind(kind):
    found = surrogate_rules(Decides(good), people(), kind=kind)
    assert found.fidelity >= 0.99
    assert found.excess_low > 0.2
    assert found.kind == kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [False, True])
def test_figures_are_those_of_the_rules_as_printed(kind, missing):
    data = people(missing=missing)
    net = network(inputs=data.inputs.shape[1])
    found = surrogate_rules(net, data, kind=kind, size=6)
    held = data.rows(data.parts != 0)
    rows = readable_rows(held.spec, held.inputs)
    said = [rule.outcome if (rule := found.fired(row)) else None for row in rows]
    with torch.no_grad():
        answers = [data.classes[k] for k in net(held.inputs).argmax(1)]
    truth = [data.classes[k] for k in held.answers]
    same = [a == b for a, b in zip(said, answers, strict=True)]
    apart = [a != b for a, b in zip(answers, truth, strict=True)]
    assert found.fidelity == pytest.approx(np.mean(same))
    assert found.coverage == pytest.approx(np.mean([each is not None for each in said]))
    assert found.differ == sum(apart)
    assert found.differ_fidelity == pytest.approx(np.mean(np.array(same)[apart]))
    assert (found.fidelity_low, found.fidelity_high) == clopper_pearson(sum(same), len(same))
    assert len(found) <= 6


def test_exact_interval_has_its_nominal_tails():
    for hits, n in ((3, 20), (19, 20), (90, 100)):
        low, high = clopper_pearson(hits, n)
        tail = lambda p, ks: sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in ks)  # noqa: B023, E731
        assert tail(low, range(hits, n + 1)) == pytest.approx(0.025, abs=1e-6)
        assert tail(high, range(hits + 1)) == pytest.approx(0.025, abs=1e-6)
    assert clopper_pearson(0, 10)[0] == 0
    assert clopper_pearson(10, 10)[1] == 1
    assert clopper_pearson(0, 0) == (0, 1)


def fewest_mistakes(yes, answers, leaves, depth, support):
    """The slow obvious search over all trees."""
    counts = np.bincount(answers, minlength=2)
    best = int(counts.sum() - counts.max())
    if leaves < 2 or depth < 1:
        return best
    for bit in range(yes.shape[1]):
        here = yes[:, bit]
        if min(here.sum(), (~here).sum()) < support:
            continue
        for left in range(1, leaves):
            found = fewest_mistakes(yes[here], answers[here], left, depth - 1, support)
            found += fewest_mistakes(yes[~here], answers[~here], leaves - left, depth - 1, support)
            best = min(best, found)
    return best


@pytest.mark.parametrize(("leaves", "seed"), [(2, 0), (3, 0), (4, 1), (5, 2), (8, 3)])
def test_no_tree_of_that_size_makes_fewer_mistakes(leaves, seed, monkeypatch):
    data = people(150, seed=seed)
    given = material(network(seed), data, support=3, seed=0, synthetic=0, compute=None)
    monkeypatch.setattr(_optimal, "bits_of", lambda growth: bits_of(growth, 7))
    bits = bits_of(given.growth, 7)
    answers = given.growth.answers.astype(int)
    train = data.part("train")
    cells = Cells.of(given.columns, readable_rows(train.spec, train.inputs))
    boxes = optimal_tree(given.growth, leaves)
    told = np.array([box.answer for box in boxes])[cells.spoke(boxes)]
    assert int((told != answers).sum()) == fewest_mistakes(bits.yes, answers, leaves, 3, 3)
    assert len(boxes) <= leaves


def test_optimal_makes_no_more_mistakes_than_greedy_where_greed_fails():
    """Exclusive or: no first question helps, so a greedy tree is lost."""
    data = people(400)
    xor = Decides(lambda x: (x[:, 0] > 0) ^ (x[:, 1] > 0))
    optimal = surrogate_rules(xor, data, kind="optimal", size=4, synthetic=2000)
    greedy = surrogate_rules(xor, data, kind="tree", size=4, synthetic=2000)
    assert optimal.fidelity > 0.9
    assert optimal.fidelity >= greedy.fidelity


def test_a_list_ends_in_a_rule_for_all_the_rest_and_clauses_leave_rows_open():
    net = network(2)
    listed = surrogate_rules(net, people(), kind="list", size=5)
    assert listed.rules[-1].conditions == ()
    assert listed.coverage == 1
    clauses = surrogate_rules(net, people(), kind="clauses", size=2)
    assert clauses.coverage < 1
    assert "No rule speaks for" in clauses.to_text()
    with pytest.raises(InputError, match="No rule speaks"):
        clauses.predict(readable_rows(people().spec, people().inputs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [False, True])
def test_columns_at_once_fire_like_rows_one_by_one(kind, missing):
    data = people(missing=missing)
    found = surrogate_rules(network(1, data.inputs.shape[1]), data, kind=kind)
    rows = readable_rows(data.spec, data.inputs)
    asked = [rule.conditions for rule in found.rules]
    cells = Cells.of(found.columns, rows)
    slow = [-1 if k is None else k for k in firing(asked, found.columns, rows)]
    first = [next((k for k, c in enumerate(asked) if cells.meet(c)[i]), -1) for i in range(40)]
    assert first == slow[:40]


def by_sql(found, rows):
    names = [column.name for column in found.columns]
    base = sqlite3.connect(":memory:")
    quoted = ", ".join(f'"{name}"' for name in names)
    base.execute(f"CREATE TABLE rows ({quoted})")
    base.executemany(
        f"INSERT INTO rows VALUES ({', '.join('?' for _ in names)})",
        [[row[name] for name in names] for row in rows],
    )
    return [line[-1] for line in base.execute(found.to_sql())]


TRUE, FALSE = True, False
SPACE = "{http://www.dmg.org/PMML-4_4}"


def holds(node, row):
    """A predicate of PMML with its three values; None is unknown."""
    kind, told = node.tag.removeprefix(SPACE), node.attrib
    if kind in ("True", "False"):
        return kind == "True"
    if kind == "CompoundPredicate":
        parts = [holds(child, row) for child in node]
        sign = told["booleanOperator"]
        if sign == "surrogate":
            return next((part for part in parts if part is not None), None)
        decisive = sign == "or"
        return decisive if decisive in parts else (None if None in parts else not decisive)
    value = row[told["field"]]
    if told.get("operator") in ("isMissing", "isNotMissing"):
        return (value is None) == (told["operator"] == "isMissing")
    if value is None:
        return None
    if kind == "SimpleSetPredicate":
        levels = next(iter(node)).text.strip('"').split('" "')
        return (value in levels) == (told["booleanOperator"] == "isIn")
    other = told["value"]
    return {
        "lessOrEqual": lambda: value <= float(other),
        "greaterThan": lambda: value > float(other),
        "equal": lambda: value == other,
        "notEqual": lambda: value != other,
    }[told["operator"]]()


def by_pmml(found, rows):
    root = ET.fromstring(found.to_pmml())
    declared = {each.get("name") for each in root.iter(f"{SPACE}DataField")}
    rules = list(root.iter(f"{SPACE}SimpleRule"))
    assert {p.get("field") for r in rules for p in r.iter() if p.get("field")} <= declared
    return [next((r.get("score") for r in rules if holds(r[0], row)), None) for row in rows]


def by_json(found, rows):
    rules = json.loads(json.dumps(found.to_json()))["rules"]
    fill = {c.name: c.mean if c.median is None else c.median for c in found.columns}

    def meets(condition, row):
        value = row[condition["column"]]
        if condition["op"] == "in":
            if condition["value"] == ["(given)"]:
                return value is not None
            return ("(missing)" if value is None else value) in condition["value"]
        value = fill[condition["column"]] if value is None else value
        return value <= condition["value"] if condition["op"] == "<=" else value > condition["value"]

    return [
        next((r["outcome"] for r in rules if all(meets(c, row) for c in r["conditions"])), None)
        for row in rows
    ]


def by_python(found, rows):
    space = {}
    exec(compile(found.to_python(), "rules", "exec"), space)

    def said(row):
        if found.fired(row) is not None:
            return space["predict"](row)
        with pytest.raises(ValueError, match="no rule speaks"):
            space["predict"](row)
        return None

    return [said(row) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("run", [by_sql, by_pmml, by_json, by_python])
def test_every_form_answers_as_the_rules(kind, missing, run):
    data = people(missing=missing)
    found = surrogate_rules(network(3, data.inputs.shape[1]), data, kind=kind, size=6)
    rows = readable_rows(data.spec, data.inputs)
    said = [rule.outcome if (rule := found.fired(row)) else None for row in rows]
    assert run(found, rows) == said
    assert len(set(said)) > 1


def test_markdown_is_a_table_with_a_line_for_each_rule():
    found = surrogate_rules(network(), people(), size=5)
    lines = found.to_markdown().splitlines()
    body = [line for line in lines if line.startswith("| ") and line[2].isdigit()]
    assert len(body) == len(found)
    assert all(line.replace("\\|", "").count("|") == 6 for line in body)


def test_sql_of_numbers_answers_as_predict():
    data = replace(people(), classes=(), answers=torch.rand(600))
    found = surrogate_rules(Gives(lambda x: age(x)[:, None]), data, size=5)
    rows = readable_rows(data.spec, data.inputs)
    assert by_sql(found, rows) == found.predict(rows)
    with pytest.raises(InputError, match="classes"):
        found.to_pmml()


def test_growing_again_says_how_much_stays():
    sure = surrogate_rules(Decides(good), people(), regrown=5)
    assert sure.steady > 0.95
    assert sure.steady_least <= sure.steady
    assert "Grown again from other rows 5 times" in sure.to_text()
    loose = surrogate_rules(Decides(lambda x: (x * 1e4).sum(1).sin() > 0), people(), regrown=5, size=8)
    assert loose.steady < sure.steady - 0.1


def test_the_frontier_is_picked_from_on_rows_that_its_figures_do_not_use():
    data = people(900)
    found = rule_frontier(network(4), data, sizes=(2, 4, 8))
    assert found.apart
    assert all(each.n_test == int((data.parts == 2).sum()) for each in found)
    assert [each.conditions for each in found] == sorted(each.conditions for each in found)
    short = found.pick(conditions=found.sets[0].conditions)
    assert short is found.sets[0]
    reached = found.pick(fidelity=min(found.chosen))
    assert reached.conditions == min(
        s.conditions for s, c in zip(found, found.chosen, strict=True) if c >= min(found.chosen)
    )
    out = found.pick(fidelity=1.0)
    best = max(found.chosen)
    if best < 1:
        assert f"the best is {percent(best)}" in out.note
    with pytest.raises(InputError, match="shortest take"):
        found.pick(conditions=0)
    with pytest.raises(InputError, match="share"):
        found.pick(fidelity=95)


def test_what_cannot_be_asked_for_is_said():
    data = people()
    numbers = replace(data, classes=(), answers=torch.rand(600))
    with pytest.raises(InputError, match="mean clauses"):
        surrogate_rules(network(), data, kind="clause")
    with pytest.raises(InputError, match="kind='tree'"):
        surrogate_rules(Gives(lambda x: x[:, :1]), numbers, kind="list")
    with pytest.raises(InputError, match="at most 8"):
        surrogate_rules(network(), data, kind="optimal", size=9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_one_answer_is_told_in_one_rule(kind):
    found = surrogate_rules(Decides(lambda x: x[:, 0] < 1e9), people(), kind=kind)
    assert found.fidelity == 1
    assert len(found) == 1
    assert "same answer" in found.note


def test_boxes_of_a_tree_lie_apart():
    data: Dataset = people()
    found = surrogate_rules(network(), data, kind="optimal", size=8)
    rows = readable_rows(data.spec, data.inputs)
    cells = Cells.of(found.columns, rows)
    for first, second in itertools.combinations(found.rules, 2):
        assert not (cells.meet(first.conditions) & cells.meet(second.conditions)).any()


def test_rules_through_the_layers_of_a_small_network_follow_it():
    net, data = network(5), people(900)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = surrogate_rules(net, data, kind="layers", size=8)
    assert found.rules[-1].conditions == ()
    assert len(found) <= 8
    assert found.excess_low > 0
    assert found.fidelity > 0.8
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks for part in net.modules())
    with pytest.raises(MethodError, match="hidden layer"):
        surrogate_rules(nn.Linear(5, 2), data, kind="layers")


def test_rules_over_values_are_those_of_a_table_with_these_values():
    data = people(900)
    values = torch.rand(900, 3, generator=torch.Generator().manual_seed(1))
    yes = (values[:, 2] > 0.4) & (values[:, 0] <= 0.7)
    outputs = torch.stack((~yes, yes), 1).float()
    found = rules_of_values(values, outputs, ["a", "b", "c"], data)
    assert found.fidelity > 0.95
    assert {c.column for rule in found.rules for c in rule.conditions} == {"a", "c"}
    with pytest.raises(InputError, match="a name for each value"):
        rules_of_values(values, outputs, ["a", "b"], data)


def test_the_frontier_is_drawn_with_its_numbers_in_words_and_table():
    found = rule_frontier(network(4), people(900), sizes=(2, 8), regrown=2)
    drawn = figures.rule_frontier(found, picked=found.sets[0])
    assert len(drawn.table.rows) == len(found)
    assert f"{100 * found.sets[0].fidelity:.1f}" in drawn.alt
    assert "ring" in drawn.alt
    assert "<svg" in drawn.svg()
