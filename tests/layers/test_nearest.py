"""Nearest inputs in a layer agree with sorting every distance by hand, and stand beside their controls."""

import pytest
import torch
from torch import nn

from pellucid._core import Dataset, predict, split
from pellucid.errors import InputError, SiteError
from pellucid.inputs import Column, TabularSpec
from pellucid.layers import nearest_inputs


@pytest.fixture(scope="module")
def case():
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] * x[:, 1] > 0).long()
    spec = TabularSpec(tuple(Column(name) for name in "abc"))
    data = Dataset("d", x, y, spec, ("no", "yes"), split(y, classes=True))
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)), data


def test_the_nearest_are_the_nearest(case):
    net, data = case
    asked = data.part("test").inputs[:4]
    found = nearest_inputs(net, data, asked, "0", k=3)
    known = (data.parts == 0).nonzero()[:, 0]
    held = (data.parts != 0).nonzero()[:, 0]
    held = held[torch.randperm(len(held), generator=torch.Generator().manual_seed(0))]
    whole = torch.cat([asked, data.inputs[known], data.inputs[held]])
    space = net[0](whole).detach().double()
    space = (space - space.mean(0)) / space.std(0)
    answers = predict(net, data.inputs).argmax(1)
    for i in range(4):
        order = sorted(
            known.tolist(), key=lambda r: float((space[4 + (known == r).nonzero()[0, 0]] - space[i]).norm())
        )
        own = predict(net, asked[i : i + 1]).argmax(1).item()
        assert found.same[i].tolist() == [r for r in order if answers[r] == own][:3]
        assert found.other[i].tolist() == [r for r in order if answers[r] != own][:3]
    assert 0 <= found.low <= found.agree <= found.high <= 1
    assert found.agree_untrained == found.agree_untrained
    assert found.judged == len(held)


def test_the_input_itself_is_no_example(case):
    net, data = case
    row = int((data.parts == 0).nonzero()[0, 0])
    found = nearest_inputs(net, data, data.inputs[row : row + 1], "1", k=5)
    assert row not in found.same[0].tolist()


def test_one_sided_answers_leave_gaps(case):
    _, data = case
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    net[1].weight.data.zero_()
    found = nearest_inputs(net, data, data.inputs[:1], "0", k=2)
    assert found.other.tolist() == [[-1, -1]]


def test_wrong_questions(case):
    net, data = case
    with pytest.raises(SiteError):
        nearest_inputs(net, data, data.inputs[:1], "nowhere")
    with pytest.raises(InputError, match="k of at least 1"):
        nearest_inputs(net, data, data.inputs[:1], "0", k=0)
    number = Dataset("n", data.inputs, data.answers.float(), data.spec, (), data.parts)
    with pytest.raises(InputError, match="need classes"):
        nearest_inputs(net, number, data.inputs[:1], "0")
