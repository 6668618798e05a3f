"""No shortcut of kind K: what the search finds is failed, what it does not find is passed."""

import dataclasses

import pytest
import torch

import pellucid
from pellucid import expect
from pellucid.errors import InputError
from pellucid.evidence import Copies, Measure
from pellucid.tasks._check._no_shortcut import _copied
from tasks.check.made import Corner, of, only, people, pictures, scorer


def test_a_column_that_decides_alone_is_failed_with_the_rows(data):
    outcome = only(of(scorer(income=9.0), data), expect.NoShortcut(("column",), pairs=60))
    found = pellucid.shortcuts(
        of(scorer(income=9.0), data), pairs=60, compute=pellucid.Compute(batch_size=256)
    )
    (lead,) = [one for one in found.suspicions if one.name == "the column income"]
    assert outcome.word == "failed"
    assert (outcome.line.label, outcome.line.value, outcome.line.limit) == (
        "the column income",
        lead.follows.value,
        lead.bars[1],
    )
    assert outcome.line.control == lead.control.value
    assert outcome.rows
    assert "the column income of a row answered" in outcome.rows[0].said


def test_where_columns_share_the_work_there_is_none(data):
    shared = of(scorer(income=1.5, debt=1.5, age=1.5, sex=1.0), data)
    y = (shared.model(data.inputs)[:, 1] > 0).long()
    shared = of(shared.model, dataclasses.replace(data, answers=y))
    assert only(shared, expect.NoShortcut(("column",), pairs=60)).word == "passed"


def test_pictures_by_their_corner():
    whole = pictures()
    subject = pellucid.open(Corner(), data=whole)
    corner = only(subject, expect.NoShortcut(("corner",), pairs=60))
    assert corner.word == "failed"
    assert "corner" in corner.line.label
    assert only(subject, expect.NoShortcut(("brightness",), pairs=60)).word != "failed"


def test_a_network_of_chance_is_not_run(data):
    torch.manual_seed(0)
    y = data.answers[torch.randperm(len(data))]
    subject = of(scorer(income=0.0, age=1.0), dataclasses.replace(data, answers=y))
    outcome = only(subject, expect.NoShortcut(pairs=60))
    assert outcome.word == "not run"
    assert "right no more often" in outcome.note


def test_kinds_suit_the_inputs(data):
    with pytest.raises(InputError, match="column"):
        only(of(scorer(), data), expect.NoShortcut(("corner",)))
    with pytest.raises(InputError, match="40 or more"):
        only(of(scorer(), people(50)), expect.NoShortcut(rows=10))


@pytest.mark.parametrize(
    ("word", "copies", "said"),
    [
        ("suspected", 9, "undecided"),
        ("suspected", 16, "failed"),
        ("found", 9, "failed"),
        ("no alarm", 4, "passed"),
    ],
)
def test_surely_too_many_copies_are_failed_whether_or_not_they_are_known_by_heart(word, copies, said):
    share = Measure(0.9, 0.8, 1.0)
    line = _copied(Copies(word, copies, 0, 500, 2000, share, share, 0.4, 1.0, torch.zeros(1, 2), ""))
    assert line.word == said
    assert (line.low > line.limit) == (copies == 16)
