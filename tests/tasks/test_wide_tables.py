"""Tables with more columns than can be asked about one by one: what is narrowed is said."""

from __future__ import annotations

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid._core import Dataset, split
from pellucid.errors import InputError, MethodError
from pellucid.evidence._shortcuts._tables import TRIED
from pellucid.inputs import Column, TabularSpec
from pellucid.layers import early_exit

COLUMNS, ROWS = 600, 160


@pytest.fixture(scope="session")
def wide() -> pellucid.Subject:
    """A network that answers by column c7 alone, on a table of 600."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, COLUMNS, generator=draw)
    y = (x[:, 7] > 0).long()
    spec = TabularSpec(tuple(Column(f"c{k}") for k in range(COLUMNS)))
    net = torch.nn.Linear(COLUMNS, 2)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.zero_()
        net.weight[1, 7] = 4.0
    data = Dataset("wide", x, y, spec, ("no", "yes"), split(y, classes=True, shares=(0.0, 0.5)))
    return pellucid.open(net, data=data)


def test_importance_of_a_wide_table_shuffles_the_columns_used_and_says_so(wide):
    found = tasks.importance_of(wide)
    assert len(found.names) == 100
    assert found.ranked()[0][0] == "c7"
    assert "Of 600 columns only the 100" in found.note


def test_named_columns_are_shuffled_as_they_would_be_among_all(wide):
    found = tasks.importance_of(wide, columns=["c7", 3])
    assert found.names == ("c7", "c3")
    assert found.note == ""
    assert found.values[0] > 0.1
    assert found.values[1] == 0
    with pytest.raises(InputError, match="c7"):
        tasks.importance_of(wide, columns=["c_7"])


def test_a_column_that_decides_alone_is_found_among_many(wide):
    found = tasks.shortcuts(wide, pairs=60)
    assert found.suspicions[0].name == "the column c7"
    assert found.suspicions[0].word == "found"
    assert sum(each.kind == "column" for each in found.suspicions) == TRIED
    assert any("Of 600 columns only" in note for note in found.notes)


def test_a_counterfactual_that_would_be_refused_is_not_estimated(wide):
    with pytest.raises(MethodError, match="600 columns are free"):
        tasks.estimate_case(wide, "counterfactual", 0)


def test_a_network_no_better_than_the_commonest_answer_is_called_that(wide):
    assert tasks.no_better(wide) == ""
    idle = torch.nn.Linear(COLUMNS, 2)
    with torch.no_grad():
        idle.weight.zero_()
    said = tasks.no_better(pellucid.open(idle, data=wide.data))
    assert "not shown to be better than" in said
    assert "explain chance" in said


def test_a_network_that_ranks_rows_is_not_called_chance_where_one_class_is_common():
    x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    answers = (x[:, 0] > 0.8).long()  # a fifth
    shy = torch.nn.Linear(3, 1)
    with torch.no_grad():
        shy.weight.copy_(torch.tensor([[1.0, 0, 0]]))
        shy.bias.fill_(-9.0)  # ranks rightly, and answers 0 always
    subject = pellucid.open(shy, data=(x, answers))
    score = tasks.performance(subject)
    assert score.low <= score.baseline
    assert tasks.no_better(subject) == ""


def test_an_estimate_of_a_bare_network_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="Expected a Subject, got Linear"):
        tasks.estimate(torch.nn.Linear(2, 2))


def test_early_exits_of_one_output_are_those_of_two_classes():
    torch.manual_seed(0)
    body = [torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4), torch.nn.ReLU()]
    single, double = torch.nn.Linear(4, 1), torch.nn.Linear(4, 2)
    with torch.no_grad():
        double.weight.zero_()
        double.bias.zero_()
        double.weight[1], double.bias[1] = single.weight[0], single.bias[0]
    x = torch.randn(50, 3)
    one, two = (
        early_exit(torch.nn.Sequential(*body, last), x, untrained_copy=False) for last in (single, double)
    )
    assert one.sites == two.sites
    assert torch.equal(one.agreement, two.agreement)
    assert torch.allclose(one.divergence, two.divergence, atol=1e-6)
