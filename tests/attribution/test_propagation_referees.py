"""captum, shap and zennit where they are right; where they are not, the oracle says who is."""

import importlib
import sys
import types
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import propagated as nets
from pellucid.attribution import deep_lift, deep_lift_shap, integrated_gradients, lrp
from pellucid.errors import MethodError

COMPOSITES = {
    "epsilon_plus": "EpsilonPlus",
    "epsilon_plus_flat": "EpsilonPlusFlat",
    "epsilon_alpha2_beta1": "EpsilonAlpha2Beta1",
    "epsilon_alpha2_beta1_flat": "EpsilonAlpha2Beta1Flat",
    "epsilon_gamma_box": "EpsilonGammaBox",
}


@pytest.fixture(autouse=True)
def peers_warn():
    """What peers warn of (hooks they set, modules that python has deprecated) is theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def captum():
    return pytest.importorskip("captum.attr", reason="the referee captum is not installed (extra: peers)")


@pytest.fixture
def shap():
    return pytest.importorskip("shap", reason="the referee shap is not installed (extra: peers)")


@pytest.fixture
def zennit(monkeypatch):
    """zennit asks torchvision for two classes at import; an empty stand-in has them."""
    if importlib.util.find_spec("zennit") is None:
        pytest.skip("the referee zennit is not installed (extra: peers)")
    if importlib.util.find_spec("torchvision") is None:
        for name in ("torchvision", "torchvision.models", "torchvision.models.resnet"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        resnet = sys.modules["torchvision.models.resnet"]
        resnet.Bottleneck, resnet.BasicBlock = type("Bottleneck", (), {}), type("BasicBlock", (), {})
    return importlib.import_module("zennit")


def clean():
    """No two modules that captum or shap hook touch each other, and none is called twice."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.Tanh(), nn.Conv2d(4, 3, 2), nn.Sigmoid(),
        nn.Flatten(), nn.Linear(12, 3),
    )  # fmt: skip
    return model.double().eval(), (1, 10, 10)


def delta(values, model, x, start):
    """Relative completeness error of a peer's values."""
    with torch.no_grad():
        wanted = (model(x) - model(start))[:, 1]
    return ((values.flatten(1).sum(1) - wanted).abs() / wanted.abs()).max().item()


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


def merged_norms(model):
    """zennit leaves ``eps`` in a batch norm that it has merged, which scales by 1 / √(1 + eps)."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-14
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model.double().eval()


def for_zennit():
    return merged_norms(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, groups=2), nn.ReLU(True), nn.ConvTranspose2d(8, 6, 3, 2), nn.Tanh(),
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(216, 10), nn.ReLU(), nn.Linear(10, 4),
        )
    )  # fmt: skip


def by_zennit(model, composite, x, k):
    import zennit.composites as composites
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm

    options = {"low": -3.0, "high": 3.0} if composite == "EpsilonGammaBox" else {}
    rules = getattr(composites, composite)(canonizers=[SequentialMergeBatchNorm()], **options)
    with Gradient(model, rules) as attributor:
        mask = F.one_hot(torch.full((len(x),), k), model(x).shape[1])
        return attributor(x.clone().requires_grad_(), lambda out: out * mask)[1].detach()


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


# Each peer's mistake as a test named after it: ours is right by completeness or by the oracle, theirs is not.


def far(ours, theirs):
    return float((ours - theirs).norm() / ours.norm())


def test_pain_1_captum_two_rule_modules_that_touch(captum):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
    ).double()
    x, start = nets.rows((1, 10, 10)), nets.rows((1, 10, 10), seed=1)
    ours = deep_lift(model, x, 1, baseline=start).values
    theirs = captum.DeepLift(model).attribute(x, start, target=1).detach()
    assert delta(ours, model, x, start) < 1e-9
    assert delta(theirs, model, x, start) > 0.1


def test_pain_3_captum_softmax_depends_on_the_batch(captum):
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.Softmax(1)).double()
    x, start = nets.rows((6,), 6), nets.rows((6,), 6, seed=1)
    whole = deep_lift(model, x, 1, baseline=start).values
    alone = deep_lift(model, x[:1], 1, baseline=start[:1]).values
    torch.testing.assert_close(whole[:1], alone, rtol=1e-9, atol=1e-12)
    assert delta(whole, model, x, start) < 1e-9
    algorithm = captum.DeepLift(model)
    together = algorithm.attribute(x, start, target=1).detach()[:1]
    assert far(algorithm.attribute(x[:1], start[:1], target=1).detach(), together) > 0.01


def test_pain_4_captum_reused_and_functional_activations(captum):
    model, shape = nets.net("re-used")
    x, start = nets.rows(shape), nets.rows(shape, seed=1)
    assert delta(deep_lift(model, x, 1, baseline=start).values, model, x, start) < 1e-9
    with pytest.raises(RuntimeError):
        captum.DeepLift(model).attribute(x, start, target=1)


def test_pain_6_captum_operations_outside_its_table(captum):
    model, shape = nets.net("gelu and norm")
    x, start = nets.rows(shape), nets.rows(shape, seed=1)
    ours = deep_lift(model, x, 1, baseline=start)
    theirs = captum.DeepLift(model).attribute(x, start, target=1).detach()
    assert delta(ours.values, model, x, start) < 1e-9
    assert delta(theirs, model, x, start) > 0.05


def test_pain_7_captum_skips_modules_with_a_users_hook(captum):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    x, start = nets.rows((6,)), nets.rows((6,), seed=1)
    wanted = deep_lift(model, x, 1, baseline=start).values
    model[1].register_full_backward_hook(lambda module, grad_in, grad_out: None)
    torch.testing.assert_close(deep_lift(model, x, 1, baseline=start).values, wanted)
    assert delta(wanted, model, x, start) < 1e-9
    theirs = captum.DeepLift(model).attribute(x, start, target=1).detach()
    assert delta(theirs, model, x, start) > 0.05


def test_pain_8_captum_lrp_on_a_functional_sum(captum):
    model = nets.Written(
        lambda m, x: m[4](F.relu(m[2](m[1](m[0](x))) + m[3](x))),
        nn.Linear(6, 6, bias=False), nn.ReLU(), nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False),
        nn.Linear(6, 3, bias=False),
    ).double()  # fmt: skip
    x = nets.rows((6,))
    why = lrp(model, x, 1, rules="epsilon", epsilon=1e-12, stabilizer=1e-12)
    assert float((why.gap / why.scores).abs().max()) < 1e-6
    theirs = captum.LRP(model).attribute(x, target=1).detach().sum(1)
    assert float(((theirs - why.scores) / why.scores).abs().max()) > 0.1


def test_pain_37_zennit_residual_sums_double(zennit):
    layers = [
        nn.Linear(6, 6, bias=False),
        nn.ReLU(),
        nn.Linear(6, 6, bias=False),
        nn.Linear(6, 3, bias=False),
    ]
    model = nets.Written(lambda m, x: m[3](x + m[2](m[1](m[0](x)))), *layers).double()
    x = nets.rows((6,))
    why = lrp(model, x, 1, rules="epsilon", epsilon=1e-12, stabilizer=1e-12)
    assert float((why.gap / why.scores).abs().max()) < 1e-6
    theirs = by_zennit(model, "EpsilonPlus", x, 1).sum(1)
    assert float(((theirs - why.scores) / why.scores).abs().max()) > 0.1


def test_pain_38_zennit_merges_a_layer_called_twice(zennit):
    twice = nets.Written(lambda m, x: m[1](F.relu(m[0](F.relu(m[0](x))))), nn.Linear(6, 6), nn.Linear(6, 3))
    twice = twice.double()
    first, last = twice.layers
    copies = nn.Sequential(first, nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), last).double()
    copies[2].load_state_dict(first.state_dict())
    x = nets.rows((6,))
    wanted = lrp(copies, x, 1).values
    torch.testing.assert_close(lrp(twice, x, 1).values, wanted, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(by_zennit(copies, "EpsilonPlus", x, 1), wanted, rtol=1e-6, atol=1e-9)
    assert far(wanted, by_zennit(twice, "EpsilonPlus", x, 1)) > 0.1


def test_pain_25_and_27_shap_functional_and_in_place(shap):
    """shap 0.51 stops at in-place writes; ours agrees with integrated gradients' sum and adds up."""
    model, shape = nets.net("residual")
    x, background = nets.rows(shape), nets.rows(shape, 6, seed=1)
    why = deep_lift_shap(model, x, 1, background=background)
    assert float((why.gap / (why.scores - why.reference)).abs().max()) < 1e-9
    with pytest.raises((RuntimeError, AssertionError)):
        shap.DeepExplainer(model, background).shap_values(x)


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
