"""The same numbers as captum 0.9, where both mean the same, in float64."""

import warnings

import pytest
import torch
from torch import nn

import zoo
from pellucid import attribution as a
from pellucid._core import Compute

CLASSES = [0, 2, 1, 1, 0]
TARGETS = torch.tensor(CLASSES)


@pytest.fixture(scope="module")
def captum():
    with warnings.catch_warnings():
        # captum 0.9 imports modules that python and torch have deprecated
        warnings.simplefilter("ignore")
        return pytest.importorskip("captum.attr", reason="the referee captum is not installed (extra: peers)")


def attributed(algorithm, x, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return algorithm.attribute(x.clone(), **options).detach()


def close(found, wanted, within=1e-12):
    torch.testing.assert_close(found, wanted, rtol=within, atol=within)


@pytest.mark.parametrize(
    ("name", "theirs"), [("guided_backpropagation", "GuidedBackprop"), ("deconvnet", "Deconvolution")]
)
def test_rectified_slopes(captum, name, theirs):
    model, x = zoo.reference(), zoo.inputs()
    wanted = attributed(getattr(captum, theirs)(model), x, target=TARGETS)
    close(getattr(a, name)(model, x, CLASSES).values, wanted)


def test_captum_sees_no_functional_relu_and_we_do(captum):
    (functional,) = [twin.model for twin in zoo.twins() if twin.name == "Functional"]
    x = zoo.inputs()
    right = a.guided_backpropagation(zoo.reference(), x, CLASSES).values
    close(a.guided_backpropagation(functional, x, CLASSES).values, right)
    theirs = attributed(captum.GuidedBackprop(functional), x, target=TARGETS)
    close(theirs, a.saliency(functional, x, CLASSES).values)


def test_internal_influence(captum):
    model, x = zoo.reference(), zoo.inputs()
    theirs = attributed(
        captum.InternalInfluence(model, model.conv2), x, baselines=0.1, target=TARGETS, n_steps=20
    )
    ours = a.internal_influence(model, x, CLASSES, at="conv2", baseline=0.1, steps=20)
    close(ours.values, theirs, within=1e-6)


def test_conductance_in_the_limit(captum):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 3))).double()
    x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    theirs = attributed(
        captum.LayerConductance(model, model[1]), x, target=TARGETS, n_steps=4000, method="riemann_trapezoid"
    )
    ours = a.layer_conductance(model, x, CLASSES, at="1", steps=200)
    close(ours.values, theirs, within=1e-3)
    assert (ours.gap.abs() < 1e-6).all()


def test_expected_gradients_agree_with_gradient_shap_in_expectation(captum):
    model, x, b = zoo.reference(), zoo.inputs(2), zoo.inputs(rows=12, seed=9)
    torch.default_generator.manual_seed(0)
    import numpy as np

    np.random.seed(0)  # captum draws places on the way with numpy
    runs = torch.stack(
        [
            attributed(captum.GradientShap(model), x, baselines=b, target=TARGETS[:2], n_samples=100)
            for _ in range(60)
        ]
    )
    ours = a.expected_gradients(model, x, CLASSES[:2], background=b, rounds=40, compute=Compute(256))
    error = runs.var(0) / len(runs) + ours.stderr.square()
    # errors of neighbouring pixels hang together, so all are taken as one
    assert (runs.mean(0) - ours.values).square().sum() < 3 * error.sum()
    assert error.sum().sqrt() < 0.08 * ours.values.norm()


def test_vargrad_agrees_in_expectation(captum):
    model, x = zoo.reference(), zoo.inputs(1)
    sigma = 0.15 * float(x.max() - x.min())
    torch.default_generator.manual_seed(0)
    tunnel = captum.NoiseTunnel(captum.Saliency(model))
    theirs = attributed(
        tunnel,
        x,
        nt_type="vargrad",
        nt_samples=4000,
        nt_samples_batch_size=500,
        stdevs=sigma,
        target=1,
        abs=False,
    )
    ours = a.vargrad(model, x, 1, samples=4000, compute=Compute(500))
    off = (ours.values - theirs).abs() / (ours.stderr * 2**0.5).clamp(min=1e-12)
    assert (off < 2).double().mean() > 0.9
    squares = attributed(
        tunnel,
        x,
        nt_type="smoothgrad_sq",
        nt_samples=4000,
        nt_samples_batch_size=500,
        stdevs=sigma,
        target=1,
        abs=False,
    )
    ours = a.smoothgrad_squared(model, x, 1, samples=4000, compute=Compute(500))
    off = (ours.values - squares).abs() / (ours.stderr * 2**0.5).clamp(min=1e-12)
    assert (off < 2.5).double().mean() > 0.9
