"""Pointing, mass and rank accuracy, sparseness and complexity: written down by hand."""

import math

import pytest
import torch

from pellucid.evidence import complexity, mass_accuracy, pointing_game, rank_accuracy, sparseness

TRUTH = torch.tensor([[True, True, False, False]] * 4)
MAPS = torch.tensor([[3.0, 1, 0, 0], [0, 1, 3, 0], [1, 1, 1, 1], [-5, 2, 1, -1]])


def test_places_by_hand():
    assert pointing_game(MAPS, TRUTH).values.tolist() == [1, 0, 0.5, 1]
    assert mass_accuracy(MAPS, TRUTH).values.tolist() == pytest.approx([1, 0.25, 0.5, 2 / 3])
    assert rank_accuracy(MAPS, TRUTH).values.tolist() == pytest.approx([1, 0.5, 0.5, 0.5])
    assert mass_accuracy(MAPS, TRUTH, reading="magnitude").values.tolist() == pytest.approx(
        [1, 0.25, 0.5, 7 / 9]
    )
    assert rank_accuracy(MAPS, TRUTH, reading="magnitude").values.tolist() == pytest.approx([1, 0.5, 0.5, 1])


def test_chance_is_the_area_and_stands_beside():
    truth = TRUTH.clone()
    truth[3] = False
    found = mass_accuracy(MAPS, truth)
    assert found.beside["chance"].tolist()[:3] == [0.5] * 3
    assert found.excluded == {"the truth is everywhere or nowhere": 1}
    assert found.n == 3
    assert set(found.beside) == {"random", "chance"}
    assert found.over("chance").value == pytest.approx((0.5 - 0.25 + 0) / 3)


def slow_gini(values):
    n = len(values)
    return sum(abs(a - b) for a in values for b in values) / (2 * n * sum(values))


def test_gini_is_half_the_mean_difference():
    maps = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    found = sparseness(torch.ones(5, 9), maps, beside={})
    assert found.values.tolist() == pytest.approx([slow_gini(row) for row in maps.abs().tolist()], abs=1e-6)
    assert (found.better, found.range) == ("neither", (0.0, 1.0))


def test_shapes_by_hand():
    maps = torch.tensor([[2.0, 2, 2, 2], [0, 0, -7, 0], [1, -1, 0, 0], [0, 0, 0, 0]])
    found = complexity(torch.ones(4, 4), maps, beside={})
    assert found.values.tolist()[:3] == pytest.approx([math.log(4), 0, math.log(2)])
    assert found.excluded == {"the map is empty": 1}
    assert found.range == (0.0, math.log(4))
    assert sparseness(torch.ones(4, 4), maps, beside={}).values.tolist()[:3] == pytest.approx([0, 0.75, 0.5])
    assert set(complexity(torch.ones(4, 4), maps).beside) == {"random", "|x - b|"}
