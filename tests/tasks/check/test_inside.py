"""Stability, stand-ins, dead units and evidence: the numbers of the verbs they rest on, held to a bound."""

import dataclasses

import pytest
import torch
from torch import nn

import pellucid
from pellucid import expect
from pellucid.errors import InputError
from tasks.check.made import of, only, people, scorer


def deep(dead=0):
    """Two units for income and its opposite, and units that never change."""
    net = nn.Sequential(nn.Linear(6, 2 + dead), nn.ReLU(), nn.Linear(2 + dead, 2))
    with torch.no_grad():
        for part in net.parameters():
            part.zero_()
        net[0].weight[0, 0], net[0].weight[1, 0] = 1.0, -1.0
        net[2].weight[1, :2] = torch.tensor([3.0, -3.0])
    return net


@pytest.fixture(scope="module")
def split_people():
    """As ``people``, with rows to learn from."""
    whole = people(900)
    parts = torch.tensor([0, 0, 2] * 300, dtype=torch.int8)
    return dataclasses.replace(whole, parts=parts)


def test_dead_units_are_counted_layer_by_layer(data):
    subject = of(deep(dead=3), data)
    outcome = only(subject, expect.DeadUnits(2))
    assert {line.label: line.value for line in outcome.lines} == {"0": 3, "1": 3, "2": 1}
    assert outcome.word == "failed"
    assert outcome.line.low is None
    assert only(subject, expect.DeadUnits(3)).word == "passed"
    assert only(subject, expect.DeadUnits(1, layer="2")).word == "passed"
    with pytest.raises(InputError, match="No layer is called '3'"):
        only(subject, expect.DeadUnits(1, layer="3"))


def test_evidence_on_rows_and_its_failure(data):
    good = only(
        of(scorer(income=2.0, debt=1.0, sex=1.5, age=1.0), data), expect.EvidenceShare(0.5, ("occlusion",))
    )
    assert good.word == "passed"
    assert good.line.n <= 64
    still = only(of(scorer(income=0.0), data), expect.EvidenceShare(0.5, ("occlusion",)))
    assert still.word == "not run"
    assert still.broken


def test_stability_of_a_linear_and_of_a_wild_network(data):
    calm = only(of(scorer(income=2.0, age=1.0), data), expect.Stability(0.9, ("saliency",), rows=20))
    assert (calm.word, calm.line.n) == ("passed", 20)

    class Wild(nn.Module):
        def forward(self, x):
            score = (
                torch.sin(400 * x[:, 0]) + torch.sin(300 * x[:, 1]) + torch.sin(500 * x[:, 5]) + 9 * x[:, 0]
            )
            return torch.stack([-score, score], 1)

    wild = only(of(Wild(), data), expect.Stability(0.9, ("saliency",), rows=20))
    assert wild.word == "failed"
    assert wild.rows[0].said.startswith("worst rank correlation")


def test_fidelity_stands_beside_a_tree_that_never_saw_the_network(split_people):
    subject = pellucid.open(scorer(), data=split_people)
    outcome = only(subject, expect.SurrogateFidelity(0.9, leaves=4))
    rules = pellucid.rules(subject, leaves=4)
    assert (outcome.line.value, outcome.line.control) == (rules.fidelity, rules.null_fidelity)
    assert "Beyond that tree" in outcome.note
    assert outcome.word == "passed"


def test_texts_have_no_slight_noise():
    x = torch.randint(2, 5, (40, 3), generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 2))
    from pellucid._core import Dataset
    from pellucid.inputs import TextSpec

    spec = TextSpec(str.split, vocabulary=("<pad>", "<unk>", "a", "b", "c"), pad=0, unk=1)
    data = Dataset("t", x, x[:, 0] % 2, spec, ("n", "y"), torch.full((40,), 2, dtype=torch.int8))
    with pytest.raises(InputError, match="texts cannot"):
        only(pellucid.open(net, data=data), expect.Stability(0.5))
