"""What people bring and mistake when they open networks of their own."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pellucid
from pellucid.errors import InputError, MethodError, TargetError


@dataclass
class Found:
    scores: Tensor
    hidden: Tensor


class Several(nn.Module):
    """Gives more than one tensor."""

    def __init__(self, made):
        super().__init__()
        self.hidden, self.last, self.made = nn.Linear(3, 5), nn.Linear(5, 2), made

    def forward(self, x):
        hidden = self.hidden(x).relu()
        return self.made(self.last(hidden), hidden)


def rows(n=60):
    x = torch.rand(n, 3, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > 0.5).long()


def named(scores, hidden):
    return {"scores": scores, "hidden": hidden}


def pair(*items):
    return items


@pytest.mark.parametrize(("made", "output"), [(named, "scores"), (pair, 0), (Found, "scores")])
def test_one_of_several_outputs(made, output):
    model, (x, y) = Several(made).train(), rows()
    with pytest.raises(TargetError, match=r"pellucid\.open\(…, output="):
        pellucid.open(model, data=(x, y))
    subject = pellucid.open(model, data=(x, y), output=output)
    assert pellucid.layers(subject)
    found = pellucid.explain(subject, x[:2], target=1, method="saliency", cards=False)
    by_hand = pellucid.attribution.saliency(model, x[:2], pellucid.logit(1, output=output))
    assert torch.equal(found.values, by_hand.values)
    assert model.training


def test_what_inputs_may_have_meant():
    words = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(MethodError, match="TextSpec"):
        pellucid.open(words, data=(torch.ones(8, 3, dtype=torch.int64), rows(8)[1]))
    with pytest.raises(MethodError, match=r"steps \[N, T, D\]"):
        pellucid.open(nn.GRU(3, 2, batch_first=True), data=(torch.rand(8, 4, 3), rows(8)[1]))
    for several in ({"a": torch.ones(8, 3)}, (torch.ones(8, 3), torch.ones(8, 2))):
        with pytest.raises(InputError, match=r"pellucid\.Batch"):
            pellucid.open(words, data=(several, rows(8)[1]))


class Graph(nn.Module):
    """Holds a sparse matrix."""

    def __init__(self):
        super().__init__()
        self.register_buffer("adjacency", torch.eye(3).to_sparse())
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        return self.last(torch.sparse.mm(self.adjacency, x.T).T)


def test_a_sparse_matrix_in_the_network():
    x, y = rows()
    subject = pellucid.open(Graph(), data=(x, y))
    first = str(pellucid.explain(subject, 0, method="saliency", cards=False).provenance.model)
    assert len(first) == 64
    subject.model.adjacency = 2 * subject.model.adjacency
    assert str(pellucid.explain(subject, 0, method="saliency", cards=False).provenance.model) != first
    assert pellucid.features(subject, "last", units=[0], steps=4)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_the_map_of_a_scripted_network_draws():
    subject = pellucid.open(torch.jit.script(nn.Linear(3, 2)), data=rows())
    assert "text/html" in subject.layer_map()._repr_mimebundle_()


def test_rows_and_classes_as_people_name_them():
    x, y = rows()
    subject = pellucid.open(nn.Linear(3, 2), data=(x, y), classes=["no", "yes"])

    def ask(rows=0, target="yes"):
        return pellucid.explain(subject, rows, target=target, method="saliency", cards=False)

    assert torch.equal(ask().values, ask(target=1).values)
    with pytest.raises(TargetError, match="Did you mean yes"):
        ask(target="yess")
    for strange in (np.zeros((1, 3)), [[0.0, 1.0, 2.0]], slice(0, 2), "first"):
        with pytest.raises(InputError, match="numbers of held-out rows"):
            ask(strange)


def test_a_network_where_a_subject_belongs():
    for verb in (pellucid.explain, pellucid.layers, pellucid.rules, pellucid.report):
        with pytest.raises(InputError, match="Expected a Subject, got Linear"):
            verb(nn.Linear(3, 2), "page.html") if verb is pellucid.report else verb(nn.Linear(3, 2))


def test_pages_say_in_a_line_what_they_are():
    subject = pellucid.open(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), data=rows(100))
    pages = [
        pellucid.layer(subject, "0", units=[0], steps=2, rows=60),
        pellucid.unit_of(subject, "0", 0, steps=2, rows=60),
        pellucid.features(subject, "0", units=[0], steps=2),
        pellucid.dictionary_of(subject, "0", steps=2, rows=60),
        pellucid.patch(subject, 0, 1),
        pellucid.counterfactual(subject, 0, k=1, refits=0),
    ]
    for page in pages:
        assert type(page).__name__ in repr(page)
        assert len(repr(page)) < 120


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_evidence_on_pictures_in_half_precision(dtype):
    x = torch.rand(60, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2)).to(dtype)
    subject = pellucid.open(net, data=(x.to(dtype), (x.mean((1, 2, 3)) > 0.5).long()))
    why = pellucid.explain(subject, 0, method="input_x_gradient")
    assert why.values.dtype is dtype
    assert why.cards
