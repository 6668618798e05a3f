"""Peers on whole networks, VGG-11 and ResNet-18 in narrow plain torch, and what other referees leave out."""

import numpy as np
import pytest
import torch
from torch import nn

import propagated as nets
import zoo
from attribution.peers import by_zennit, merged_norms
from pellucid import attribution as a
from pellucid._core import unit

COMPOSITES = {
    "epsilon_plus": "EpsilonPlus",
    "epsilon_plus_flat": "EpsilonPlusFlat",
    "epsilon_alpha2_beta1": "EpsilonAlpha2Beta1",
    "epsilon_alpha2_beta1_flat": "EpsilonAlpha2Beta1Flat",
    "epsilon_gamma_box": "EpsilonGammaBox",
    "excitation_backprop": "ExcitationBackprop",
}
CLASSES = [0, 2, 1, 1, 0]
TARGETS = torch.tensor(CLASSES)


def close(found, wanted, within=1e-6):
    torch.testing.assert_close(found, wanted.double(), rtol=within, atol=within * float(wanted.abs().max()))


def vgg():
    """VGG-11 with batch norm, an eighth as wide."""
    layers, width = [], 3
    for step in (8, "M", 16, "M", 32, 32, "M", 64, 64, "M"):
        if step == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(width, step, 3, padding=1), nn.BatchNorm2d(step), nn.ReLU(True)]
        width = step
    dense = [nn.Flatten(), nn.Linear(64, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 4)]
    return nn.Sequential(*layers, *dense)


class Block(nn.Module):
    """ResNet-18's; zennit sees an addition only where it is a module."""

    def __init__(self, width, out, add):
        super().__init__()
        stride = 1 if width == out else 2
        self.conv1, self.bn1 = nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.relu1, self.relu2, self.add = nn.ReLU(True), nn.ReLU(True), add
        self.down = None
        if stride > 1:
            self.down = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        x = x if self.down is None else self.down(x)
        if self.add is None:
            y += x
            return self.relu2(y)
        return self.relu2(self.add(torch.stack([x, y], -1)))


def resnet(add=lambda: None):
    """ResNet-18, a sixteenth as wide."""
    stem = [nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    widths = [(4, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32)]
    blocks = [Block(width, out, add()) for width, out in widths]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4))


@pytest.mark.parametrize("name", COMPOSITES)
def test_lrp_of_vgg_agrees_with_zennit(zennit, name):
    model, x = zoo.seeded(lambda: merged_norms(vgg())), nets.rows((3, 16, 16), 2)
    theirs = by_zennit(model, COMPOSITES[name], x, 1)
    close(a.lrp(model, x, 1, rules=name, low=-3.0, high=3.0).values, theirs)


@pytest.mark.parametrize("name", COMPOSITES)
def test_lrp_of_resnet_agrees_with_zennit(zennit, name):
    from zennit.layer import Sum

    model, plain = zoo.seeded(lambda: merged_norms(resnet(Sum))), merged_norms(resnet())
    plain.load_state_dict(model.state_dict())
    x = nets.rows((3, 16, 16), 2)
    theirs = by_zennit(model, COMPOSITES[name], x, 1)
    close(a.lrp(plain, x, 1, rules=name, low=-3.0, high=3.0).values, theirs)


@pytest.mark.parametrize(
    ("name", "theirs"), [("guided_backpropagation", "GuidedBackprop"), ("deconvnet", "DeconvNet")]
)
def test_rectified_slopes_of_resnet_agree_with_zennit(zennit, name, theirs):
    import zennit.composites as composites
    from zennit.attribution import Gradient

    model, x = zoo.seeded(lambda: merged_norms(resnet())), nets.rows((3, 16, 16), 2)
    composite = getattr(composites, theirs, None) or composites.DeconvNet
    with Gradient(model, composite()) as attributor:
        _, wanted = attributor(x.clone().requires_grad_(), lambda out: torch.eye(4).double()[[1, 1]])
    close(getattr(a, name)(model, x, 1).values, wanted.detach(), within=1e-10)


def test_lrp_epsilon_agrees_with_captum(captum):
    model, x = zoo.reference(), zoo.inputs()
    theirs = captum.LRP(model).attribute(x.clone(), target=TARGETS).detach()
    ours = a.lrp(model, x, CLASSES, rules="epsilon", epsilon=1e-9, stabilizer=1e-9).values
    close(ours, theirs, within=1e-5)


def test_deep_lift_of_a_layer_agrees_with_captum(captum):
    layers = [nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 8), nn.Sigmoid(), nn.Linear(8, 3)]
    model = zoo.seeded(lambda: nn.Sequential(*layers)).double()
    x, start = nets.rows((6,)), nets.rows((6,), seed=1)
    theirs = captum.LayerDeepLift(model, model[2]).attribute(x, start, target=TARGETS).detach()
    there = model[:3](start).detach()
    close(a.deep_lift(model, x, CLASSES, at="2", baseline=there).values, theirs, within=1e-10)


def test_guided_backpropagation_of_a_neuron_agrees_with_captum(captum):
    model, x = zoo.reference(), zoo.inputs()
    theirs = captum.NeuronGuidedBackprop(model, model.conv2).attribute(x.clone(), (3, 1, 1)).detach()
    close(a.guided_backpropagation(model, x, unit("conv2", (3, 1, 1))).values, theirs, within=1e-12)


def test_feature_ablation_of_a_layer_agrees_with_captum(captum):
    model, x = zoo.reference(), zoo.inputs()
    theirs = captum.LayerFeatureAblation(model, model.conv2).attribute(x, target=TARGETS, layer_baselines=0.3)
    single = torch.arange(24).view(6, 2, 2)
    ours = a.feature_ablation(model, x, CLASSES, at="conv2", groups=single, baseline=0.3).values
    close(ours, theirs.double(), within=1e-5)


def test_exact_shapley_agrees_with_captum(captum):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(4, 9), nn.SiLU(), nn.Linear(9, 3))).double()
    x = nets.rows((4,))
    theirs = captum.ShapleyValues(model).attribute(x, 0.2, target=TARGETS, perturbations_per_eval=6)
    close(a.exact_shapley(model, x, CLASSES, baseline=0.2).values, theirs, within=1e-5)


def test_kernel_shap_agrees_with_shap_where_it_may_keep_all_features(shap):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(6, 9), nn.SiLU(), nn.Linear(9, 1))).double()
    x, background = nets.rows((6,), 2), nets.rows((6,), 5, seed=1)
    answer = lambda rows: model(torch.from_numpy(rows)).detach().numpy()[:, 0]  # noqa: E731
    explainer = shap.KernelExplainer(answer, background.numpy())
    theirs = explainer.shap_values(x.numpy(), nsamples=2**6, l1_reg=False, silent=True)
    ours = a.kernel_shap(model, x, 0, background=background, budget=10_000).values
    close(ours, torch.from_numpy(np.asarray(theirs)), within=1e-6)


def test_deep_lift_shap_agrees_with_shap_in_double_precision(shap):
    layers = [nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3)]
    model = zoo.seeded(lambda: nn.Sequential(*layers)).double()
    x, background = nets.rows((6,)), nets.rows((6,), 7, seed=1)
    theirs = torch.tensor(
        shap.DeepExplainer(model, background).shap_values(x, check_additivity=False)[..., 1]
    )
    close(a.deep_lift_shap(model, x, 1, background=background).values, theirs, within=1e-6)


def test_paired_kernel_shap_agrees_with_shapiq(shapiq):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 1))).double()
    x = nets.rows((7,), 1)
    answer = lambda bits: model(torch.from_numpy(bits).double() * x).detach().numpy()[:, 0]  # noqa: E731
    theirs = shapiq.KernelSHAP(n=7, pairing_trick=True, random_state=0).approximate(2**7, answer)
    wanted = torch.tensor([[theirs[(i,)] for i in range(7)]], dtype=torch.float64)
    close(a.kernel_shap(model, x, 0).values, wanted, within=1e-6)


# who referees each method; a method without a peer has its twin from the paper in the tests of oracles
REFEREES = {
    "saliency": "captum Saliency, NeuronGradient",
    "input_x_gradient": "captum InputXGradient, LayerGradientXActivation",
    "guided_backpropagation": "captum GuidedBackprop, NeuronGuidedBackprop; zennit GuidedBackprop",
    "deconvnet": "captum Deconvolution; zennit DeconvNet",
    "smoothgrad": "none with antithetic noise",
    "smoothgrad_squared": "captum NoiseTunnel, in expectation",
    "vargrad": "captum NoiseTunnel, in expectation",
    "integrated_gradients": "captum IntegratedGradients, LayerIntegratedGradients, NeuronIntegratedGradients",
    "guided_integrated_gradients": "none for torch",
    "idgi": "none",
    "expected_gradients": "captum GradientShap, in expectation",
    "layer_conductance": "captum LayerConductance, in the limit of many steps",
    "internal_influence": "captum InternalInfluence",
    "full_grad": "none with numbers",
    "grad_cam": "captum LayerGradCam",
    "grad_cam_plus_plus": "none with numbers",
    "hires_cam": "none with numbers",
    "layer_cam": "none with numbers",
    "score_cam": "none with numbers",
    "deep_lift": "captum DeepLift, LayerDeepLift where no two rule modules touch",
    "deep_lift_shap": "captum DeepLiftShap; shap DeepExplainer",
    "lrp": "zennit's six composites; captum LRP with epsilon",
    "attention_rollout": "none maintained",
    "attention_flow": "none maintained",
    "attention_relevance": "none maintained",
    "occlusion": "captum Occlusion",
    "feature_ablation": "captum FeatureAblation, LayerFeatureAblation",
    "rise": "none for torch",
    "xrai": "none for torch",
    "lime": "captum Lime under the same kernel",
    "exact_shapley": "captum ShapleyValues; shap ExactExplainer; shapiq ExactComputer",
    "shapley_sampling": "captum ShapleyValueSampling, in expectation",
    "kernel_shap": "shap KernelExplainer without selection; shapiq KernelSHAP with pairs; captum KernelShap",
    "odd_regression": "shapiq ExactComputer, at full budget",
}


def test_every_method_has_a_referee_or_the_table_says_that_there_is_none():
    assert set(a.__all__) <= set(REFEREES), "name who computes the same, or that nobody does"
