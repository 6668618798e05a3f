"""How well: numbers against scikit-learn and slow twins, intervals against what they promise."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, r2_score, roc_auc_score
from torch import nn

import pellucid
from pellucid import expect
from pellucid._core import wilson
from pellucid.data import arrays
from pellucid.errors import InputError
from pellucid.figures import check_text
from pellucid.tasks._check import Bound, Line, Outcome
from pellucid.tasks._check._intervals import auc, difference, mean_interval
from pellucid.tasks._check._reliability import ece
from pellucid.tasks._check._sliced import _told
from tasks.check.made import of, only, people, scorer


def test_accuracy_is_a_share_with_wilsons_interval(subject, data):
    outcome = only(subject, expect.Accuracy(0.8))
    right = (data.inputs[:, 0] > 0).long() == data.answers
    assert outcome.line.value == pytest.approx(float(right.double().mean()))
    assert (outcome.line.low, outcome.line.high) == wilson(int(right.sum()), 600)
    assert outcome.word == "passed"
    assert outcome.line.control == pytest.approx(
        float((data.answers == data.answers.mode().values).double().mean())
    )


@pytest.mark.parametrize(("bound", "word"), [(0.5, "passed"), (0.9, "undecided"), (0.99, "failed")])
def test_the_interval_decides(subject, bound, word):
    outcome = only(subject, expect.Accuracy(bound))
    assert outcome.word == word
    assert outcome.broken == (word == "failed")
    assert (outcome.line.low >= bound, outcome.line.high < bound) == (word == "passed", word == "failed")


def test_undecided_breaks_where_its_author_wants_that(subject):
    assert only(subject, expect.Accuracy(0.9, undecided="fail")).broken


def test_failures_name_the_surest_wrong_rows(subject, data):
    outcome = only(subject, expect.Accuracy(0.99))
    rows = [each.row for each in outcome.rows]
    wrong = (data.inputs[:, 0] > 0).long() != data.answers
    assert all(wrong[row] for row in rows)
    surest = data.inputs[:, 0].abs().masked_fill(~wrong, 0).argsort(descending=True)[: len(rows)]
    assert rows == surest.tolist()
    assert outcome.rows[0].true != outcome.rows[0].given


def test_slices_by_levels_ranges_quartiles_and_the_answer(subject, data):
    by_sex = only(subject, expect.Accuracy(0.5, by="sex"))
    assert {line.label: line.n for line in by_sex.lines} == {
        "sex = f": int(data.inputs[:, 3].sum()),
        "sex = m": int(data.inputs[:, 4].sum()),
    }
    ages = only(subject, expect.Accuracy(0.5, by="age", cuts=(30.0, 45.0)))
    age = data.inputs[:, 5] * 10 + 40
    assert {line.label: line.n for line in ages.lines} == {
        "age < 30 years": int((age < 30).sum()),
        "30 ≤ age < 45 years": int(((age >= 30) & (age < 45)).sum()),
        "age ≥ 45 years": int((age >= 45).sum()),
    }
    debts = only(subject, expect.Accuracy(0.5, by="debt"))
    assert len(debts.lines) == 5
    assert {line.label: line.n for line in debts.lines}["debt missing"] == int(data.inputs[:, 2].sum())
    answers = only(subject, expect.Accuracy(0.5, by="answer"))
    assert {line.label: line.n for line in answers.lines}["pays yes"] == int(data.answers.sum())


def test_many_slices_have_wider_intervals_and_the_worst_decides(subject):
    alone = only(subject, expect.Accuracy(0.85))
    sliced = only(subject, expect.Accuracy(0.85, by="age", cuts=(30.0, 45.0)))
    line = sliced.line
    assert (line.low, line.high) == wilson(round(line.value * line.n), line.n, 1 - 0.05 / 3)
    assert line.value <= alone.line.value
    order = ["failed", "undecided", "passed"]
    assert [order.index(each.word) for each in sliced.lines] == sorted(
        order.index(each.word) for each in sliced.lines
    )


def test_auc_is_that_of_scikit_learn_with_delongs_variance():
    draw = torch.Generator().manual_seed(1)
    positive = torch.rand(80, generator=draw) < 0.4
    scores = (torch.randn(80, generator=draw) + positive.double()).mul(4).round() / 4  # with ties
    area, (low, high) = auc(scores, positive, 0.95)
    assert area == pytest.approx(roc_auc_score(positive.numpy(), scores.numpy()))
    up, down = scores[positive].tolist(), scores[~positive].tolist()
    wins = [[(a > b) + 0.5 * (a == b) for b in down] for a in up]
    per_up, per_down = np.mean(wins, 1), np.mean(wins, 0)
    se = math.sqrt(per_up.var(ddof=1) / len(up) + per_down.var(ddof=1) / len(down))
    reach = 1.959964 * se / (area * (1 - area))
    for end, sign in ((low, -1), (high, 1)):
        assert math.log(end / (1 - end)) == pytest.approx(
            math.log(area / (1 - area)) + sign * reach, rel=1e-5
        )


def test_auc_that_is_perfect_still_has_an_interval():
    area, (low, high) = auc(torch.arange(20.0), torch.arange(20) >= 10, 0.95)
    assert area == high == 1.0
    assert 0.6 < low < 0.95


def test_auc_of_a_class_and_of_a_slice_with_one_answer(subject, data):
    outcome = only(subject, expect.Auc(0.9, of="yes"))
    assert outcome.line.value == pytest.approx(roc_auc_score(data.answers, data.inputs[:, 0]))
    turned = only(subject, expect.Auc(0.9, of="no"))
    assert turned.line.value == pytest.approx(outcome.line.value)
    cut = only(subject, expect.Auc(0.5, by="income", cuts=(68.0,)))
    assert cut.word == "not run"
    assert cut.broken
    assert "same answer" in cut.line.note


def test_ece_is_the_mean_distance_in_bins_of_equal_size():
    draw = torch.Generator().manual_seed(2)
    sure = torch.rand(103, generator=draw, dtype=torch.float64)
    hit = (torch.rand(103, generator=draw) < 0.5).double()
    pairs = sorted(zip(sure.tolist(), hit.tolist(), strict=True))
    bins = [[] for _ in range(10)]
    for k, pair in enumerate(pairs):
        bins[k * 10 // 103].append(pair)
    slow = sum(abs(sum(p - h for p, h in each)) for each in bins) / 103
    assert ece(sure, hit, 10, 0.95, 0).value == pytest.approx(slow)


# of outcomes that come with p / 2 + 0.1, where p is uniform, in ten bins
TRUE = float(np.mean([abs(p / 2 - 0.1) for p in np.arange(0.05, 1, 0.1)]))


def test_perfect_probabilities_are_seldom_failed_and_wrong_ones_are():
    draw = torch.Generator().manual_seed(3)
    failed, above, missed, outside = 0, 0, 0, 0
    for seed in range(100):
        sure = torch.rand(200, generator=draw, dtype=torch.float64)
        hit = (torch.rand(200, generator=draw, dtype=torch.float64) < sure).double()
        found = ece(sure, hit, 10, 0.95, seed)
        failed += found.low > 0.02
        above += found.value > 0.02
        far = (torch.rand(200, generator=draw, dtype=torch.float64) < sure * 0.5 + 0.1).double()
        off = ece(sure, far, 10, 0.95, seed)
        missed += off.low <= 0.02
        outside += not off.low <= TRUE <= off.high
    assert failed <= 6  # nominal is under 3 of 100
    assert above == 100  # the number without its interval would fail all of them
    assert missed <= 15
    assert outside <= 8


def test_calibration_and_brier(subject, data):
    found = only(subject, expect.Calibration(0.3, score="brier"))
    p = torch.sigmoid(3 * data.inputs[:, 0]).double()
    assert found.line.value == pytest.approx(brier_score_loss(data.answers, p), abs=1e-6)
    base = data.answers.double().mean()
    assert found.line.control == pytest.approx(float(base * (1 - base)), abs=1e-9)
    error = only(subject, expect.Calibration(0.1, of="yes"))
    assert error.shown[0].n == (60,) * 10
    assert error.line.control_name.startswith("perfect")
    sure = of(scorer(income=60.0), data)
    assert only(sure, expect.Calibration(0.03)).word == "failed"


def test_a_number_is_judged_by_r2_and_error():
    draw = torch.Generator().manual_seed(4)
    x = torch.randn(300, 2, generator=draw)
    y = 2 * x[:, 0] + 0.5 * torch.randn(300, generator=draw)
    net = nn.Linear(2, 1)
    net.weight.data, net.bias.data = torch.tensor([[2.0, 0.0]]), torch.zeros(1)
    subject = pellucid.open(net, data=arrays(x, y))
    held = pellucid.tasks.held_out(subject.data)
    given = net(held.inputs).flatten().detach()
    r2, error = pellucid.check(subject, [expect.RSquared(0.8), expect.PredictionError(0.7)]).outcomes
    assert r2.line.value == pytest.approx(r2_score(held.answers, given), abs=1e-6)
    assert error.line.value == pytest.approx(float((held.answers - given).square().mean().sqrt()), abs=1e-6)
    assert r2.line.low < r2.line.value < r2.line.high
    assert error.line.control > 3 * error.line.value
    with pytest.raises(InputError, match="Use kind = 'r2'"):
        only(subject, expect.Accuracy(0.5))


def test_classes_are_no_number(subject):
    with pytest.raises(InputError, match="chooses among classes"):
        only(subject, expect.RSquared(0.5))


def test_differences_of_two_intervals():
    apart, low, high = difference((0.7, 0.6, 0.8), (0.5, 0.45, 0.52))
    assert apart == pytest.approx(0.2)
    assert low == pytest.approx(0.2 - math.hypot(0.1, 0.02))
    assert high == pytest.approx(0.2 + math.hypot(0.1, 0.05))


def test_a_mean_keeps_what_its_interval_promises():
    draw = torch.Generator().manual_seed(5)
    inside = 0
    for seed in range(100):
        each = torch.rand(60, generator=draw)
        low, high = mean_interval(each, 0.95, seed)
        inside += low <= 0.5 <= high
    assert inside >= 87


def test_without_test_rows_in_a_level_there_is_no_line(data):
    none = people(rare=0.0)
    assert len(only(of(scorer(), none), expect.Accuracy(0.5, by="sex")).lines) == 1


def test_an_end_just_past_the_bound_does_not_read_like_it():
    bound = Bound("at most", 0.02)
    told = Line("of", 0.0137, 0.0084, 0.020007, 150, bound.word(0.0137, 0.0084, 0.020007))
    outcome = Outcome("a", "swap", "a", told.word, False, bound, (told,))
    assert told.word == "undecided"
    assert "[0.8\xa0%, 2.001\xa0%], wanted ≤ 2\xa0%" in check_text(outcome)


def test_quartiles_are_told_in_three_digits_and_in_more_where_these_are_alike():
    assert _told([0.2437, 0.3725, 0.62975]) == ["0.244", "0.372", "0.63"]
    assert _told([1.0001, 1.0002, 1.5]) == ["1.0001", "1.0002", "1.5"]
