"""Anchors: the bound holds, the conditions are the network's own, and where there is none it is said."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from pellucid._core import Dataset, predict, split
from pellucid.errors import InputError, MethodError
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.rules import anchor
from pellucid.rules._anchor_conditions import meets, row_draws
from pellucid.rules._anchor_draws import part_draws
from pellucid.rules._anchor_hunt import Hunt, search
from pellucid.rules._bounds import clopper_pearson_low, divergence, kl_bounds
from rules.made import Decides, Gives, people
from rules.test_counterfactual import loans, weighing


def test_the_exact_bound_is_the_one_of_the_binomial():
    for hits, n in ((0, 10), (3, 10), (97, 100), (100, 100)):
        low = clopper_pearson_low(hits, n)
        tail = sum(math.comb(n, k) * low**k * (1 - low) ** (n - k) for k in range(hits, n + 1))
        assert tail == pytest.approx(0.05 if hits else 1.0, abs=1e-9)


def test_divergence_bounds_lie_where_they_say():
    hits, n = np.array([3.0, 0.0, 50.0]), np.array([10.0, 10.0, 50.0])
    low, high = kl_bounds(hits, n, 2.0)
    assert np.allclose(n * divergence(hits / n, low), [2, 0, 2], atol=1e-6)
    assert np.allclose(n * divergence(hits / n, high), [2, 2, 0], atol=1e-6)


def test_it_finds_the_two_conditions_of_a_known_rule():
    data = people(800)
    # old owners: the network is that rule
    model = Decides(lambda x: (x[:, 0] > 0.45) & (x[:, 3] > 0.5))
    x = data.spec.encode([{"age": 60, "income": 1e-5, "housing": "own"}])
    found = anchor(model, data, x)
    assert found.reached
    assert str(found) == "IF age > 44 years AND housing = own THEN good"
    assert found.precision == 1.0
    assert found.without < 0.5
    held = data.rows(data.parts != 0)
    rows = data.spec.decode(held.inputs)
    assert found.covered == sum(row["age"] > 44 and row["housing"] == "own" for row in rows)
    assert found.agreeing == found.covered


def test_no_anchor_is_said_with_the_best_attempt():
    data = people(400)
    # depends on the fourth digit of an income, which no interval of any width can hold
    model = Decides(lambda x: torch.sin(400 * x[:, 1]) > 0)
    found = anchor(model, data, data.inputs[:1], most=2)
    assert not found.reached
    assert found.precision_low < found.threshold
    assert "No anchor was found" in found.note


def test_no_condition_is_needed_where_the_answer_never_changes():
    data = people(200)
    found = anchor(Decides(lambda x: x[:, 0] > 99), data, data.inputs[:1])
    assert found.conditions == ()
    assert found.reached
    assert "No condition is needed" in found.note


@pytest.mark.parametrize("sampling", ["neighbour", "marginal"])
def test_draws_meet_their_conditions_and_leave_other_columns_alone(sampling):
    data = loans()
    x = data.part("test").inputs[:1]
    model = weighing(data)

    def same(inputs):
        return predict(model, inputs).argmax(1).numpy() == predict(model, x).argmax(1).item()

    draws = row_draws(data.spec, data.part("train").inputs, x, same, sampling, 0)
    chosen = tuple(p for p, c in enumerate(draws.conditions) if c.column in ("job", "loans"))[:2]
    rows = draws.codes.read(draws.draw(chosen, 400, np.random.default_rng(0)))
    for p in chosen:
        assert meets(draws.codes, rows, int(draws.columns[p]), draws.conditions[p]).all()
    real = {tuple(row) for row in draws.real[:, [0, 3]]}
    assert all(tuple(row) in real for row in rows[:, [0, 3]])
    if sampling == "neighbour":
        together = {tuple(row) for row in draws.real[:, [1, 2]]}
        assert all(tuple(row) in together for row in rows[:, [1, 2]])


def test_every_condition_holds_for_the_row_itself():
    data = loans()
    model = weighing(data, 1.0)
    for x in data.part("test").inputs[:5].split(1):
        draws = row_draws(
            data.spec,
            data.part("train").inputs,
            x,
            lambda inputs: np.ones(len(inputs), dtype=bool),
            "neighbour",
            0,
        )
        assert draws.met[-1].all()
        found = anchor(model, data, x)
        assert found.answer == data.classes[predict(model, x).argmax(1).item()]


def test_the_bound_holds_on_fresh_draws():
    data, broken, tried = loans(), 0, 8
    model = weighing(data, 1.0)
    for x in data.part("test").inputs[:tried].split(1):
        found = anchor(model, data, x, threshold=0.9)
        own = predict(model, x).argmax(1).item()

        def same(inputs, own=own):
            return predict(model, inputs).argmax(1).numpy() == own

        draws = row_draws(data.spec, data.part("train").inputs, x, same, "neighbour", 0)
        chosen = tuple(draws.conditions.index(c) for c in found.conditions)
        fresh = same(draws.draw(chosen, 20_000, np.random.default_rng(99))).mean()
        broken += fresh < found.precision_low
    assert broken <= 2  # nominal 1 in 20


def test_parts_of_a_picture_can_be_anchors():
    spec = ImageSpec(1, (8, 8))
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    data = Dataset(
        "noise", x, torch.zeros(40).long(), spec, ("as it was", "not"), split(torch.zeros(40), classes=False)
    )
    corner = x[0, 0, 0, 0]
    # the answer hangs on one pixel being what it was
    model = Gives(lambda x: torch.stack(((x[:, 0, 0, 0] == corner).float() - 0.5, 0 * x[:, 0, 0, 0]), 1))
    found = anchor(model, data, x[:1], most=2)
    assert [c.column for c in found.conditions] == [spec.group_names(x[:1])[int(spec.groups(x[:1])[0, 0, 0])]]
    assert found.reached
    assert found.held == 0
    assert "coin" in found.refers_to


def test_regression_and_wrong_questions():
    data = loans()
    prices = Dataset("p", data.inputs, data.answers.float(), data.spec, (), data.parts, "price", "€")
    model = Gives(lambda x: (10 * (x[:, 4] > 0.5)).float()[:, None] + 0.1 * x[:, :1])
    x = data.spec.encode([{"age": 40, "loans": 3, "job": "skilled", "savings": 5}])
    assert str(anchor(model, prices, x)).startswith("IF job = skilled THEN 10 ±")
    with pytest.raises(InputError, match="one input"):
        anchor(model, prices, data.inputs[:2])
    with pytest.raises(InputError, match="between 0 and 1"):
        anchor(model, prices, x, threshold=1.5)
    with pytest.raises(InputError, match="Did you mean neighbour"):
        anchor(model, prices, x, sampling="neighbor")


def test_the_same_seed_gives_the_same_anchor():
    data = loans()
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).train()
    first, second = (anchor(model, data, data.inputs[3:4]) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert model.training


def test_more_columns_than_can_be_searched_are_refused_at_once():
    spec = TabularSpec(tuple(Column(f"c{k}") for k in range(501)))
    with pytest.raises(MethodError, match="501 columns"):
        row_draws(spec, torch.zeros(4, 501), torch.zeros(1, 501), lambda _: np.zeros(0, bool), "marginal", 0)


def test_many_parts_are_looked_at_in_the_same_passes():
    x = torch.ones(1, 1, 12, 10)

    def same(inputs):
        flat = inputs.flatten(1)
        return (
            (flat[:, 3] + flat[:, 77] == 2) | (flat[:, 5] * flat[:, 8] * flat[:, 90] * flat[:, 91] == 1)
        ).numpy()

    draws = part_draws(ImageSpec(1, (12, 10), cell=1), x)
    hunt = Hunt(draws, same, np.random.default_rng(0), 0.95, 0.05)
    hunt.extended([(3,), (9,)], 4000)
    by_hand = Hunt(draws, same, np.random.default_rng(1), 0.95, 0.05)
    by_hand.more(sets := [(3, 77), (3, 9), (9, 77), (3, 5)], 4000)
    for chosen in sets:
        (hits, n), (also, m) = hunt._counts[chosen], by_hand._counts[chosen]
        share = (hits + also) / (n + m)
        assert abs(hits / n - also / m) <= 4 * (share * (1 - share) * (1 / n + 1 / m)) ** 0.5
    asked = []
    hunt = Hunt(
        draws, lambda inputs: asked.append(len(inputs)) or same(inputs), np.random.default_rng(0), 0.95, 0.05
    )
    assert search(hunt, 5, 4) == (3, 77)
    assert sum(asked) < 120 * 4 * 50  # what a first look at the pairs took alone, set by set
