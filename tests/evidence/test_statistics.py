import numpy as np
import pytest
import scipy.stats
import torch

from pellucid._core import holm, wilson
from pellucid.evidence._statistics import (
    correlation,
    differ,
    discoveries,
    flat,
    interval,
    rank_correlation,
    ranks,
    resampled_correlation,
    resamples,
    sign_flip,
)


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(2)
    a = torch.randn(5, 40, generator=generator, dtype=torch.float64)
    return a, a + torch.randn(5, 40, generator=generator, dtype=torch.float64)


def test_correlation_is_pearsons(pairs):
    a, b = pairs
    expected = [scipy.stats.pearsonr(u, v).statistic for u, v in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(correlation(a, b), expected, rtol=1e-12)
    assert correlation(a, torch.full_like(a, 0.1)).tolist() == [0.0] * 5


def test_ranks_share_ties(pairs):
    a, b = (x.mul(2).round() for x in pairs)
    np.testing.assert_array_equal(ranks(a), scipy.stats.rankdata(a.numpy(), axis=1))
    expected = [scipy.stats.spearmanr(u, v).statistic for u, v in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected, rtol=1e-12)


def test_resampled_correlation_is_that_of_the_resampled_pairs(pairs):
    a, b = pairs
    shares = resamples(40, 7, seed=1)
    np.testing.assert_allclose(shares.sum(1), np.ones(7), rtol=1e-6)
    found = resampled_correlation(a, b, shares)
    for k in range(7):
        index = np.repeat(np.arange(40), (shares[k] * 40).round().int().numpy())
        expected = [np.corrcoef(u[index], v[index])[0, 1] for u, v in zip(a.numpy(), b.numpy(), strict=True)]
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-6)


def test_the_bootstrap_interval_covers_as_fishers_does():
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(400, 64, generator=generator)
    b = 0.6 * a + 0.8 * torch.randn(400, 64, generator=generator)
    low, high = interval(resampled_correlation(a, b, resamples(64, 499, seed=0)))
    covered = ((low <= 0.6) & (high >= 0.6)).float().mean()
    assert 0.9 <= covered <= 0.98


def test_flat_sees_through_rounding():
    rows = torch.stack([torch.full((9,), 0.1), torch.zeros(9), torch.linspace(0, 1e-3, 9) + 1])
    assert flat(rows).tolist() == [True, True, False]


def test_wilson_is_the_textbooks():
    expected = scipy.stats.binomtest(17, 40).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(17, 40), (expected.low, expected.high), rtol=1e-9)
    assert wilson(40, 40)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_discoveries_are_benjamini_and_hochbergs_among_the_nulls_that_there_are():
    p = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 3
    nulls = (1 + (p > 0.1).sum()) / (50 * 0.9)
    expected = (scipy.stats.false_discovery_control(p.numpy()) * float(nulls) <= 0.1) & (p.numpy() <= 0.1)
    assert discoveries(p, 0.1).tolist() == expected.tolist()
    assert (scipy.stats.false_discovery_control(p.numpy()) <= 0.1).sum() < expected.sum() < 50
    assert discoveries(torch.ones(4), 0.1).tolist() == [False] * 4
    assert discoveries(torch.full((9,), 0.099), 0.1).all()
    assert not discoveries(torch.full((9,), 0.101), 0.1).any()


def test_discoveries_are_seldom_false():
    """Of ranks among 31, as in a survey of 32 rows: all of them nulls, or half."""
    draw = torch.Generator().manual_seed(0)
    ranks = torch.randint(1, 33, (2000, 32), generator=draw).double() / 32
    assert torch.stack([discoveries(p, 0.1).any() for p in ranks]).double().mean() <= 0.1
    real = torch.arange(32) < 16
    ranks[:, real] = torch.randint(1, 4, (2000, 16), generator=draw).double() / 32
    found = torch.stack([discoveries(p, 0.1) for p in ranks])
    false = (found & ~real).sum(1) / found.sum(1).clamp(min=1)
    assert false.mean() <= 0.1
    assert found[:, real].double().mean() > 0.6  # .1 without the estimate of how many are null


def test_holm_steps_down():
    p = torch.tensor([0.02, 0.6, 0.01, 0.02], dtype=torch.float64)
    np.testing.assert_allclose(holm(p), [0.06, 0.6, 0.04, 0.06])


def test_sign_flips_of_few_pairs_reach_what_counting_gives():
    assert sign_flip(torch.tensor([1.0, 2.0, 3.0])) == pytest.approx(2 / 8, abs=0.02)
    assert sign_flip(torch.tensor([1.0, -1.0])) == 1.0


def test_differ_compares_whole_inputs():
    a = torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    assert differ(a, a).tolist() == [[False, True], [True, False]]
