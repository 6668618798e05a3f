"""Data of the size that people have: explained all the same, and told that they are few."""

import pytest
import torch

import pellucid
from pellucid import tasks
from pellucid.errors import InputError
from pellucid.inputs import Column, TabularSpec


def subject(rows):
    torch.manual_seed(0)
    x = torch.randn(rows, 12)
    y = (x[:, 0] > 0).long()
    y[:2] = torch.tensor([0, 1])
    return pellucid.open(torch.nn.Linear(12, 2), data=(x, y))


def test_where_few_rows_are_held_out_methods_are_tested_on_all():
    few = subject(60)
    assert len(tasks.held_out(few.data)) < 20
    why = pellucid.explain(few, 0)
    assert f"Only {len(tasks.held_out(few.data))} rows are held out, so this was tested on" in why.note
    assert why.cards


def test_with_too_few_rows_a_method_is_shown_and_not_called_best():
    tiny = subject(12)
    with pytest.raises(InputError, match=r"at least 20 rows, and .* has 12"):
        tasks.survey(tiny)
    why = pellucid.explain(tiny, 0)
    assert why.provenance.method == "integrated_gradients"
    assert "integrated_gradients is shown because it fits this network, not by evidence" in why.note


def test_rows_that_judge_the_method_are_counted():
    torch.manual_seed(0)
    x = torch.randn(400, 12)
    spec = TabularSpec([Column(f"c{k}") for k in range(12)])
    network = torch.nn.Linear(12, 2)
    table = pellucid.open(network, data=(x, (x[:, 0] > 0).long()), spec=spec)
    seen = [0]
    network.register_forward_hook(lambda module, args, output: seen.__setitem__(0, seen[0] + len(args[0])))
    (card,) = pellucid.explain(table, 0, method="occlusion").cards
    held = len(tasks.held_out(table.data))
    assert card.rows > 65 * min(64, held)
    assert card.rows <= seen[0] <= 1.1 * card.rows  # the network ran once more for the answers
