"""Quantus 0.6 and captum 0.9: the same numbers where they are right; where they are not, what is wrong.

Each test below the second heading is named after what is wrong there. It fails when a release repairs it,
and then the repaired metric becomes a referee.
"""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from pellucid._core import Compute, probability
from pellucid.evidence import (
    bank,
    completeness,
    complexity,
    deletion,
    infidelity,
    mass_accuracy,
    max_sensitivity,
    mprt,
    pointing_game,
    random_logit,
    rank_accuracy,
    road,
    sensitivity_n,
    sparseness,
)
from pellucid.evidence._metrics._stability import uniform
from pellucid.inputs import ImageSpec

QUIET = {"disable_warnings": True, "display_progressbar": False}


def asked(metric, net, x, classes, maps=None, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metric(
            model=net,
            x_batch=x.numpy(),
            y_batch=classes.numpy(),
            a_batch=None if maps is None else maps.numpy(),
            device="cpu",
            **more,
        )


def slope(model, inputs, targets, **_):
    x = torch.as_tensor(np.asarray(inputs), dtype=torch.float32).requires_grad_()
    score = model(x).gather(1, torch.as_tensor(targets)[:, None]).sum()
    return torch.autograd.grad(score, x)[0].numpy()


def ours(model, inputs, target, *, spec=None, compute=None):
    from pellucid.attribution import saliency

    return saliency(model, inputs, target, spec=spec, compute=compute)


# where they are right


def test_pixel_flipping_is_our_deletion_curve(quantus, pictures):
    net, x, classes, exact = pictures
    for k in range(3):
        mine = classes == k
        curve = deletion(net, x[mine], exact[mine], probability(k), fill="zero", steps=8, beside={}).curve
        metric = quantus.PixelFlipping(features_in_step=8, normalise=False, perturb_baseline=0.0, **QUIET)
        theirs = asked(metric, net, x[mine], classes[mine], exact[mine])
        assert np.allclose(curve[:, 1:].numpy(), np.array(theirs), atol=1e-5)


def test_sparseness_and_complexity_are_ours(quantus, pictures):
    net, x, classes, exact = pictures
    theirs = asked(quantus.Sparseness(**QUIET), net, x, classes, exact)
    assert sparseness(x, exact, beside={}).values.tolist() == pytest.approx(theirs, abs=1e-4)
    theirs = asked(quantus.Complexity(**QUIET), net, x, classes, exact)
    assert complexity(x, exact, beside={}).values.tolist() == pytest.approx(theirs, abs=1e-4)


def test_places_of_positive_maps_are_ours(quantus, pictures):
    net, x, classes, exact = pictures
    truth = torch.zeros(6, 1, 8, 8, dtype=torch.bool)
    truth[:, :, 1:4, 2:7] = True
    maps, masks = exact.abs(), {"s_batch": truth.numpy()}
    theirs = asked(quantus.RelevanceMassAccuracy(normalise=False, **QUIET), net, x, classes, maps, **masks)
    assert mass_accuracy(maps, truth).values.tolist() == pytest.approx(theirs, abs=1e-5)
    theirs = asked(quantus.RelevanceRankAccuracy(normalise=False, **QUIET), net, x, classes, maps, **masks)
    assert rank_accuracy(maps, truth).values.tolist() == pytest.approx(theirs, abs=1e-5)
    theirs = asked(quantus.PointingGame(normalise=False, **QUIET), net, x, classes, maps, **masks)
    assert pointing_game(maps, truth).values.tolist() == pytest.approx([float(hit) for hit in theirs])


def test_random_logit_of_two_classes_is_ours(quantus, pictures):
    _, x, _, _ = pictures
    net, classes = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval(), torch.zeros(6, dtype=torch.int64)
    metric = quantus.RandomLogit(
        similarity_func=quantus.similarity_func.correlation_spearman, num_classes=2, normalise=False, **QUIET
    )
    theirs = asked(metric, net, x, classes, None, explain_func=slope)
    assert random_logit(net, x, ours, 0).values.tolist() == pytest.approx(theirs, abs=1e-4)


def test_captum_infidelity_of_removal_is_our_original(captum, pictures):
    net, x, classes, exact = pictures
    drawn = bank(x, ImageSpec(size=(8, 8)), masks=20)

    def disturb(inputs):
        masks = drawn.masks[torch.arange(len(inputs)) % 20].view(-1, 1, 8, 8).float()
        return masks, inputs * (1 - masks)

    theirs = captum.infidelity(net, disturb, x, 2 * exact, target=classes, n_perturb_samples=20)
    found = infidelity(net, x, 2 * exact, classes, scaled=False, masks=drawn)
    assert found.values.tolist() == pytest.approx(theirs.tolist(), rel=1e-4)


def test_captum_max_sensitivity_is_ours_on_the_same_draws(captum, pictures):
    _, x, _, _ = pictures
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3)).eval()
    draws = torch.stack([uniform(x, 0, k) for k in range(5)]) * 0.002

    def moved(inputs):
        return inputs + draws[torch.arange(len(inputs)) % 5]

    def explained(inputs, **_):
        point = (inputs if isinstance(inputs, torch.Tensor) else inputs[0]).detach().requires_grad_()
        with torch.enable_grad():
            return (torch.autograd.grad(net(point)[:, 0].sum(), point)[0],)

    theirs = captum.sensitivity_max(explained, x, perturb_func=moved, n_perturb_samples=5)
    found = max_sensitivity(net, x, ours, 0, radius=0.002, draws=5)
    assert found.settings["draws that changed the class"] == 0
    assert found.values.tolist() == pytest.approx(theirs.tolist(), rel=1e-3)


# where they are not, closed form beside


def test_quantus_calls_the_exact_map_incomplete(quantus, pictures):
    net, x, classes, exact = pictures
    for normalise in (True, False):
        metric = quantus.Completeness(normalise=normalise, **QUIET)
        theirs = asked(metric, net, x, classes, exact, softmax=False)
        assert np.mean(theirs) < 1
    assert completeness(net, x, exact, classes).mean.value < 1e-5


def test_quantus_sensitivity_n_of_the_exact_map_is_not_1(quantus, pictures):
    net, x, classes, exact = pictures
    theirs = asked(quantus.SensitivityN(**QUIET), net, x, classes, exact, softmax=False)
    assert abs(float(np.nanmean(theirs))) < 0.95
    assert sensitivity_n(net, x, exact, classes).mean.value > 0.9999


def test_quantus_mprt_averages_the_unchanged_network_in(quantus, pictures):
    net, x, classes, _ = pictures
    options = {
        "similarity_func": quantus.similarity_func.correlation_spearman,
        "normalise": False,
        "abs": False,
        **QUIET,
    }
    layers = asked(quantus.MPRT(**options), net, x, classes, None, explain_func=slope)
    mean = asked(
        quantus.MPRT(return_average_correlation=True, **options), net, x, classes, None, explain_func=slope
    )
    names = [name for name in layers if name != "original"]
    assert len(names) == 1
    alone = float(np.mean(layers[names[0]]))
    assert float(np.mean(mean)) == pytest.approx((alone + 1) / 2, abs=1e-6)
    found = mprt(net, x, ours, 0)
    assert found.curve.shape[1] == 1
    assert torch.equal(found.values, found.curve[:, 0])


def test_quantus_road_scores_the_first_batch_only(quantus):
    net, x = pictured()
    named = net(x).argmax(1)
    maps = torch.zeros(6, 1, 9, 9)
    maps[:3, 0, 4, 4], maps[3:, 0, 0, 0] = 1, 1
    options = {"percentages": [10], "perturb_func_kwargs": {"noise": 0.01}, **QUIET}
    several = asked(quantus.ROAD(**options), net, x, named, maps, batch_size=3)
    whole = asked(quantus.ROAD(**options), net, x, named, maps, batch_size=6)
    assert several != whole
    few = road(net, x, maps + ramp(), shares=(0.1,), beside={}, compute=Compute(batch_size=3))
    all_at_once = road(net, x, maps + ramp(), shares=(0.1,), beside={})
    assert few.mean.value == all_at_once.mean.value == 0.5


def pictured():
    """Class 1 where the middle of a picture is bright."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(81, 2))
    net[1].weight.data.zero_()
    net[1].bias.data = torch.tensor([0.5, 0.0])
    net[1].weight.data[1, 40] = 1.0
    x = torch.zeros(6, 1, 9, 9)
    x[:, :, 4, 4] = 1
    return net.eval(), x


def ramp():
    """Breaks ties so that the middle, whose number is 40 of 81, is not among the first tenth by chance."""
    return -torch.arange(81.0).view(1, 1, 9, 9) / 1e4


def test_quantus_road_fails_on_colour_pictures(quantus):
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).eval()
    named = net(x).argmax(1)
    with pytest.raises(IndexError):
        asked(quantus.ROAD(percentages=[30], **QUIET), net, x, named, x * 1.0)
    assert road(net, x, x, shares=(0.3,), beside={}).n == 2


def test_quantus_max_sensitivity_depends_on_the_batch(quantus, pictures):
    _, x, classes, _ = pictures
    deep = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3)).eval()
    options = {"nr_samples": 3, "normalise": True, **QUIET}

    def alone(rows):
        np.random.seed(0)
        return asked(
            quantus.MaxSensitivity(**options), deep, x[rows], classes[rows], None, explain_func=slope
        )[0]

    wide = x.clone()
    assert alone(slice(0, 1)) != pytest.approx(alone(slice(0, 6)), rel=1e-6)
    found = max_sensitivity(deep, wide, ours, 0, draws=3)
    single = max_sensitivity(deep, wide[:1], ours, 0, draws=3)
    assert float(found.values[0]) == pytest.approx(float(single.values[0]), rel=1e-4)


def test_quantus_random_logit_crashes_on_three_classes_and_reseeds_numpy(quantus, pictures):
    net, x, classes, _ = pictures
    with pytest.raises((RuntimeError, IndexError)):
        asked(quantus.RandomLogit(**QUIET), net, x, classes, None, explain_func=slope)
    np.random.seed(7)
    wanted = np.random.rand()
    np.random.seed(7)
    asked(quantus.RandomLogit(num_classes=3, **QUIET), net, x, classes, None, explain_func=slope)
    assert np.random.rand() != wanted
    np.random.seed(7)
    random_logit(net, x, ours, 0)
    assert np.random.rand() == wanted


@pytest.mark.skipif(hasattr(np, "trapz"), reason="this NumPy still has trapz")
def test_quantus_areas_need_a_numpy_function_that_is_gone(quantus, pictures):
    net, x, classes, exact = pictures
    with pytest.raises(AttributeError, match="trapz"):
        asked(quantus.PixelFlipping(return_auc_per_sample=True, **QUIET), net, x, classes, exact)
    assert math.isfinite(deletion(net, x, exact, beside={}).mean.value)


def test_quantus_faithfulness_correlation_refuses_thirty_columns(quantus):
    net, x, classes = nn.Linear(30, 2).eval(), torch.randn(4, 30), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"224|larger|sample"):
        asked(quantus.FaithfulnessCorrelation(**QUIET), net, x, classes, x.clone())
    assert sensitivity_n(net, x, x * net.weight.detach()[0], 0).mean.value > 0.999


def test_captum_infidelity_grows_with_the_scale_of_the_same_map(captum, pictures):
    net, x, classes, exact = pictures

    def noise(inputs):
        moved = 0.1 * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
        return moved, inputs - moved

    slopes = exact / x
    right, ten_times, empty, chance = (
        float(captum.infidelity(net, noise, x, one, target=classes, n_perturb_samples=50).mean())
        for one in (
            slopes,
            10 * slopes,
            0 * slopes,
            torch.randn(x.shape, generator=torch.Generator().manual_seed(1)),
        )
    )
    assert right < 1e-6
    # an empty map beats the right one at ten times its size, and a random one
    assert empty < ten_times
    assert empty < chance
    found = [infidelity(net, x, one, classes, noise=0.1).mean.value for one in (slopes, 10 * slopes)]
    assert max(found) < 1e-6
    assert infidelity(net, x, 0 * slopes, classes, noise=0.1, beside={}).mean.value == 1


def test_captum_calls_a_constant_map_perfectly_stable(captum, pictures):
    net, x, _, _ = pictures
    theirs = captum.sensitivity_max(lambda inputs: (torch.ones_like(inputs[0]),), x, n_perturb_samples=3)
    assert theirs.tolist() == [0.0] * 6

    def same(model, inputs, target, *, spec=None, compute=None):
        from pellucid._core import Question

        q = Question(model, inputs, target, spec=spec, compute=compute)
        return q.answer("same", torch.ones_like(inputs), {})

    from pellucid.evidence import rank_stability

    assert rank_stability(net, x, same, 0, draws=3).excluded == {"the map is the same number everywhere": 6}
