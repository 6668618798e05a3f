"""Coalitions that lie evenly, and standard errors that know how they lie."""

from itertools import combinations

import pytest
import torch

import pellucid.attribution._kernel_shap as kernel
from pellucid._core._coalitions import every, pairs
from pellucid._core._evenly import evenly
from pellucid._core._least_squares import fit, summing
from pellucid._core._remainder import SHARES, Remainder, _Mixture, by_three


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def products(masks, size):
    """Every product of so many signs ``[k, T]``, and who is in it ``[n, T]``."""
    signs, n = masks.double() * 2 - 1, masks.shape[1]
    chosen = list(combinations(range(n), size))
    inside = torch.zeros(n, len(chosen), dtype=torch.float64)
    for column, parts in enumerate(chosen):
        inside[list(parts), column] = 1
    return torch.stack([signs[:, list(parts)].prod(1) for parts in chosen], 1), inside


def played(n, coalitions, size, seed=0):
    """Errors ``[n, T]`` and standard errors of ``kernel_shap`` on the game of every product of signs."""
    plan = kernel._plan(n, coalitions, seed)
    worth, inside = products(plan.masks, size)
    ends = torch.full((inside.shape[1],), (-1.0) ** size).double(), torch.ones(inside.shape[1]).double()
    values, stderr = plan.solve(len(plan.masks), worth, *ends)
    return values - inside * ((1 - (-1) ** size) / size), stderr


@pytest.mark.parametrize(("n", "count"), [(7, 25), (8, 40)])
def test_each_coalition_is_the_least_crowded_one_of_its_size(n, count):
    drawn = pairs(n, count, seeded())
    found = evenly(drawn, seeded(1))
    weight = found.weights(count)[0]
    size_of = [min(int(row.sum()), n - int(row.sum())) for row in found.sets]
    whole = [size_of.count(size) == float(found.all[size - 1]) for size in size_of]
    assert any(whole)
    assert not all(whole)
    signs = found.sets.double() * 2 - 1
    everything = every(n)[1:-1]
    before = [k for k in range(count) if whole[k]]
    for k in range(count):
        if whole[k]:
            continue
        # halves of the parts stand for their complements
        others = [
            row.double() * 2 - 1
            for row in everything
            if int(row.sum()) == size_of[k] and (2 * size_of[k] != n or bool(row[0]))
        ]
        others = [row for row in others if not any(bool((row == signs[j]).all()) for j in before)]
        crowd = [sum(float(weight[j] * (row @ signs[j]) ** 4) for j in before) for row in others]
        own = sum(float(weight[j] * (signs[k] @ signs[j]) ** 4) for j in before)
        assert own <= min(crowd) * (1 + 1e-5)
        before.append(k)


def test_sizes_and_their_order_stay_and_none_comes_twice():
    drawn = pairs(12, 159, seeded())
    found, again = evenly(drawn, seeded(1)), evenly(drawn, seeded(1))
    assert (found.stratum == drawn.stratum).all()
    sizes = found.sets.sum(1)
    assert (torch.minimum(sizes, 12 - sizes) == found.stratum + 1).all()
    assert len(found.masks().unique(dim=0)) == 2 * 159
    assert (found.sets == again.sets).all()
    assert not (found.sets == evenly(drawn, seeded(2)).sets).all()


def test_coalitions_stay_as_they_are_where_all_are_there_or_parts_are_too_many():
    for n, count in ((6, 31), (400, 3200)):
        drawn = pairs(n, count, seeded())
        assert evenly(drawn, seeded()) is drawn


@pytest.mark.parametrize(("n", "coalitions", "gain"), [(12, 80, 1.3), (12, 320, 3), (16, 1600, 5)])
def test_products_of_three_hardly_reach_values_and_standard_errors_know_it(n, coalitions, gain, monkeypatch):
    off, stderr = played(n, coalitions, 3)
    monkeypatch.setattr(kernel, "evenly", lambda drawn, _: drawn)
    plain, _ = played(n, coalitions, 3)
    assert plain.square().mean() > gain * off.square().mean()
    # of one product alone the mixture knows less than of many
    assert 0.3 < off.square().mean() / stderr.square().mean() < 2


@pytest.mark.parametrize("size", [1, 2, 4])
def test_what_pairs_see_exactly_has_no_error(size):
    off, stderr = played(9, 60, size)
    assert off.abs().max() < 1e-9
    assert stderr.max() < 1e-9


def regression(n, count):
    drawn = evenly(pairs(n, count, seeded()), seeded(1))
    signs, free = drawn.sets.double() * 2 - 1, summing(n)
    weight, unsampled = drawn.weights(count)
    return drawn, signs, free, free @ fit(signs @ free, weight).influence, unsampled


def test_errors_of_products_one_by_one():
    n, count = 8, 30
    _, signs, free, influence, unsampled = regression(n, count)
    found = Remainder(signs, influence, free, unsampled, seeded())
    plan = played(n, 2 * count + 2, 3)
    assert plan[0].shape == (8, 56)
    total = torch.zeros(n, dtype=torch.float64)
    for parts in combinations(range(n), 3):
        y = 2 * signs[:, list(parts)].prod(1) - signs.sum(1) * 2 / n
        wanted = torch.tensor([2 / 3 if i in parts else 0.0 for i in range(n)]).double()
        total += (influence @ y + 2 / n - wanted).square()
    assert torch.allclose(found.by_three, total, atol=1e-6)
    noise = (influence.square() * unsampled).sum(1)
    assert torch.allclose(found.by_noise, noise)


@pytest.mark.parametrize("n", [4, 7])
def test_covariance_by_products_of_three(n):
    masks = every(n)[1:-1]
    made, _ = products(masks, 3)
    signs = masks.double() * 2 - 1
    y = 2 * made - signs.sum(1, keepdim=True) * 2 / n
    assert torch.allclose(by_three(signs), y @ y.T, atol=1e-9)


@pytest.mark.parametrize(("three", "noise"), [(1.0, 0.0), (0.0, 1.0), (0.01, 3.0), (1.0, 3.0)])
def test_the_mixture_is_found_on_average(three, noise):
    n, count, games = 9, 90, 300
    _, signs, free, _, _ = regression(n, count)
    made = 2 * products(signs > 0, 3)[0] - signs.sum(1, keepdim=True) * 2 / n
    draw = seeded(3)
    trend = signs @ free @ torch.randn(n - 1, games, generator=draw, dtype=torch.float64) * 50
    y = trend + three**0.5 * made @ torch.randn(84, games, generator=draw, dtype=torch.float64)
    y = y + noise**0.5 * torch.randn(count, games, generator=draw, dtype=torch.float64)
    found = [float(part.mean()) for part in _Mixture(signs, free).of(y)]
    # noise of 1 weighs as much as products of 1 / 395, and is known to 0.3 % of their weight
    assert abs(found[0] - three) < 0.1 * three + noise / 2000
    assert abs(found[1] - noise) < 0.15 * noise + 1.2 * three


def test_the_mixture_is_averaged_over_how_likely_each_is():
    """By Bayes' rule on the normal density of what is at right angles to the trend."""
    n, count = 7, 12
    _, signs, free, _, _ = regression(n, count)
    y = torch.randn(count, 3, generator=seeded(4), dtype=torch.float64)
    rest = torch.eye(count).double() - signs @ free @ torch.linalg.pinv(signs @ free)
    basis = torch.linalg.svd(rest)[0][:, : count - n + 1]
    strength = basis.T @ by_three(signs) @ basis
    unit = strength.trace() / len(strength)
    weighed = torch.zeros(3, 3, dtype=torch.float64)
    for share in SHARES:
        spread = share * strength / unit + (1 - share) * torch.eye(len(strength)).double()
        square = ((basis.T @ y) * torch.linalg.solve(spread, basis.T @ y)).sum(0)
        likely = spread.det() ** -0.5 * square ** (-len(strength) / 2)
        scale = square / len(strength)
        weighed += torch.stack([likely, likely * scale * share / unit, likely * scale * (1 - share)])
    three, noise = _Mixture(signs, free).of(y)
    assert torch.allclose(three, weighed[1] / weighed[0])
    assert torch.allclose(noise, weighed[2] / weighed[0])
