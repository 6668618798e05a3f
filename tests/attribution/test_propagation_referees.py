"""captum, shap and zennit where they are right; what they get wrong is in test_pains."""

import pytest
import torch
from torch import nn

import propagated as nets
from attribution.peers import by_zennit, merged_norms
from pellucid.attribution import deep_lift, deep_lift_shap, integrated_gradients, lrp
from pellucid.errors import MethodError

COMPOSITES = {
    "epsilon_plus": "EpsilonPlus",
    "epsilon_plus_flat": "EpsilonPlusFlat",
    "epsilon_alpha2_beta1": "EpsilonAlpha2Beta1",
    "epsilon_alpha2_beta1_flat": "EpsilonAlpha2Beta1Flat",
    "epsilon_gamma_box": "EpsilonGammaBox",
}


def clean():
    """No two modules that captum or shap hook touch each other, and none is called twice."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.Tanh(), nn.Conv2d(4, 3, 2), nn.Sigmoid(),
        nn.Flatten(), nn.Linear(12, 3),
    )  # fmt: skip
    return model.double().eval(), (1, 10, 10)


def test_deep_lift_agrees_with_captum(captum):
    model, shape = clean()
    x, start = nets.rows(shape), nets.rows(shape, seed=1)
    theirs = captum.DeepLift(model).attribute(x, start, target=1).detach()
    torch.testing.assert_close(deep_lift(model, x, 1, baseline=start).values, theirs, rtol=1e-9, atol=1e-12)


def test_deep_lift_shap_agrees_with_captum(captum):
    model, shape = clean()
    x, background = nets.rows(shape), nets.rows(shape, count=7, seed=1)
    theirs = captum.DeepLiftShap(model).attribute(x, background, target=1).detach()
    ours = deep_lift_shap(model, x, 1, background=background).values
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [0, 2])
def test_deep_lift_shap_agrees_with_shap(shap, k):
    model, shape = clean()
    model = model.float()
    x, background = nets.rows(shape, dtype=torch.float32), nets.rows(shape, 7, seed=1, dtype=torch.float32)
    theirs = torch.tensor(shap.DeepExplainer(model, background).shap_values(x)[..., k])
    ours = deep_lift_shap(model, x, k, background=background).values
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-4, atol=1e-6)


def test_deep_lift_shap_agrees_with_shap_on_pooling(shap):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
    ).double()
    x, background = nets.rows((1, 10, 10)), nets.rows((1, 10, 10), 7, seed=1)
    theirs = torch.tensor(
        shap.DeepExplainer(model, background).shap_values(x, check_additivity=False)[..., 1]
    )
    ours = deep_lift_shap(model, x, 1, background=background).values
    torch.testing.assert_close(ours, theirs.double(), rtol=1e-6, atol=1e-6)


def for_zennit():
    return merged_norms(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, groups=2), nn.ReLU(True), nn.ConvTranspose2d(8, 6, 3, 2), nn.Tanh(),
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(216, 10), nn.ReLU(), nn.Linear(10, 4),
        )
    )  # fmt: skip


@pytest.mark.parametrize("name", COMPOSITES)
def test_lrp_agrees_with_zennit(zennit, name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = for_zennit()
    x = nets.rows((3, 16, 16))
    theirs = by_zennit(model, COMPOSITES[name], x, 1)
    ours = lrp(model, x, 1, rules=name, low=-3.0, high=3.0).values
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6 * float(theirs.abs().max()))


class Block(nn.Module):
    """A residual block; ``Sum`` makes its addition a module for zennit."""

    def __init__(self, add):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.relu1, self.relu2, self.add = nn.ReLU(True), nn.ReLU(), add

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(self.add(torch.stack([x, y], -1)) if self.add else y.add_(x))


def test_lrp_agrees_with_zennit_on_residual_networks(zennit):
    from zennit.layer import Sum

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts = (nn.Conv2d(1, 4, 3), nn.ReLU(), Block(Sum()), nn.Flatten(), nn.Linear(144, 3))
        model = merged_norms(nn.Sequential(*parts))
    plain = merged_norms(nn.Sequential(*parts[:2], Block(None), *parts[3:]))
    plain.load_state_dict(model.state_dict())
    x = nets.rows((1, 8, 8))
    ours = lrp(plain, x, 1).values
    theirs = by_zennit(model, "EpsilonPlus", x, 1)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6 * float(theirs.abs().max()))


def test_deep_lift_and_integrated_gradients_agree_where_both_are_exact():
    """One elementwise operation on one number: both are Δy / Δx."""
    model = nn.Sequential(nn.Linear(1, 1), nn.GELU(), nn.Linear(1, 2)).double()
    x, start = nets.rows((1,)), nets.rows((1,), seed=1)
    ours = deep_lift(model, x, 1, baseline=start).values
    theirs = integrated_gradients(model, x, 1, baseline=start, steps=40).values
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


def test_what_cannot_be_followed_is_named_instead_of_skipped():
    model = nets.Written(lambda m, x: m[0](torch.fft.rfft(x).real), nn.Linear(4, 3)).double()
    for method in (deep_lift, lrp):
        with pytest.raises(MethodError, match="fft_rfft"):
            method(model, nets.rows((6,)), 1)
