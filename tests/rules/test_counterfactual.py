"""Counterfactuals keep to every constraint, are as small as a search of everything finds."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pellucid._core import Compute, Dataset, load, predict, save, split
from pellucid.errors import InputError
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.rules import Constraints, Limit, Link, counterfactuals
from pellucid.rules._recourse._codes import codes_of, read
from pellucid.rules._recourse._realism import realism_of
from pellucid.rules._recourse._search import price
from rules.made import Gives, people

JOBS = ("none", "some", "skilled")


def loans(n: int = 500, seed: int = 0) -> Dataset:
    """Small whole numbers and a category, so that every row there is can be tried."""
    chance = np.random.default_rng(seed)
    spec = TabularSpec(
        (
            Column("age", "years", mean=40, std=12, low=20, high=60, integer=True),
            Column("loans", mean=3, std=2, low=0, high=6, integer=True),
            Column("job", levels=JOBS),
            Column("savings", "k€", mean=5, std=3, low=0, high=10, integer=True),
        )
    )
    rows = [
        {"age": int(a), "loans": int(b), "job": JOBS[int(c)], "savings": int(d)}
        for a, b, c, d in zip(
            chance.integers(20, 61, n),
            chance.integers(0, 7, n),
            chance.integers(0, 3, n),
            chance.integers(0, 11, n),
            strict=True,
        )
    ]
    answers = torch.from_numpy(chance.integers(0, 2, n))
    return Dataset("loans", spec.encode(rows), answers, spec, ("no", "yes"), split(answers, classes=True))


def weighing(data: Dataset, bend: float = 0.0) -> nn.Module:
    """Yes for few loans, skilled work and savings; ``bend`` makes savings count for skilled workers only."""

    def rule(x):
        skilled = x[:, 4]
        score = 0.2 * x[:, 0] - x[:, 1] + 1.5 * skilled + x[:, 5] * (1 - bend + bend * skilled) - 0.637
        return torch.stack((-score, score), 1)

    return Gives(rule)


@pytest.fixture(scope="module")
def data():
    return loans()


def refused(model, data, n=12):
    x = data.part("test").inputs
    return x[predict(model, x).argmax(1) == 0][:n]


@pytest.mark.parametrize("bend", [0.0, 1.0])
def test_the_first_answer_is_as_cheap_as_any_of_up_to_three_columns(data, bend):
    model = weighing(data, bend)
    x = refused(model, data, 6)
    found = counterfactuals(model, data, x, k=1, semifactuals=False)
    codes = codes_of(data.spec, read(data.spec, data.part("train").inputs))
    ages, numbers = np.arange(20, 61.0), np.arange(7.0)
    every = np.array(list(itertools.product(ages, numbers, range(3), np.arange(11.0))))
    yes = predict(model, codes.encode(every)).argmax(1).numpy() == 1
    realism = realism_of(codes, codes.read(data.part("train").inputs), np.arange(350), 0)
    for case, now in zip(found, codes.read(x), strict=True):
        ours = codes.read(case.found[0].inputs[None])
        there = every[yes]
        cheapest = price(codes, now, there).min()
        mine = price(codes, now, ours)[0] + (1 - realism.of(ours, now)[0][0]) / 2
        # a dearer one may be taken where it is more plausible, which counts at most half
        assert mine <= cheapest + 0.5 + 1e-9
        assert price(codes, now, ours)[0] >= cheapest - 1e-9


def test_answers_are_those_of_the_row_that_people_read(data):
    model = weighing(data)
    for case in counterfactuals(model, data, refused(model, data), k=3):
        assert case.found
        for each in case.found:
            again = data.spec.encode([each.row])
            assert torch.equal(again[0], each.inputs)
            assert predict(model, again).argmax(1).item() == 1
            assert each.answer == "yes"
            assert each.gap > 0
            assert {c.column for c in each.changes} == {
                name for name, value in each.row.items() if value != case.row[name]
            }


def test_every_constraint_is_kept(data):
    model = weighing(data)
    asked = Constraints(
        (
            Limit("age", direction=1, step=2),
            Limit("loans", direction=-1, low=1),
            Limit("job", levels=("none", "some", "skilled"), direction=1),
        ),
        (Link("job", "age", direction=1, least=2),),
        most=3,
    )
    found = counterfactuals(model, data, refused(model, data, 20), constraints=asked, k=4)
    seen = [each for case in found for each in (*case.found, *case.bears)]
    assert len(seen) > 20
    for case in found:
        for each in (*case.found, *([case.attempt] if case.attempt else [])):
            assert 1 <= len(each.changes) <= 3
            aged = each.row["age"] - case.row["age"]
            assert aged >= 0
            assert aged % 2 == 0
            assert each.row["loans"] == case.row["loans"] or 1 <= each.row["loans"] < case.row["loans"]
            before, after = (JOBS.index(row["job"]) for row in (case.row, each.row))
            assert after >= before
            assert after == before or aged >= 2
    assert any(c.column == "job" for case in found for each in case.found for c in each.changes)


def test_none_within_the_constraints_gives_the_nearest_attempt(data):
    model = weighing(data)
    x = data.spec.encode([{"age": 30, "loans": 6, "job": "none", "savings": 0}])
    found = counterfactuals(model, data, x, constraints=Constraints(actionable=("age",)))
    case = found[0]
    assert case.found == ()
    assert case.attempt.row == {"age": 60, "loans": 6, "job": "none", "savings": 0}
    assert case.attempt.answer == "no"
    assert case.attempt.gap < 0
    assert "nearest attempt" in found.note


@pytest.mark.parametrize("fixed", [("job",), ("age", "job"), ("age", "loans", "savings"), ("loans", "job")])
def test_what_cannot_change_does_not_come_from_real_rows_either(data, fixed):
    """Where nothing else helps, real rows with the answer are taken back to the row: categories too."""
    model = Gives(lambda x: torch.stack((0 * x[:, 4], 2 * x[:, 4] - 1 + 0.01 * x[:, 0]), 1))
    x = refused(model, data, 12)
    found = counterfactuals(model, data, x, constraints=Constraints().also(immutable=fixed), k=4)
    assert len(found) == 12
    for case in found:
        shown = (*case.found, *case.bears, *([case.attempt] if case.attempt else []))
        assert shown
        for each in shown:
            assert not {change.column for change in each.changes} & {*fixed}
            assert all(each.row[name] == case.row[name] for name in fixed)
        assert bool(case.found) == ("job" not in fixed)
        # the row as it is is no attempt
        assert "job" not in fixed or case.attempt.changes


def test_nothing_that_may_change_has_another_value(data):
    model = weighing(data)
    x = data.spec.encode([{"age": 60, "loans": 6, "job": "none", "savings": 0}])
    up = Constraints((Limit("age", direction=1),), actionable=("age",))
    case = counterfactuals(model, data, x, constraints=up)[0]
    assert case.found == ()
    assert case.attempt is None


def test_answers_differ_in_their_columns(data):
    model = weighing(data)
    for case in counterfactuals(model, data, refused(model, data), k=3):
        sets = [frozenset(c.column for c in each.changes) for each in case.found]
        assert len(set(sets)) == len(sets)


def test_rows_do_not_depend_on_their_company(data):
    model = weighing(data, 1.0)
    x = refused(model, data, 5)
    together = counterfactuals(model, data, x, compute=Compute(batch_size=7))
    alone = [counterfactuals(model, data, x[i : i + 1])[0] for i in reversed(range(5))][::-1]
    for one, other in zip(together, alone, strict=True):
        assert [str(each) for each in one.found] == [str(each) for each in other.found]
        assert [str(each) for each in one.bears] == [str(each) for each in other.bears]


def test_semifactuals_keep_the_answer_and_stop_where_it_ends(data):
    model = weighing(data)
    x = refused(model, data, 8)
    for case in counterfactuals(model, data, x):
        for each in case.bears:
            assert each.answer == case.answer
            assert len(each.changes) == 1
            assert each.gap > 0
            change = each.changes[0]
            if change.column in ("loans", "savings"):  # whole numbers, all of which were tried
                further = change.after + (1 if change.after > change.before else -1)
                if 0 <= further <= {"loans": 6, "savings": 10}[change.column]:
                    again = data.spec.encode([{**each.row, change.column: further}])
                    assert predict(model, again).argmax(1).item() == 1


def test_plausibility_is_counted_among_real_rows(data):
    codes = codes_of(data.spec, read(data.spec, data.part("train").inputs))
    real = codes.read(data.part("train").inputs)[:60]
    told = realism_of(codes, real, np.arange(60), 0)
    rows = real[:4] + np.array([7, 0, 0, 1.0])

    def apart(a, b):
        return sum(
            float(a[k] != b[k]) if codes.levels[k] else abs(a[k] - b[k]) / codes.spread[k] for k in range(4)
        )

    own = [sorted(apart(a, b) for j, b in enumerate(real) if j != i)[:5] for i, a in enumerate(real)]
    own = [sum(five) / 5 for five in own]
    for row in rows:
        near = sorted(apart(row, b) for b in real)[:5]
        share, nearest, which = told.of(row[None], np.full(4, -1.0))
        assert share[0] == pytest.approx(np.mean([o >= sum(near) / 5 - 1e-9 for o in own]))
        assert nearest[0] == pytest.approx(near[0])
        assert apart(row, real[which[0]]) == pytest.approx(near[0])


def test_the_row_itself_does_not_make_its_changes_plausible(data):
    codes = codes_of(data.spec, read(data.spec, data.part("train").inputs))
    real = codes.read(data.part("train").inputs)[:50]
    told = realism_of(codes, real, np.arange(50), 0)
    moved = real[:1] + np.array([1, 0, 0, 0.0])
    assert told.of(moved, real[0])[2][0] != 0
    assert told.of(moved, real[1])[2][0] == 0


def test_refits_judge_and_agreeing_networks_are_asked(data):
    model, other = weighing(data), weighing(data, 1.0)
    x = refused(model, data, 6)
    found = counterfactuals(model, data, x, refits=[model, other])
    for case in found:
        for each in case.found:
            held = [predict(m, each.inputs[None]).argmax(1).item() == 1 for m in (model, other)]
            assert each.holds == sum(held)
            assert each.holds_low < each.holds / 2 + 1e-9 <= each.holds_high + 1e-9
        assert case.steady == sum(predict(m, case.inputs[None]).argmax(1).item() == 0 for m in (model, other))
    both = counterfactuals(model, data, x, agreeing=[other], refits=[other])
    assert all(each.holds == 1 for case in both for each in case.found)


def test_a_probability_can_be_asked_for(data):
    model = weighing(data)
    x = refused(model, data, 6)
    for case in counterfactuals(model, data, x, least=0.9):
        assert all(each.value >= 0.9 for each in case.found)


def test_regression_wants_a_range():
    data = loans()
    model = Gives(lambda x: (10 + 3 * x[:, 5] - x[:, 1])[:, None])
    prices = Dataset("p", data.inputs, data.answers.float(), data.spec, (), data.parts, "price", "€")
    x = data.inputs[:5][predict(model, data.inputs[:5])[:, 0] < 12]
    for case in counterfactuals(model, prices, x, wanted=(13.0, float("inf"))):
        assert case.wanted == "above 13 €"
        assert all(each.value > 13 for each in case.found)
    with pytest.raises(InputError, match="wanted is a range"):
        counterfactuals(model, prices, x)


def test_three_classes_and_probabilities_as_outputs(data):
    def rule(x):
        return torch.stack((-x[:, 1], x[:, 1], 0.2 + 0 * x[:, 1]), 1).softmax(1)

    three = Dataset("t", data.inputs, data.answers, data.spec, ("a", "b", "c"), data.parts)
    model = Gives(rule)
    x = data.inputs[predict(model, data.inputs).argmax(1) == 0][:4]
    assert {e.answer for c in counterfactuals(model, three, x, wanted="c") for e in c.found} == {"c"}
    assert all(e.answer != "a" for c in counterfactuals(model, three, x) for e in c.found)


def test_missing_values_stay_missing():
    data = people(missing=True)
    model = Gives(lambda x: torch.stack((0 * x[:, 0], x[:, 0] + x[:, 2] - 0.8), 1))
    x = data.inputs[(data.inputs[:, 1] == 1) & (predict(model, data.inputs).argmax(1) == 0)][:5]
    assert len(x)
    for case in counterfactuals(model, data, x):
        assert all(each.row["age"] is None for each in case.found)


def test_wrong_questions_are_refused(data):
    with pytest.raises(InputError, match="k=0 looks for no way at all: at least 1"):
        counterfactuals(weighing(data), data, refused(weighing(data), data, 1), k=0)
    model = weighing(data)
    x = refused(model, data, 2)
    yes = data.inputs[predict(model, data.inputs).argmax(1) == 1][:1]
    with pytest.raises(InputError, match="No class is called 'yess'"):
        counterfactuals(model, data, x, wanted="yess")
    with pytest.raises(InputError, match="has the answer yes already"):
        counterfactuals(model, data, yes, wanted="yes")
    with pytest.raises(InputError, match="a probability between 0 and 1"):
        counterfactuals(model, data, x, least=2)
    with pytest.raises(InputError, match="no value is from"):
        counterfactuals(model, data, x, constraints=Constraints((Limit("age", low=70),)))
    pictures = Dataset(
        "p", torch.rand(4, 1, 8, 8), torch.zeros(4).long(), ImageSpec(), ("a",), torch.zeros(4)
    )
    with pytest.raises(InputError, match="nearest real inputs"):
        counterfactuals(nn.Flatten(), pictures, pictures.inputs)


def test_the_network_comes_back_and_the_value_can_be_kept(data, tmp_path):
    model = weighing(data).train()
    found = counterfactuals(model, data, refused(model, data, 2))
    assert model.training
    again = load(save(found, tmp_path / "found.safetensors"))
    assert [str(e) for c in again for e in c.found] == [str(e) for c in found for e in c.found]
