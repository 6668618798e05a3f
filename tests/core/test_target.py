"""Targets: one number a row, and clear words where there is none."""

import numpy as np
import pytest
import torch

import zoo
from pellucid._core import (
    Question,
    as_target,
    log_odds,
    logit,
    logits,
    margin,
    probability,
    the_output,
    top,
    unit,
)
from pellucid.errors import TargetError

OUT = torch.tensor([[1.0, 4.0, -2.0], [0.5, 0.25, 3.0]])
ROWS = torch.tensor([0, 1])


def test_closed_forms():
    p = OUT.softmax(1)
    cases = [
        (logit(1), OUT[:, 1]),
        (logits([2, 0]), torch.tensor([-2.0, 0.5])),
        (margin(1, 2), OUT[:, 1] - OUT[:, 2]),
        (probability(1), p[:, 1]),
        (log_odds(1), (p[:, 1] / (1 - p[:, 1])).log()),
        (log_odds([1, 2]), torch.stack([(p[0, 1] / (1 - p[0, 1])).log(), (p[1, 2] / (1 - p[1, 2])).log()])),
        (unit("x", 2), OUT[:, 2]),
    ]
    for target, wanted in cases:
        torch.testing.assert_close(target.score(OUT, ROWS), wanted, msg=target.label)


@pytest.mark.parametrize("count", [np.int64, np.uint8, torch.tensor])
def test_numbers_may_come_from_anywhere(count):
    for target, same in [
        (logit(count(1)), logit(1)),
        (margin(count(1), count(2)), margin(1, 2)),
        (probability(count(1)), probability(1)),
        (log_odds(count(1)), log_odds(1)),
        (unit("x", count(2)), unit("x", 2)),
    ]:
        assert target.label == same.label
        torch.testing.assert_close(target.score(OUT, ROWS), same.score(OUT, ROWS))
    rows = np.array([1, 2])
    torch.testing.assert_close(log_odds(rows).score(OUT, ROWS), log_odds([1, 2]).score(OUT, ROWS))


@pytest.mark.parametrize("strange", [1.0, "cat", True, None, torch.tensor([0, 1])])
def test_what_is_no_number_of_a_class_is_told_at_once(strange):
    makers = [logit, probability, lambda k: margin(k, 0), lambda k: margin(0, k), lambda k: unit("x", (0, k))]
    for make in makers + [log_odds] * (not isinstance(strange, torch.Tensor)):
        with pytest.raises(TargetError, match="number of one class or unit"):
            make(strange)


def test_one_output_is_a_log_odds_of_two_classes():
    one = torch.tensor([[0.7], [-1.0]])
    torch.testing.assert_close(probability(0).score(one, ROWS), one[:, 0].sigmoid())
    torch.testing.assert_close(log_odds(0).score(one, ROWS), one[:, 0])
    torch.testing.assert_close(logit(0).score(one[:, 0], ROWS), one[:, 0])


def test_rows_pick_their_own_class():
    target = logits([2, 0, 1])
    torch.testing.assert_close(target.score(OUT, torch.tensor([2, 1])), torch.tensor([4.0, 0.5]))


def test_units_of_maps():
    maps = torch.arange(24.0).view(2, 3, 2, 2)
    torch.testing.assert_close(unit("x", 1).score(maps, ROWS), maps[:, 1].mean((1, 2)))
    torch.testing.assert_close(unit("x", (1, 0, 1)).score(maps, ROWS), maps[:, 1, 0, 1])


def test_top_stays_with_the_class_of_the_unchanged_row():
    settled = top().settle(OUT)
    torch.testing.assert_close(settled.score(OUT.flip(1), ROWS), torch.tensor([4.0, 0.5]))
    model, x = zoo.reference(), zoo.inputs()
    q = Question(model, x, top())
    assert q.target.classes.tolist() == model(x).argmax(1).tolist()
    torch.testing.assert_close(q.scores()[0], model(x).amax(1).detach())


@pytest.mark.parametrize(
    ("said", "label"),
    [
        (2, "logit(2)"),
        (np.int64(2), "logit(2)"),
        (torch.tensor(2), "logit(2)"),
        ([0, 1], "logit of each row's class"),
        (np.array([0, 1]), "logit of each row's class"),
        (torch.tensor([0, 1]), "logit of each row's class"),
        (margin(0, 1), "margin(0, 1)"),
        (lambda output, rows: output[:, 0], "<lambda>"),
    ],
)
def test_whatever_a_user_may_say(said, label):
    assert as_target(said).label == label


@pytest.mark.parametrize("said", [True, None, "cat", 1.5, object()])
def test_what_is_no_target(said):
    with pytest.raises(TargetError, match="Expected a class number, a Target or a function, got"):
        as_target(said)


@pytest.mark.parametrize("said", [[logit(0), logit(1)], ["cat", "dog"], (True, False)])
def test_several_targets_are_no_class_for_each_row(said):
    with pytest.raises(TargetError, match=r"one for each row, got \w+ among them"):
        as_target(said)


def test_half_a_class_is_no_class():
    with pytest.raises(TargetError, match=r"Expected whole numbers of classes, got \[1.0, 2.5\]"):
        as_target([1, 2.5])


@pytest.mark.parametrize(
    "target",
    [logit(3), logit(-1), logits([0, 3]), margin(0, 3), probability(7), log_odds(3), log_odds([0, 5])],
)
def test_outputs_that_do_not_exist(target):
    with pytest.raises(TargetError, match=r"Output -?\d does not exist: this network has 3, numbered 0 to 2"):
        target.score(OUT, ROWS)


@pytest.mark.parametrize("index", [3, (0, 5), (0, 0, 0), -1])
def test_units_that_do_not_exist(index):
    with pytest.raises(TargetError, match=r"does not exist in 'x', whose activation has the shape \(3,\)"):
        unit("x", index).score(OUT, ROWS)


@pytest.mark.parametrize("classes", [[0], [0, 1, 2], []])
def test_a_class_for_each_row(classes):
    with pytest.raises(TargetError, match=rf"one class for each of 5 rows, got {len(classes)}"):
        Question(zoo.reference(), zoo.inputs(), classes)


def test_too_few_classes_are_noticed_without_a_question():
    with pytest.raises(TargetError, match="Expected a class for each row, got 1 classes"):
        logits([0]).score(OUT, ROWS)


def test_outputs_of_several_axes_need_a_function():
    with pytest.raises(TargetError, match=r"got outputs of shape \(2, 3, 4\). Give a function"):
        logit(0).score(torch.zeros(2, 3, 4), ROWS)


def test_the_output_of_whatever_a_network_returns():
    parts = {"logits": OUT, "hidden": OUT + 1}
    assert the_output(OUT, None) is OUT
    assert the_output(parts, None) is OUT
    assert the_output(parts, "hidden") is parts["hidden"]
    assert the_output({"only": OUT, "loss": None}, None) is OUT
    assert the_output((None, OUT), None) is OUT
    assert the_output((OUT + 1, OUT), 1) is OUT
    assert the_output(zoo.ModelOutput(OUT, hidden_states=(OUT,)), None) is OUT


@pytest.mark.parametrize(
    ("raw", "item", "words"),
    [
        (
            (OUT, OUT),
            None,
            r"returns 2 tensors \(0, 1\); say which one is explained, as logit\(0, output=0\) where a target "
            r"is asked for; pellucid.open\(…, output=0\).model gives that one alone\.$",
        ),
        ({"scores": OUT, "state": OUT}, "score", "Did you mean scores"),
        (OUT, "logits", "returns one tensor; there is no item 'logits'"),
        ("text", None, "returned str without tensors"),
        ({"loss": None}, None, "without tensors"),
        ((OUT, OUT), 5, "returns 2 tensors"),
    ],
)
def test_outputs_that_cannot_be_chosen(raw, item, words):
    with pytest.raises(TargetError, match=words):
        the_output(raw, item)


def test_a_function_that_gives_the_wrong_shape():
    with pytest.raises(
        TargetError, match=r"mean must give one number per row: expected the shape \(5,\), got \(\)"
    ):
        Question(zoo.reference(), zoo.inputs(), _mean).scores()


def _mean(output, rows):
    return output.mean()


_mean.__name__ = "mean"
