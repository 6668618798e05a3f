"""A network of two classes with a single output is answered by every verb as its twin of two outputs is."""

import pytest
import torch
from torch import nn

import pellucid


class Single(nn.Module):
    """One number per row, the log-odds of the second class, with or without an axis of its own."""

    def __init__(self, shape):
        super().__init__()
        self.hidden, self.last, self.shape = nn.Linear(3, 6), nn.Linear(6, 1), shape

    def forward(self, x):
        return self.last(self.hidden(x).relu()).reshape(self.shape)


class Double(Single):
    """The same as two outputs."""

    def forward(self, x):
        single = super().forward(x)
        return torch.cat([torch.zeros_like(single), single], 1)


def subject(make, shape):
    torch.manual_seed(1)
    model = make(shape)
    x = torch.randn(120, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.last.bias -= Single.forward(model, x).median()  # both answers are given
    return pellucid.open(model, data=(x, (x[:, 0] > 0).long()), classes=["no", "yes"])


@pytest.fixture(params=[(-1, 1), (-1,)], ids=["[N, 1]", "[N]"])
def pair(request):
    return subject(Single, request.param), subject(Double, (-1, 1))


def test_what_is_important(pair):
    one, two = (pellucid.importance_of(each) for each in pair)
    assert two.values.abs().max() > 0
    torch.testing.assert_close(one.values, two.values)


def test_rules(pair):
    one, two = (pellucid.rules(each) for each in pair)
    assert one.to_text() == two.to_text()


def test_reasons(pair):
    one, two = (pellucid.reason_codes(each, 0, adverse="no", refits=0)[0] for each in pair)
    assert one.value == pytest.approx(two.value)
    assert [each.points for each in one.reasons] == pytest.approx([each.points for each in two.reasons])


def test_nearest(pair):
    one, two = (pellucid.nearest(each, list(range(8)), site="hidden") for each in pair)
    assert 0 < one.answers.sum() < 8
    assert torch.equal(one.answers, two.answers)
    assert torch.equal(one.same, two.same)


def test_training_rows_behind_an_answer(pair):
    one, two = (pellucid.influence(each, 0, layers="all") for each in pair)
    torch.testing.assert_close(one.values, two.values)


def test_layers_and_likeness(pair):
    one, _ = pair
    assert "text/html" in pellucid.compare(one, one)._repr_mimebundle_()
