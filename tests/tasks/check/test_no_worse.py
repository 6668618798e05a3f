"""No worse than the approved run: paired where both have the same rows, else set against each other."""

import json

import pytest
import torch

import pellucid
from pellucid import expect
from pellucid.errors import InputError, LoadError, StoreError
from pellucid.tasks._check import approved_run
from pellucid.tasks._check._intervals import mean_interval
from tasks.check.made import of, people, scorer

ASKED = [
    expect.Accuracy(0.5, name="right"),
    expect.Swap("sex", 0.9, name="sex"),
    expect.Auc(0.5, of="yes", name="ranks"),
    expect.NoWorse(margin=0.02, name="no worse"),
]


@pytest.fixture
def approved(data, tmp_path):
    found = pellucid.check(of(scorer(), data), ASKED[:3])
    return expect.approve(found, tmp_path / "approved.json")


def last(network, data, approved):
    return pellucid.check(of(network, data), ASKED, baseline=approved).outcomes[-1]


def test_the_same_network_differs_by_nothing(data, approved):
    outcome = last(scorer(), data, approved)
    assert outcome.word == "passed"
    assert all((line.value, line.low) == (0, None) for line in outcome.lines)
    assert {line.label.split(":")[0] for line in outcome.lines} == {"right", "sex", "ranks"}
    assert "It is the same network" in outcome.note


def test_a_worse_network_fails_with_the_rows_that_turned(data, approved):
    worse = scorer(income=1.0, age=1.5)
    outcome = last(worse, data, approved)
    assert outcome.word == "failed"
    line = next(line for line in outcome.lines if line.label.startswith("right"))
    right = [((net(data.inputs)[:, 1] > 0).long() == data.answers).double() for net in (scorer(), worse)]
    apart = right[1] - right[0]
    assert line.value == pytest.approx(float(apart.mean()))
    assert (line.low, line.high) == mean_interval(apart, 1 - 0.05 / 3, 0)
    assert line.control == pytest.approx(float(right[0].mean()))
    turned = {each.row for each in outcome.rows if each.said.startswith("right")}
    assert turned
    assert all(apart[row] < 0 for row in turned)


def test_pairing_sees_what_two_intervals_cannot(data, approved):
    # 12 of 600 rows turn: far less than the width of either interval
    class Few(torch.nn.Module):
        def __init__(self, turned):
            super().__init__()
            self.net, self.turned = scorer(), turned

        def forward(self, x):
            out = self.net(x)
            hit = (x[:, None] == self.turned).all(2).any(1)
            return torch.where(hit[:, None], out.flip(1), out)

    right = (scorer()(data.inputs)[:, 1] > 0).long() == data.answers
    turned = data.inputs[right.nonzero().flatten()[:24]]
    outcome = last(Few(turned), data, approved)
    line = next(line for line in outcome.lines if line.label.startswith("right"))
    assert line.value == pytest.approx(-24 / 600)
    assert line.word == "failed"


def test_other_rows_are_not_paired(approved):
    outcome = last(scorer(), people(seed=5), approved)
    assert "nothing is paired" in outcome.note
    line = next(line for line in outcome.lines if line.label.startswith("right"))
    assert line.high - line.low > 0.05
    assert line.word == "undecided"


def test_what_was_not_approved_is_not_run(data, approved):
    asked = [expect.Accuracy(0.5, name="new"), expect.NoWorse(of=("new",), name="n")]
    outcome = pellucid.check(of(scorer(), data), asked, baseline=approved).outcomes[-1]
    assert outcome.word == "not run"
    assert "approve anew" in outcome.line.note


def test_without_an_approved_run_it_is_not_run(data):
    outcome = pellucid.check(of(scorer(), data), ASKED).outcomes[-1]
    assert outcome.broken
    assert "--approve" in outcome.line.note


def test_it_names_expectations_that_exist(data):
    with pytest.raises(InputError, match="Did you mean right"):
        pellucid.check(of(scorer(), data), [ASKED[0], expect.NoWorse(of=("rihgt",))])


def test_what_is_written_is_read_back(data, approved):
    found = pellucid.check(of(scorer(), data), ASKED[:3])
    read = approved_run(approved)
    line = found.outcomes[0].line
    kept = read.lines["right", line.label]
    assert (kept.value, kept.low, kept.n) == (line.value, line.low, line.n)
    assert torch.equal(kept.each, line.each)
    assert torch.equal(kept.rows, line.rows)
    assert (read.model, read.data) == (found.model, found.data)


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "no approved run"), ("[]", "damaged"), ('{"format": "x", "version": 1}', "damaged"),
     ('{"format": "pellucid approved run", "version": 9}', "version 9")],
)  # fmt: skip
def test_a_damaged_file_is_told(tmp_path, content, words):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(LoadError, match=words):
        approved_run(tmp_path / "a.json")


def test_a_missing_file_and_a_folder_that_cannot_be_written(data, tmp_path):
    with pytest.raises(LoadError, match="--approve"):
        approved_run(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        expect.approve(pellucid.check(of(scorer(), data), ASKED[:1]), tmp_path / "file" / "a.json")


def test_json_is_whole(data):
    found = pellucid.check(of(scorer(), data), ASKED)
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["counts"]["not run"] == 1
    assert told["outcomes"][0]["lines"][0]["n"] == 600
