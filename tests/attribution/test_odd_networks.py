"""Networks that people really have, and what a method says of them where it cannot follow."""

import warnings

import pytest
import torch
from torch import nn

from pellucid import attribution
from pellucid.errors import InputError, MethodError


class Forces(nn.Module):
    """The slope of an energy, as networks of molecules answer."""

    def __init__(self):
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 1))

    def forward(self, x):
        with torch.enable_grad():
            x = x if x.requires_grad else x.requires_grad_()
            (slope,) = torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)
        return x - slope


class Inference(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))

    @torch.inference_mode()
    def forward(self, x):
        return self.net(x)


RULED = ["guided_backpropagation", "deconvnet", "deep_lift", "deep_lift_shap", "lrp", "attention_relevance"]


def asked(name, net, x):
    more = {"background": x} if name in {"deep_lift_shap", "expected_gradients"} else {}
    return getattr(attribution, name)(net, x, 1, **more)


@pytest.mark.parametrize("name", RULED)
def test_rules_do_not_change_slopes_that_a_network_takes_itself(name):
    with pytest.raises(
        MethodError, match=r"calls torch\.autograd\.grad itself\. What would work here: integ"
    ):
        asked(name, Forces(), torch.randn(2, 5))


def test_networks_that_take_slopes_themselves_have_slopes():
    net, x = Forces(), torch.randn(2, 5)
    assert torch.equal(attribution.saliency(net, x, 1).values, torch.eye(5)[1].expand(2, 5))


def test_lrp_says_that_nothing_goes_back_through_inference_mode():
    with pytest.raises(MethodError, match="does not depend on the input in a way that lrp can follow"):
        attribution.lrp(Inference(), torch.randn(2, 5), 1)


@pytest.mark.parametrize("name", ["guided_backpropagation", "deconvnet"])
@pytest.mark.parametrize("layers", [{nn.Linear}, {"2"}])
def test_quantised_layers_have_no_slope_which_is_not_a_slope_of_zero(name, layers):
    net = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = torch.ao.quantization.quantize_dynamic(net, layers, dtype=torch.qint8)
        with pytest.raises(MethodError, match="does not depend on the input in a differentiable way"):
            asked(name, net, torch.randn(2, 5))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_expected_gradients_says_that_whole_numbers_have_no_slope(dtype):
    x = torch.tensor([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    with pytest.raises(InputError, match="whole numbers have no gradient") as told:
        asked("expected_gradients", nn.Flatten(), x)
    assert ("inputs.float()" in str(told.value)) == (dtype != torch.int64)
