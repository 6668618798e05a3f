"""A network may answer where it has no slope: such values are refused, and the rows named."""

import pytest
import torch
from torch import nn

from pellucid._core import Explanation
from pellucid._core._explanation import finite_values
from pellucid.attribution import (
    input_x_gradient,
    integrated_gradients,
    occlusion,
    saliency,
)
from pellucid.errors import MethodError


class Root(nn.Module):
    """The square root of what it hears: at exact silence the answer is 0 and the slope infinite."""

    def forward(self, x):
        return x.sqrt().sum(1, keepdim=True)


def rows(*silent):
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    x[list(silent), 1] = 0.0
    return x


@pytest.mark.parametrize("method", [saliency, input_x_gradient])
@pytest.mark.parametrize(
    ("silent", "named"), [((2,), "the values of row 2 are NaN"), ((1, 3), "row 1 and 1 more are NaN")]
)
def test_values_without_a_slope_are_refused_and_the_rows_named(method, silent, named):
    network = Root().eval()
    with pytest.raises(MethodError, match=named) as caught:
        method(network, rows(*silent), 0)
    said = str(caught.value)
    assert said.startswith(method.__name__)
    assert "Add a small floor" in said
    assert "occlusion" in said


@pytest.mark.parametrize("method", [saliency, input_x_gradient, integrated_gradients])
def test_inside_the_network_too(method):
    network = nn.Sequential(nn.Identity(), nn.Linear(3, 3), Root()).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.eye(3))
        network[1].bias.zero_()
    with pytest.raises(MethodError, match="the values of row 0 are NaN"):
        method(network, rows(0), 0)
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert not network[1]._forward_hooks
    assert not network[1]._backward_hooks


def test_what_is_advised_works_there():
    assert isinstance(occlusion(Root().eval(), rows(1), 0), Explanation)
    floored = nn.Sequential(Floor(), Root()).eval()
    assert bool(torch.isfinite(saliency(floored, rows(1), 0).values).all())


class Floor(nn.Module):
    """A small number more than what comes."""

    def forward(self, x):
        return x + 1e-6


def test_an_overflowing_sum_of_finite_values_is_not_refused():
    large = torch.full((2, 4), 3e38)
    assert finite_values("any", large) is large


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_every_kind_of_wrong_number_is_found(wrong):
    values = torch.zeros(5, 2, 2)
    values[3, 1, 0] = wrong
    with pytest.raises(MethodError, match="any: the values of row 3 are NaN or infinite"):
        finite_values("any", values)


def test_opposite_infinities_do_not_hide_each_other():
    values = torch.zeros(3, 2)
    values[0, 0], values[2, 1] = float("inf"), -float("inf")
    with pytest.raises(MethodError, match="row 0 and 1 more"):
        finite_values("any", values)
