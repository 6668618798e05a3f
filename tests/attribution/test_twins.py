"""One function written in many ways gets one explanation, and each way of writing it stays as it was."""

import pytest
import torch

import zoo
from pellucid import attribution
from pellucid._core import unit
from pellucid.errors import MethodError

CELLS = torch.arange(4).view(2, 2).repeat_interleave(4, 0).repeat_interleave(4, 1)
OPTIONS = {
    "exact_shapley": {"groups": CELLS},
    "shapley_sampling": {"groups": CELLS, "budget": 64},
    "kernel_shap": {"groups": CELLS},
    "odd_regression": {"groups": CELLS},
    "lime": {"groups": CELLS, "budget": 64},
    "rise": {"samples": 50, "cells": 3},
    "smoothgrad": {"samples": 6},
    "integrated_gradients": {"steps": 6},
    # twins that have no module there need the layer by name
    "grad_cam": {"at": "conv2"},
    "occlusion": {"window": 3, "stride": 2},
    "lrp": {"rules": "epsilon", "epsilon": 1e-12, "stabilizer": 1e-12},
}
# rules go by operation: slopes taken inside a network are no operation of its pass
REFUSED = {("DoubleBackward", name) for name in ("deep_lift", "deep_lift_shap", "lrp")}


@pytest.mark.parametrize("name", attribution.__all__)
@pytest.mark.parametrize("twin", [pytest.param(i, id=t.name) for i, t in enumerate(zoo.twins())])
def test_twins_agree(name, twin):
    method, twin, x = getattr(attribution, name), zoo.twins()[twin], zoo.inputs()
    options = OPTIONS.get(name, {})
    if (twin.name, name) in REFUSED:
        with pytest.raises(MethodError):
            method(twin.model, x, twin.target, **options)
        return
    wanted = method(zoo.reference(), x, zoo.CLASS, **options).values
    given = x.to(twin.dtype)
    before = {key: value.clone() for key, value in twin.model.state_dict().items()}
    twin.model.train()
    found = method(twin.model, given, twin.target, **options).values
    assert found.dtype == twin.dtype
    far = (found.double() - wanted).norm() / wanted.norm()
    assert far <= twin.tolerance
    assert twin.model.training
    assert torch.equal(given, x.to(twin.dtype))
    assert all(torch.equal(value, before[key]) for key, value in twin.model.state_dict().items())
    assert all(parameter.grad is None for parameter in twin.model.parameters())


def test_foreign_hooks_stay_and_weight_hooks_are_not_disturbed():
    (hooked,) = [t for t in zoo.twins() if t.name == "hooked"]
    attribution.saliency(hooked.model, zoo.inputs(), 0)
    assert set(hooked.model.seen) == {"forward", "backward"}
    assert len(hooked.model.relu1._backward_hooks) == 1
    assert len(hooked.model.conv2._forward_hooks) == 1


@pytest.mark.parametrize("call", [0, 1])
def test_a_shared_layer_is_addressed_by_its_call(call):
    (shared,) = [t for t in zoo.twins() if t.name == "SharedRelu"]
    wanted = attribution.saliency(zoo.reference(), zoo.inputs(), 1, at=f"relu{call + 1}").values
    found = attribution.saliency(shared.model, zoo.inputs(), 1, at=f"relu1#{call}").values
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "occlusion"])
def test_single_neurons_are_targets(name):
    model, x = zoo.reference(), zoo.inputs()
    found = getattr(attribution, name)(model, x, unit("conv2", (3, 1, 1)))
    neuron = torch.nn.Sequential(model.conv1, model.relu1, model.pool, model.conv2)
    wanted = getattr(attribution, name)(neuron, x, lambda output, rows: output[:, 3, 1, 1])
    torch.testing.assert_close(found.values, wanted.values)
    torch.testing.assert_close(found.scores, wanted.scores)
