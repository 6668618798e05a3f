"""The same numbers as captum 0.9, where both mean the same, in float64."""

import warnings

import pytest
import torch

import zoo
from pellucid._core import Batch, unit
from pellucid.attribution import (
    grad_cam,
    input_x_gradient,
    integrated_gradients,
    occlusion,
    saliency,
)

CLASSES = [0, 2, 1, 1, 0]
TARGETS = torch.tensor(CLASSES)
NEURON = (3, 1, 1)


@pytest.fixture(scope="module")
def captum():
    with warnings.catch_warnings():
        # captum 0.9 imports modules that python and torch have deprecated
        warnings.simplefilter("ignore")
        return pytest.importorskip("captum.attr", reason="the referee captum is not installed (extra: peers)")


@pytest.fixture
def smooth():
    model = zoo.seeded(
        lambda: torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.GELU(), torch.nn.Linear(9, 3))
    )
    x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return model.double().eval(), x


@pytest.fixture
def pictures():
    return zoo.reference(), zoo.inputs()


def attributed(algorithm, x, **options):
    """What captum answers; it sets requires_grad on inputs and warns that it did."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input Tensor 0 did not already require gradients")
        warnings.filterwarnings("ignore", message="Required gradient has already been set")
        return algorithm.attribute(x.clone(), **options).detach()


def close(a, b, within=1e-12):
    torch.testing.assert_close(a, b, rtol=within, atol=within)


@pytest.mark.parametrize("absolute", [False, True])
def test_saliency(captum, pictures, absolute):
    model, x = pictures
    theirs = attributed(captum.Saliency(model), x, target=TARGETS, abs=absolute)
    close(saliency(model, x, CLASSES, absolute=absolute).values, theirs)


def test_input_x_gradient(captum, pictures):
    model, x = pictures
    theirs = attributed(captum.InputXGradient(model), x, target=TARGETS)
    close(input_x_gradient(model, x, CLASSES).values, theirs)


@pytest.mark.parametrize(
    ("rule", "theirs"), [("gauss_legendre", "gausslegendre"), ("midpoint", "riemann_middle")]
)
@pytest.mark.parametrize("net", ["smooth", "pictures"])
def test_integrated_gradients(captum, request, net, rule, theirs):
    model, x = request.getfixturevalue(net)
    start = torch.full_like(x, 0.25)
    algorithm = captum.IntegratedGradients(model)
    wanted, delta = attributed_with_delta(algorithm, x, start, theirs)
    ours = integrated_gradients(model, x, CLASSES, baseline=0.25, steps=20, rule=rule)
    # captum keeps nodes and weights in single precision
    close(ours.values, wanted, within=1e-6)
    close(ours.gap, -delta, within=1e-6)


def attributed_with_delta(algorithm, x, start, rule):
    values, delta = algorithm.attribute(
        x.clone(), start, target=TARGETS, n_steps=20, method=rule, return_convergence_delta=True
    )
    return values.detach(), delta.detach()


@pytest.mark.parametrize("layer", ["conv1", "conv2", "pool"])
def test_layer_integrated_gradients(captum, pictures, layer):
    model, x = pictures
    module = model.get_submodule(layer)
    theirs = attributed(
        captum.LayerIntegratedGradients(model, module), x, baselines=0.5, target=TARGETS, n_steps=20
    )
    seen = []
    handle = module.register_forward_hook(lambda module, args, output: seen.append(output.detach()))
    model(torch.full_like(x, 0.5))
    handle.remove()
    ours = integrated_gradients(
        model, x, CLASSES, at=layer, baseline=seen[0], steps=20, rule="gauss_legendre"
    )
    close(ours.values, theirs, within=1e-6)


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_grad_cam(captum, pictures, layer):
    model, x = pictures
    theirs = attributed(captum.LayerGradCam(model, model.get_submodule(layer)), x, target=TARGETS)
    large = captum.LayerAttribution.interpolate(theirs, (8, 8), interpolate_mode="bilinear")
    ours = grad_cam(model, x, CLASSES, at=layer).values
    close(ours.sum(1, keepdim=True), large)


@pytest.mark.parametrize(
    ("window", "stride"), [((2, 3, 3), 1), ((1, 3, 2), (1, 2, 2)), ((2, 4, 3), (2, 3, 2))]
)
def test_occlusion(captum, pictures, window, stride):
    model, x = pictures
    theirs = attributed(
        captum.Occlusion(model),
        x,
        sliding_window_shapes=window,
        strides=stride,
        baselines=0.4,
        target=TARGETS,
    )
    ours = occlusion(model, x, CLASSES, window=window, stride=stride, baseline=0.4)
    # captum answers in single precision, whatever goes in
    close(ours.values, theirs.double(), within=1e-7)


def test_occlusion_by_part_is_feature_ablation(captum, pictures):
    model, x = pictures
    parts = torch.arange(64).view(8, 8).expand(2, 8, 8)
    theirs = attributed(captum.FeatureAblation(model), x, feature_mask=parts[None], target=TARGETS)
    close(occlusion(model, x, CLASSES).values * 2, theirs)


def test_neuron_gradient(captum, pictures):
    model, x = pictures
    theirs = attributed(captum.NeuronGradient(model, model.conv2), x, neuron_selector=NEURON)
    close(saliency(model, x, unit("conv2", NEURON)).values, theirs)


def test_neuron_integrated_gradients(captum, pictures):
    model, x = pictures
    theirs = attributed(
        captum.NeuronIntegratedGradients(model, model.conv2), x, neuron_selector=NEURON, n_steps=20
    )
    ours = integrated_gradients(model, x, unit("conv2", NEURON), steps=20, rule="gauss_legendre")
    close(ours.values, theirs, within=1e-6)


def test_layer_gradient_x_activation(captum, pictures):
    model, x = pictures
    theirs = attributed(captum.LayerGradientXActivation(model, model.conv1), x, target=TARGETS)
    close(input_x_gradient(model, x, CLASSES, at="conv1").values, theirs)


def test_several_inputs(captum):
    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Linear(3, 2), torch.nn.Linear(4, 2)

        def forward(self, a, b):
            return self.a(a).tanh() * self.b(b).sigmoid()

    model = zoo.seeded(Both).double()
    a, b = zoo.inputs()[:, 0, 0, :3], zoo.inputs()[:, 1, 0, :4]
    start = (torch.full_like(a, 0.1), torch.zeros_like(b))
    theirs = captum.IntegratedGradients(model).attribute((a, b), start, target=1, n_steps=20)
    ours = integrated_gradients(
        model, Batch({"a": a, "b": b}), 1, baseline={"a": 0.1, "b": 0.0}, steps=20, rule="gauss_legendre"
    )
    close(ours.values["a"], theirs[0].detach(), within=1e-6)
    close(ours.values["b"], theirs[1].detach(), within=1e-6)
