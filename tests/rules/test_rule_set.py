import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pellucid._core import Dataset, split
from pellucid.errors import InputError
from pellucid.inputs import Column, TabularSpec
from pellucid.rules import Condition, Rule, readable_rows, surrogate_tree
from rules.made import Decides, Gives, age, people


def compiled(source, name="predict"):
    """The generated function, with nothing but plain built-ins at hand."""
    allowed = {"float": float, "str": str, "isinstance": isinstance, "ValueError": ValueError}
    space = {"__builtins__": allowed}
    exec(compile(source, "rules", "exec"), space)
    assert set(space) == {"__builtins__", name}
    return space[name]


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_generated_python_equals_predict(missing, seed):
    data = people(missing=missing, seed=seed)
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(data.inputs.shape[1], 16), nn.Tanh(), nn.Linear(16, 2))
    network[0].weight.data *= 4
    found = surrogate_tree(network, data, leaves=10)
    rows = readable_rows(data.spec, data.inputs)
    decide = compiled(found.to_python("decide"), "decide")
    assert [decide(row) for row in rows] == found.predict(rows)
    assert len(set(found.predict(rows))) == 2


def test_generated_python_equals_predict_in_regression():
    data = replace(people(missing=True), classes=(), answers=torch.rand(600))
    found = surrogate_tree(Gives(lambda x: (age(x) * (1 + x[:, 4]))[:, None]), data, leaves=12)
    rows = readable_rows(data.spec, data.inputs)
    decide = compiled(found.to_python())
    assert [decide(row) for row in rows] == found.predict(rows)
    assert len(set(found.predict(rows))) == 12


def test_exactly_one_rule_speaks_for_each_row():
    data = people(missing=True)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    found = surrogate_tree(network, data, leaves=12)
    for row in readable_rows(data.spec, data.inputs):
        alone = [replace(found, rules=(rule,)).fired(row) for rule in found.rules]
        assert sum(rule is not None for rule in alone) == 1


def nasty(names, levels, classes):
    columns = (Column(names[0], names[2]), Column(names[1], levels=levels))
    spec = TabularSpec(columns)
    chance = torch.Generator().manual_seed(0)
    rows = [
        {names[0]: a, names[1]: levels[int(b * len(levels))]}
        for a, b in torch.rand(120, 2, generator=chance).tolist()
    ]
    answers = torch.arange(120) % 2
    return Dataset(
        names[0], spec.encode(rows), answers, spec, classes, split(answers, classes=True), names[1]
    )


BREAKING = (
    "class",
    "a b",
    'it\'s "quoted"',
    "line\nimport os; os.abort()\n#",
    "carriage\rreturn  x\x0c\x1c",
    "'] or __import__('os').abort() or row['",
    '"""\nraise SystemExit\n"""',
    "back\\slash\\",
    "{braces} %s {0}",
    "row",
    "def predict(row): return 1",
    "größe µ 年齢",
)


@pytest.mark.parametrize("k", range(len(BREAKING)))
def test_no_name_breaks_out_of_the_generated_code(k):
    around = [BREAKING[(k + j) % len(BREAKING)] for j in range(8)]
    data = nasty(around[:3], tuple(around[3:6]), tuple(around[6:8]))
    network = Decides(lambda x: (x[:, 0] > 0.5) & (x[:, 1] == 1))
    found = surrogate_tree(network, data)
    source = found.to_python()
    assert "xa0" not in source
    decide = compiled(source)
    rows = readable_rows(data.spec, data.inputs)
    assert [decide(row) for row in rows] == found.predict(rows)
    assert found.fidelity > 0.9
    assert source.count("\ndef ") + source.startswith("def ") == 1
    json.loads(json.dumps(found.to_json(), allow_nan=False))


name = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() not in ("", "(missing)"))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(name, min_size=8, max_size=8, unique=True))
def test_any_text_can_be_a_name(names):
    data = nasty(names[:3], tuple(names[3:6]), tuple(names[6:8]))
    found = surrogate_tree(Decides(lambda x: (x[:, 0] > 0.5) & (x[:, 2] == 1)), data)
    rows = readable_rows(data.spec, data.inputs)[:40]
    assert [compiled(found.to_python())(row) for row in rows] == found.predict(rows)


@pytest.mark.parametrize("wrong", ["", "class", "a b", "f(x): pass\ndef g", "1st"])
def test_a_function_needs_a_name(wrong):
    found = surrogate_tree(Decides(lambda x: age(x) > 30), people(100))
    with pytest.raises(InputError, match="function cannot be called"):
        found.to_python(wrong)


def small():
    return surrogate_tree(Decides(lambda x: (age(x) > 40.5) & (x[:, 4] == 0)), people())


def test_text_says_the_figures_and_each_rule():
    found = small()
    lines = found.to_text().splitlines()
    assert lines[0].startswith(
        "3 rules for credit (people) agree with the network (fidelity) on 100\u00a0% [98\u00a0%, 100\u00a0%]"
    )
    assert "by a tree of that size on the true answers" in lines[1]
    assert lines[2].startswith("Held-out right: rules ")
    assert len(lines) == 4 + 3 + len(found.note.splitlines())
    assert all(str(rule) in found.to_text() for rule in found.rules)
    assert repr(found) == "RuleSet(3 rules, fidelity 100\u00a0%)"


def test_json_is_plain_and_complete():
    table = json.loads(json.dumps(small().to_json(), allow_nan=False))
    assert len(table["rules"]) == 3
    assert table["rules"][0]["conditions"][0] == {"column": "age", "op": "<=", "value": 40.0, "unit": "years"}
    assert {"fidelity", "null_fidelity", "majority", "coverage", "excess_low", "note"} <= table.keys()


def test_rows_as_users_write_them():
    found = small()
    rows = [{"age": "41", "housing": "own", "more": 1}, {"age": 40.0, "housing": "own"}]
    assert found.predict(rows) == ["good", "bad"]
    assert found.fired({"age": 41, "housing": "rent"}).outcome == "bad"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"agee": 3, "housing": "own"}, "Row 1 gives no 'age'. Did you mean agee"),
        ({"age": "old", "housing": "own"}, "age: expected a number, got 'old'"),
        ({"age": None, "housing": "own"}, "age: expected a number, got None"),
        ({"age": 41, "housing": "hut"}, "'hut' is not a known level: free, own, rent"),
    ],
)
def test_rows_that_cannot_be_read_are_told(row, words):
    with pytest.raises(InputError, match=words):
        small().predict([row])


def test_a_condition_reads_well():
    assert str(Condition("age", "<=", 34.0, "years")) == "age <= 34 years"
    assert str(Condition("x", ">", 0.136)) == "x > 0.136"
    assert str(Condition("x", "in", ("a",), "", ("b",))) == "x = a"
    assert str(Condition("x", "in", ("a", "b"), "", ("c",))) == "x is not c"
    assert str(Condition("x", "in", ("a", "b"), "", ("c", "d"))) == "x in {a, b}"
    assert str(Condition("x", "in", ("a", "b", "c"), "", ("d", "e"))) == "x not in {d, e}"
    low, high = Condition("x", ">", 1.0, "m"), Condition("x", "<=", 2.0, "m")
    other = Condition("y", ">", 3.0)
    assert str(Rule((high, other, low), "yes", 3, 1.0)) == "IF 1 < x <= 2 m AND y > 3 THEN yes"
    assert str(Rule((), "yes", 3, 1.0)) == "ALWAYS yes"


def test_a_rule_set_without_a_rule_for_a_row_says_so():
    found = small()
    partial = replace(found, rules=found.rules[:1])
    assert partial.fired({"age": 90, "housing": "own"}) is None
    with pytest.raises(InputError, match="No rule speaks for row 1"):
        partial.predict([{"age": 90, "housing": "own"}])
