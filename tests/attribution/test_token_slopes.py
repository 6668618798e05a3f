"""Slopes of token numbers: one length for each token, whatever directions its vector is written down in."""

import copy

import pytest
import torch
from torch import nn

import zoo
from pellucid import Batch
from pellucid import attribution as a
from pellucid._core import Question
from pellucid.attribution._noisy import Frames


def close(found, wanted, within=1e-10):
    torch.testing.assert_close(found, wanted, rtol=within, atol=within)


class Words(nn.Module):
    """Reads token numbers by vectors that are written down in directions of our choice."""

    def __init__(self):
        super().__init__()
        self.table, self.first, self.head = nn.Embedding(9, 4), nn.Linear(4, 6, bias=False), nn.Linear(6, 2)

    def forward(self, ids):
        return self.head(self.first(self.table(ids)).relu().sum(1))


@pytest.mark.parametrize("name", ["saliency", "guided_backpropagation", "deconvnet", "internal_influence"])
def test_slopes_of_tokens_are_as_long_as_those_of_their_vectors(name):
    model, ids = zoo.seeded(Words).double(), torch.tensor([[1, 2, 3, 0], [4, 5, 0, 0], [8, 7, 6, 5]])
    method, vectors = getattr(a, name), model.table(ids).detach()
    found = method(model, ids, [0, 1, 1])
    bag = Bag(nn.Sequential(model.first, nn.ReLU()), model.head)
    close(found.values, method(bag, vectors, [0, 1, 1]).values.norm(dim=-1))
    close(method(model, Batch({"ids": ids}), [0, 1, 1]).values["ids"], found.values)


class Bag(nn.Module):
    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, vectors):
        return self.head(self.body(vectors).sum(1))


@pytest.mark.parametrize("name", ["saliency", "guided_backpropagation", "deconvnet", "internal_influence"])
def test_slopes_of_tokens_do_not_ask_in_which_directions_vectors_are_written_down(name):
    model, ids = zoo.seeded(Words).double(), torch.tensor([[1, 2, 3, 0], [8, 7, 6, 5]])
    turn, _ = torch.linalg.qr(
        torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    )
    turned = copy.deepcopy(model)
    turned.table.weight.data = model.table.weight.data @ turn
    turned.first.weight.data = model.first.weight.data @ turn
    wanted = getattr(a, name)(model, ids, 1).values
    close(getattr(a, name)(turned, ids, 1).values, wanted)
    assert float(wanted.min()) >= 0
    assert float(wanted.max()) > 0.1


@pytest.mark.parametrize("of", ["saliency", "guided_backpropagation", "input_x_gradient"])
def test_noise_sees_what_the_method_says_of_each_token(of):
    model, ids = zoo.seeded(Words).double(), torch.tensor([[1, 2, 3, 0], [8, 7, 6, 5]])
    q, vectors = Question(model, ids, 1), model.table(ids).detach()
    bag = Bag(nn.Sequential(model.first, nn.ReLU()), model.head)
    spread = 0.15 * (vectors.flatten(1).amax(1) - vectors.flatten(1).amin(1))[:, None, None]

    def each(draws):
        points = [vectors + sign * spread * draw for draw in draws for sign in (1, -1)]
        values = torch.stack([getattr(a, of)(bag, point, 1).values for point in points])
        values = values.sum(-1) if of == "input_x_gradient" else values.norm(dim=-1)
        return values.view(3, 2, *ids.shape)

    options = {"of": of, "samples": 6}
    close(
        a.smoothgrad(model, ids, 1, **options).values, each(Frames(q, 3).draw(torch.arange(3))).mean((0, 1))
    )
    pairs = each(q.noise(torch.arange(3)))
    close(a.smoothgrad_squared(model, ids, 1, **options).values, pairs.square().mean((0, 1)))
    halves = (pairs[:, 0] - pairs[:, 1]) / 2
    close(a.vargrad(model, ids, 1, **options).values, pairs.mean(1).var(0) + halves.square().mean(0))
