import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

from pellucid._core import wilson
from pellucid.inputs import Column
from pellucid.rules._agreement import explained, explained_interval, paired_difference
from pellucid.rules._box import Box, fewest
from pellucid.rules._readable import Feature
from pellucid.rules._rule_set import firing
from pellucid.rules._tree import Growth, threshold

A, B = Column("a"), Column("b")
KIND = Column("kind", levels=("x", "y", "z"))


def told(boxes, columns, rows):
    found = firing([box.conditions() for box in boxes], columns, rows)
    return [None if k is None else boxes[k].answer for k in found]


def growth(seed, counted, n=200):
    chance = np.random.default_rng(seed)
    table = chance.normal(size=(n, 3)).round(2)
    score = table[:, 0] * table[:, 1] + 0.3 * chance.normal(size=n)
    answers = (score > 0).astype(float) if counted else score
    targets = np.eye(2)[answers.astype(int)] if counted else answers[:, None]
    columns = (A, B, Column("c"))
    return Growth(table, tuple(map(Feature, columns)), answers, targets, counted, 5, 0), columns


@pytest.mark.parametrize("seed", range(3))
def test_reading_a_prefix_equals_growing_a_smaller_tree(seed):
    """Numbers are drawn far apart, so rounding changes nothing and the two must agree on every row."""
    made, columns = growth(seed, True)
    rows = [dict(zip("abc", map(float, row), strict=True)) for row in made.table]
    big = DecisionTreeRegressor(max_leaf_nodes=24, min_samples_leaf=5, random_state=0)
    fitted = big.fit(made.table, made.targets).tree_
    for size in (2, 5, 11, 24):
        fresh = DecisionTreeRegressor(max_leaf_nodes=size, min_samples_leaf=5, random_state=0)
        expected = fresh.fit(made.table, made.targets).tree_
        inner = expected.feature >= 0
        for part in ("feature", "threshold"):
            prefix = getattr(fitted, part)[: 2 * size - 1]
            assert (prefix[inner] == getattr(expected, part)[inner]).all()
    ranks = np.stack([np.unique(part, return_inverse=True)[1] for part in made.table.T], 1)
    same = DecisionTreeRegressor(max_leaf_nodes=8, min_samples_leaf=5, random_state=0).fit(
        ranks, made.targets
    )
    boxes = made._joined(same.tree_, ranks, 8)
    leaf = same.apply(ranks)
    majority = {k: float(np.bincount(made.answers[leaf == k].astype(int)).argmax()) for k in set(leaf)}
    agree = np.mean([a == majority[k] for a, k in zip(told(boxes, columns, rows), leaf, strict=True)])
    assert agree > 0.98  # two decimals and a spread of 2.5: rounding to 0.01 moves hardly any row


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_part_the_rows(seed, counted):
    made, columns = growth(seed, counted)
    rows = [dict(zip("abc", map(float, row), strict=True)) for row in made.table]
    boxes = made.boxes(6)
    assert len(boxes) <= 6
    for row in rows:
        assert sum(answer is not None for box in boxes for answer in told([box], columns, [row])) == 1


def test_boxes_are_joined_where_the_union_is_exact():
    whole = Box(1.0)
    low, high = whole.halved(Feature(A), 1.0, True), whole.halved(Feature(A), 1.0, False)
    middle, upper = high.halved(Feature(A), 2.0, True), high.halved(Feature(A), 2.0, False)
    assert fewest((low, middle, upper)) == (whole,)
    assert fewest((low, upper)) == (low, upper)
    corner = low.halved(Feature(B), 0.0, True)
    assert len(fewest((corner, high))) == 2
    none_x, only_x = whole.halved(Feature(KIND, "x"), 0.5, True), whole.halved(Feature(KIND, "x"), 0.5, False)
    only_y, only_z = (
        none_x.halved(Feature(KIND, "y"), 0.5, False),
        none_x.halved(Feature(KIND, "y"), 0.5, True),
    )
    assert fewest((only_x, only_y, only_z)) == (whole,)
    (pair,) = fewest((only_x, only_z))
    assert pair.conditions()[0].value == ("x", "z")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-2, 2), st.booleans()), max_size=12), st.integers(1, 3)
)
def test_joining_never_changes_an_answer(cuts, classes):
    parts = (Feature(A), Feature(B), *(Feature(KIND, level) for level in "xyz"))
    boxes = [Box(0.0)]
    for k, (feature, cut, swap) in enumerate(cuts):
        box = boxes.pop(0 if swap else -1)
        part = parts[feature % len(parts)]
        boxes += [box.halved(part, float(cut), True), box.halved(part, float(cut), False)]
        boxes = [Box(float((k + j) % classes), b.numbers, b.levels, b.order) for j, b in enumerate(boxes)]
    grid = itertools.product((-2.5, -1.5, -0.5, 0.5, 1.5, 2.5), (-2.0, 0.0, 2.0, 3.0), "xyz")
    rows = [{"a": a, "b": b, "kind": c} for a, b, c in grid]
    fewer = fewest(tuple(boxes))
    assert len(fewer) <= len(boxes)
    assert told(fewer, (A, B, KIND), rows) == told(boxes, (A, B, KIND), rows)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e9), st.floats(0.02, 0.9), st.floats(0.05, 0.9))
def test_a_threshold_parts_what_is_not_too_close(start, spread, where, gap):
    """Numbers further apart than a hundredth of the spread are parted exactly."""
    low = start + where * spread
    high = low + gap * spread
    if not (high - low > 0.5 * gap * spread and abs(start) < 1e6 * spread):
        return  # beyond what a double can tell apart
    values = np.array([start] * 3 + [low, high] + [start + spread] * 3)
    cut = threshold(low, high, values, Feature(Column("n")))
    assert low <= cut < high


def test_a_threshold_is_the_shortest_number_between():
    values = np.linspace(0, 100, 50)
    number, whole = Feature(Column("n")), Feature(Column("n", integer=True))
    assert threshold(14.1234, 37.9, values, number) == 30.0
    assert threshold(14.1234, 14.9, values, number) == 14.5
    assert threshold(14.12, 14.13, values, number) == 14.1  # three digits of the spread at most
    assert threshold(32.0, 33.0, values, whole) == 32.0
    assert threshold(33.0, 34.0, values, whole) == 33.0
    assert threshold(-0.4, 0.3, values, number) == 0.0
    assert str(threshold(-0.4, 0.3, values, number)) == "0.0"


def test_wilson_against_the_published_table():
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_covers_as_often_as_it_says():
    chance = np.random.default_rng(0)
    hits = chance.binomial(172, 0.93, 4000)
    covered = np.mean([low <= 0.93 <= high for low, high in (wilson(int(k), 172) for k in hits)])
    assert 0.93 <= covered <= 0.97


def test_the_paired_difference_covers_and_finds_nothing_in_equal_shares():
    chance = np.random.default_rng(0)
    covered = []
    for _ in range(2000):
        both = chance.random(150) < 0.8
        first, second = both ^ (chance.random(150) < 0.1), both ^ (chance.random(150) < 0.1)
        low, high = paired_difference(first, second)
        covered.append(low <= 0 <= high)
    assert 0.93 <= np.mean(covered) <= 0.98
    same = np.ones(50, dtype=bool)
    low, high = paired_difference(same, same)
    assert low < 0 < high


def test_r_squared_and_its_interval():
    truth = np.random.default_rng(0).normal(size=300)
    assert explained(truth, truth) == 1
    assert explained(np.full(300, truth.mean()), truth) == pytest.approx(0, abs=1e-12)
    assert explained(np.zeros(3), np.zeros(3)) == 1
    assert explained(np.ones(3), np.zeros(3)) == 0
    noisy, noisier = truth + 0.5, truth + 1.0
    low, high, gain_low, gain_high = explained_interval(noisy, noisier, truth, 0)
    assert low < explained(noisy, truth) < high
    assert 0 < gain_low < explained(noisy, truth) - explained(noisier, truth) < gain_high
