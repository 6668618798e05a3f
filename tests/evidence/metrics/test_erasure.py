"""Comprehensiveness and sufficiency of sums are sums; the best order is found by trying all."""

import itertools

import pytest
import torch
from torch import nn

from pellucid.errors import InputError
from pellucid.evidence import comprehensiveness, sufficiency
from pellucid.evidence._metrics import _best_order


def net_of(width, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(width, 6), nn.Tanh(), nn.Linear(6, 1)).double()


def rows(n, width, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_closed_forms_of_a_sum():
    net, x = nn.Linear(4, 1, bias=False), torch.ones(2, 4)
    net.weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    maps = torch.stack([net.weight.data[0], -net.weight.data[0]])
    found = comprehensiveness(net, x, maps, shares=(0.25, 0.5), beside={})
    assert found.values.tolist() == [5.5, 2.0]
    assert found.curve.tolist() == [[4, 7], [1, 3]]
    kept = sufficiency(net, x, maps, shares=(0.25, 0.5), beside={})
    assert kept.values.tolist() == [4.5, 8.0]
    assert (found.better, kept.better) == ("high", "low")
    best = comprehensiveness(net, x, maps, shares=(0.25, 0.5), normalised=True, beside={})
    assert best.values.tolist() == [1.0, 0.0]
    assert sufficiency(net, x, maps, shares=(0.25, 0.5), normalised=True, beside={}).values.tolist() == [
        0.0,
        1.0,
    ]
    assert (best.range, best.settings["extremes"]) == ((0.0, 1.0), "exact")


def test_at_least_one_part_goes():
    net, x = nn.Linear(4, 1, bias=False), torch.ones(1, 4)
    net.weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    assert comprehensiveness(net, x, net.weight.data, shares=(0.01,), beside={}).values.tolist() == [4.0]


@pytest.mark.parametrize("metric", [comprehensiveness, sufficiency])
def test_no_order_passes_the_extremes(metric):
    net, x = net_of(5), rows(3, 5, seed=1)
    shares = (0.2, 0.4, 0.6, 0.8)
    orders = [torch.tensor(p, dtype=torch.float64).expand(3, 5) for p in itertools.permutations(range(5))]
    plain = torch.stack([metric(net, x, one, shares=shares, beside={}).values for one in orders[::3]])
    scaled = torch.stack(
        [metric(net, x, one, shares=shares, normalised=True, beside={}).values for one in orders[::3]]
    )
    every = torch.stack([metric(net, x, one, shares=shares, beside={}).values for one in orders])
    low, high = every.amin(0), every.amax(0)
    assert torch.allclose(scaled, (plain - low) / (high - low), atol=1e-9)


def test_the_beam_comes_close_to_all_sets(monkeypatch):
    net, x, maps = net_of(9, seed=2), rows(4, 9, seed=3), rows(4, 9, seed=4)
    exact = comprehensiveness(net, x, maps, normalised=True, shares=(0.2, 0.5, 0.8), beside={})
    monkeypatch.setattr(_best_order, "EXACT", 0)
    found = comprehensiveness(net, x, maps, normalised=True, shares=(0.2, 0.5, 0.8), beside={})
    assert torch.allclose(found.values, exact.values, atol=0.05)


def test_too_many_parts_to_search(digits):
    with pytest.raises(InputError, match="at most 64"):
        comprehensiveness(digits.net, digits.x[:2], digits.x[:2], normalised=True)


def test_the_probability_is_the_score_where_none_is_named(digits):
    found = comprehensiveness(digits.net, digits.x[:3], digits.x[:3])
    assert found.unit == "probability of each row's class"
    assert found.range == (-1.0, 1.0)
    assert set(found.beside) == {"random", "|x - b|", "edges"}
    assert found.rows == 1 + 5 * 4
