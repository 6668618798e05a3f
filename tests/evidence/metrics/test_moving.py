"""Sensitivity, parameter randomisation, random logit and the attack: what must move, and by how much."""

import math

import pytest
import torch
from torch import nn

from pellucid._core import Compute, Question, model_hash
from pellucid.attribution import input_x_gradient, saliency
from pellucid.errors import InputError, MethodError
from pellucid.evidence import (
    attribution_attack,
    efficient_mprt,
    max_sensitivity,
    mprt,
    random_logit,
    rank_stability,
)
from pellucid.evidence._metrics._randomisation import histogram_entropy
from pellucid.evidence._metrics._stability import uniform
from pellucid.evidence._statistics import rank_correlation


def rows(n=6, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def constant(model, inputs, target, *, spec=None, compute=None):
    """A map that never changes, and says nothing."""
    q = Question(model, inputs, target, spec=spec, compute=compute)
    return q.answer("constant", torch.arange(12.0).expand(q.rows, 12), {})


def test_max_sensitivity_has_a_closed_form_on_a_linear_network(linear):
    x = rows()
    w = linear.weight.detach()[1]
    found = max_sensitivity(linear, x, input_x_gradient, 1, radius=0.1, draws=7)
    kept = torch.stack(
        [linear(x + 0.1 * uniform(x, 0, k)).argmax(1) == linear(x).argmax(1) for k in range(7)]
    )
    moved = torch.stack([(w * 0.1 * uniform(x, 0, k)).norm() for k in range(7)])
    wanted = torch.where(kept, moved[:, None], 0).amax(0) / (x * w).norm(dim=1)
    assert found.values.tolist() == pytest.approx(wanted.tolist(), rel=1e-4)
    assert max_sensitivity(linear, x, saliency, 1, draws=3).values.tolist() == [0.0] * 6
    assert found.settings["draws that changed the class"] == int((~kept).sum())
    assert (found.better, found.range) == ("low", (0.0, math.inf))


def test_a_map_that_says_nothing_is_stable_and_so_is_its_control(linear):
    assert max_sensitivity(linear, rows(), constant, 1, draws=3).values.tolist() == [0.0] * 6
    found = rank_stability(linear, rows(), constant, 1, draws=3)
    assert found.values.tolist() == pytest.approx([1.0] * 6)
    assert found.of("|x - b|").value > 0.9
    assert abs(found.of("random").value) < 0.8


def test_draws_that_change_the_class_do_not_count():
    net = nn.Linear(2, 2, bias=False)
    net.weight.data = torch.eye(2)
    x = torch.tensor([[0.01, 0.0], [3.0, 0.0]])
    found = max_sensitivity(net, x, input_x_gradient, 0, radius=0.5, draws=1)
    flips = bool((net(x[:1] + 0.5 * uniform(x, 0, 0)).argmax(1) != 0).any())
    seed = next(s for s in range(20) if bool((net(x[:1] + 0.5 * uniform(x, s, 0)).argmax(1) != 0).any()))
    found = max_sensitivity(net, x, input_x_gradient, 0, radius=0.5, draws=1, compute=Compute(seed=seed))
    assert flips or seed
    assert found.excluded == {"every change of the input changed the class": 1}
    assert found.n == 1


def test_rank_stability_is_the_worst_rank_correlation(linear):
    x, w = rows(), linear.weight.detach()[1]
    found = rank_stability(linear, x, input_x_gradient, 1, radius=0.3, draws=5)
    alike = torch.stack([rank_correlation((x + 0.3 * uniform(x, 0, k)) * w, x * w) for k in range(5)])
    kept = torch.stack(
        [linear(x + 0.3 * uniform(x, 0, k)).argmax(1) == linear(x).argmax(1) for k in range(5)]
    )
    wanted = torch.where(kept, alike, 2.0).amin(0)
    assert found.values.tolist() == pytest.approx(wanted.tolist(), abs=1e-5)


def test_words_cannot_be_slightly_different():
    ids, net = torch.ones(2, 3, dtype=torch.int64), nn.Embedding(4, 2)
    for metric in (max_sensitivity, rank_stability, attribution_attack):
        with pytest.raises(InputError, match="word"):
            metric(net, ids, saliency, 0)


# parameter randomisation


def test_the_unchanged_network_does_not_count(linear):
    found = mprt(linear, rows(), saliency, 0)
    twin = rank_correlation(linear.weight.detach()[0], found_twin(linear, rows()).weight.detach()[0])
    assert found.curve.shape == (6, 1)
    assert found.values.tolist() == pytest.approx([float(twin)] * 6, abs=1e-6)
    assert found.beside["|x - b|"].tolist() == [1.0] * 6


def found_twin(model, x):
    from pellucid._core import untrained

    return untrained(model, seed=0, calibrate=x)


@pytest.mark.parametrize("order", ["top_down", "bottom_up", "each"])
def test_layers_are_undone_in_order(order):
    net = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    before = model_hash(net)
    seen = []

    def watched(model, inputs, target, *, spec=None, compute=None):
        seen.append([bool((model[k].weight == net[k].weight).all()) for k in (0, 2, 4)])
        return saliency(model, inputs, target, spec=spec, compute=compute)

    found = mprt(net, rows(), watched, 0, order=order, compute=Compute(seed=3))
    wanted = {
        "top_down": [[True, True, False], [True, False, False], [False, False, False]],
        "bottom_up": [[False, True, True], [False, False, True], [False, False, False]],
        "each": [[False, True, True], [True, False, True], [True, True, False]],
    }[order]
    assert seen == [[True, True, True], *wanted]
    assert found.settings["curve along"] == (["4", "2", "0"] if order == "top_down" else ["0", "2", "4"])
    assert model_hash(net) == before
    assert torch.allclose(found.values, found.curve.mean(1))


def test_a_map_that_ignores_the_network_never_changes(linear):
    assert mprt(linear, rows(), constant, 0).values.tolist() == pytest.approx([1.0] * 6)
    found = efficient_mprt(linear, rows(), constant, 0)
    assert found.values.tolist() == [0.0] * 6


def test_smoothing_averages_over_inputs(linear):
    plain = mprt(linear, rows(), saliency, 0)
    smooth = mprt(linear, rows(), saliency, 0, noises=3)
    # a linear network has the same slope everywhere
    assert torch.allclose(plain.values, smooth.values, atol=1e-6)
    assert smooth.name == "smooth MPRT"
    assert smooth.rows == 3 * plain.rows
    moved = mprt(linear, rows(), input_x_gradient, 0, noises=3)
    assert not torch.allclose(moved.values, mprt(linear, rows(), input_x_gradient, 0).values)


def test_histogram_entropy_of_known_histograms():
    values = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 1.0]])
    found = histogram_entropy(values, 4).tolist()
    assert found == pytest.approx(
        [math.log(2), math.log(4), -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))]
    )


def test_what_cannot_be_randomised_is_told(linear):
    with pytest.raises(MethodError, match="no parameters"):
        mprt(nn.Flatten(), rows(), saliency, 0)
    with pytest.raises(InputError, match="No layer with parameters"):
        mprt(linear, rows(), saliency, 0, layers=["head"])
    with pytest.raises(InputError, match="top_down"):
        mprt(linear, rows(), saliency, 0, order="topdown")


# random logit


def test_random_logit_compares_two_classes(linear):
    found = random_logit(linear, rows(), saliency, 0)
    other = found.settings["classes further on"]
    wanted = rank_correlation(linear.weight.detach()[0], linear.weight.detach()[other])
    assert found.values.tolist() == pytest.approx([float(wanted)] * 6, abs=1e-6)
    assert {random_logit(linear, rows(), saliency, 0, compute=Compute(seed=s)).settings["classes further on"]
            for s in range(12)} == {1, 2}  # fmt: skip


def test_log_odds_of_two_classes_are_opposites():
    net = nn.Linear(12, 2)
    assert random_logit(net, rows(), saliency).values.tolist() == pytest.approx([-1.0] * 6)


def test_random_logit_needs_another_class():
    with pytest.raises(InputError, match="another class"):
        random_logit(nn.Linear(12, 1), rows(), saliency, 0)


# the attack


class Rippled(nn.Module):
    """A line with ripples that hardly move the answer and turn its slope over."""

    def forward(self, x):
        score = (torch.linspace(1, 2, 12) * x + 0.004 * torch.sin(300 * x)).sum(1)
        return torch.stack([score, -score], 1)


def test_the_attack_finds_what_chance_does_not():
    x = torch.full((3, 12), 1.0)
    found = attribution_attack(Rippled(), x, saliency, 0, radius=0.004, steps=40)
    control = found.beside["as many random changes of that size"]
    assert bool((found.values < 1).all())
    assert bool((found.curve[:, 1:] <= found.curve[:, :-1]).all())
    assert torch.equal(found.curve[:, -1], found.values)
    assert float((control - found.values).mean()) > 0


def test_a_slope_that_never_moves_cannot_be_moved(linear):
    found = attribution_attack(linear, rows(), saliency, 0, steps=5)
    assert found.values.tolist() == pytest.approx([1.0] * 6, abs=1e-6)
    assert found.rows == 1 * 2 + 10 * 2 + 2 * 10


def test_rows_are_attacked_alone(digits):
    x = digits.x[:4]
    whole = attribution_attack(digits.net, x, input_x_gradient, 2, steps=6)
    alone = attribution_attack(digits.net, x[2:3], input_x_gradient, 2, steps=6)
    assert float(whole.values[2]) == pytest.approx(float(alone.values[0]), abs=1e-4)
