"""Sensitivity-n, infidelity and completeness: exact on linear networks, known on others."""

import pytest
import torch
from torch import nn

from pellucid._core import Compute, Question, log_odds
from pellucid.errors import InputError
from pellucid.evidence import completeness, infidelity, responses, sensitivity_n
from pellucid.inputs import TextSpec


def rows(n=8, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


class Product(nn.Module):
    """Two numbers multiplied, and nothing else."""

    def forward(self, x):
        return (x[:, :1] * x[:, 1:2]).double()


def test_sensitivity_n_is_1_for_the_exact_map_at_every_size(linear):
    x = rows()
    exact = x * linear.weight.detach()[2]
    found = sensitivity_n(linear, x, exact, 2)
    assert found.curve.shape == (8, 5)
    assert float(found.curve.min()) > 0.9999
    assert found.range == (-1.0, 1.0)
    assert found.rows == 1 + 5 * 32
    assert sensitivity_n(linear, x, -7 * exact, 2).mean.value == pytest.approx(-1, abs=1e-4)
    chance = [
        sensitivity_n(linear, x, exact, 2, compute=Compute(seed=s)).of("random").value for s in range(8)
    ]
    assert abs(sum(chance)) / 8 < 0.1
    assert found.over("random").low > 0.5


def test_sensitivity_n_agrees_with_its_definition(linear):
    x, maps = rows(3), rows(3, seed=4)
    found = sensitivity_n(linear, x, maps, 1, shares=(0.5,), subsets=20)
    from pellucid.evidence._metrics._sensitivity_n import _subsets

    sets = _subsets((0.5,), 20, 0, 12)
    assert sets.sum(1).tolist() == [6] * 20
    for i in range(3):
        drops = [(linear(x[i])[1] - linear(x[i] * ~s)[1]).item() for s in sets]
        told = [maps[i][s].sum().item() for s in sets]
        wanted = torch.corrcoef(torch.tensor([drops, told]))[0, 1]
        assert float(found.values[i]) == pytest.approx(float(wanted), abs=1e-4)


def test_a_network_that_ignores_the_parts_cannot_be_tested():
    net = nn.Linear(5, 1)
    net.weight.data.zero_()
    found = sensitivity_n(net, rows(4, 5), rows(4, 5, seed=1), 0)
    assert found.n == 0
    assert found.excluded == {"no set of parts changes the score": 4}


def test_sensitivity_n_counts_each_text_by_its_own_words():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10, 1)
            self.embedding.weight.data = torch.arange(10.0)[:, None] ** 2

        def forward(self, ids):
            return self.embedding(ids).sum((1, 2))[:, None]

    spec = TextSpec(str.split, vocabulary=("[PAD]", "[UNK]", *"abcdefgh"), pad=0, unk=1)
    ids = torch.tensor([[5, 2, 9, 3, 0, 0], [2, 3, 4, 5, 6, 7]])
    found = sensitivity_n(Words(), ids, (ids.double() ** 2 - 1) * (ids > 0), 0, spec=spec)
    assert float(found.curve.min()) > 0.999


def test_infidelity_of_the_exact_map_is_0_and_of_none_1(linear):
    x = rows()
    exact = x * linear.weight.detach()[0]
    drops = responses(linear, x, 0).drops
    for scale in (0.1, 1.0, 10.0):
        assert infidelity(linear, x, scale * exact, 0, beside={}).mean.value < 1e-6
    assert infidelity(linear, x, 0 * exact, 0, beside={}).values.tolist() == [1.0] * 8
    # the opposite of the right map is as bad as none
    assert infidelity(linear, x, -exact, 0, beside={}).values.tolist() == pytest.approx([1.0] * 8, abs=0.15)
    plain = infidelity(linear, x, 10 * exact, 0, scaled=False)
    assert torch.allclose(plain.values, 81 * drops.double().square().mean(1), rtol=1e-3)
    assert infidelity(linear, x, 0 * exact, 0, scaled=False).values.tolist() == pytest.approx(
        drops.square().mean(1).tolist(), rel=1e-5
    )
    assert plain.unit == "(logit(0))²"
    assert (plain.range, plain.better) == ((0.0, float("inf")), "low")


def test_the_scale_is_the_best_there_is(linear):
    x, maps = rows(4), rows(4, seed=3)
    seen = responses(linear, x, 1)
    found = infidelity(linear, x, maps, 1, seen=seen, beside={})
    assert found.rows == 0
    told = (maps @ seen.bank.masks.float().T).double()
    scales = torch.linspace(0, 5, 4001).double()
    misses = (scales[:, None, None] * told - seen.drops.double()).square().mean(
        2
    ) / seen.drops.double().square().mean(1)
    assert found.values.tolist() == pytest.approx(misses.amin(0).tolist(), abs=1e-3)


def test_noise_asks_of_slopes(linear):
    x = rows()
    slopes = linear.weight.detach()[1].expand(8, 12)
    exact = infidelity(linear, x, slopes, 1, noise=0.3, scaled=False)
    assert exact.mean.value < 1e-9
    none = infidelity(linear, x, 0 * slopes, 1, noise=0.3, scaled=False, masks=4000)
    # the variance of noise through the weights, within four standard errors
    wanted = 0.09 * float(slopes[0].square().sum())
    assert none.mean.value == pytest.approx(wanted, rel=4 * (2 / 4000) ** 0.5)
    scaled = infidelity(linear, x, 5 * slopes, 1, noise=0.3)
    assert scaled.mean.value < 1e-6
    assert scaled.of("random").value > 0.7


def test_noise_is_for_numbers_only(linear):
    with pytest.raises(InputError, match="above 0"):
        infidelity(linear, rows(), rows(), 0, noise=0.0)


def test_completeness_is_a_share_of_what_there_is(linear):
    x, w = rows(), linear.weight.detach()[0]
    assert completeness(linear, x, x * w, 0).mean.value < 1e-5
    assert completeness(linear, x, 0 * x, 0).values.tolist() == [1.0] * 8
    assert completeness(linear, x, 3 * x * w, 0).values.tolist() == pytest.approx([2.0] * 8, rel=1e-4)
    start = rows(1, seed=9)
    moved = completeness(linear, x, (x - start) * w, 0, baseline=start)
    assert moved.mean.value < 1e-4
    assert moved.rows == 2


def test_completeness_leaves_out_what_equals_its_baseline(linear):
    x = rows(3)
    x[1] = 0
    found = completeness(linear, x, x, 0, beside={"twice": 2 * x})
    assert found.excluded == {"the input scores the same as the baseline": 1}
    assert found.n == 2
    assert bool(found.beside["twice"].isnan()[1])


def test_a_pure_product_cannot_be_foretold_by_a_sum():
    x = torch.ones(2, 12)
    maps = torch.zeros(2, 12)
    maps[:, :2] = 0.5
    found = infidelity(Product(), x, maps, 0, masks=220, beside={})
    assert 0.05 < found.mean.value < 0.6
    assert completeness(Product(), x, maps, 0).mean.value < 1e-9


@pytest.mark.parametrize("size", [1, 5, 64])
def test_any_batch_size(digits, size):
    x, maps = digits.x[:5], torch.randn(digits.x[:5].shape, generator=torch.Generator().manual_seed(0))
    how, target = Compute(batch_size=size), log_odds(digits.classes[:5])
    small = sensitivity_n(digits.net, x, maps, target, subsets=8, compute=how)
    whole = sensitivity_n(digits.net, x, maps, target, subsets=8)
    assert torch.allclose(small.values, whole.values, atol=1e-4)
    noise = infidelity(digits.net, x, maps, target, noise=0.1, masks=8, compute=how)
    assert torch.allclose(
        noise.values, infidelity(digits.net, x, maps, target, noise=0.1, masks=8).values, atol=1e-4
    )


def test_integrated_gradients_miss_less_than_controls(digits):
    from pellucid.attribution import integrated_gradients

    x, target = digits.x[:16], log_odds(digits.classes[:16])
    maps = integrated_gradients(digits.net, x, target).map
    found = infidelity(digits.net, x, maps, target)
    assert found.over("random").low > 0.1
    assert found.over("|x - b|").low > 0
    q = Question(digits.net, x, target)
    assert completeness(digits.net, x, maps, q.target).mean.value < 0.05
