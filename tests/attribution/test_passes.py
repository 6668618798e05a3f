"""What provenance counts is what went through the network."""

import pytest
import torch
from torch import nn

from pellucid import attribution as a
from pellucid._core import Compute

ROWS, BACKGROUND = 3, 5


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 4)
    ).double()


def background():
    return torch.rand(BACKGROUND, 1, 8, 8, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize(
    ("name", "options", "forward", "backward"),
    [
        ("saliency", {}, ROWS, ROWS),
        ("saliency", {"at": "1"}, ROWS, ROWS),
        ("input_x_gradient", {"at": "1"}, ROWS, ROWS),
        ("grad_cam", {}, ROWS + 1, ROWS),
        ("score_cam", {}, 2 * ROWS + 2 * ROWS + 2, 0),
        ("grad_cam", {"at": "1"}, ROWS, ROWS),
        ("grad_cam_plus_plus", {"at": "1"}, ROWS, ROWS),
        ("hires_cam", {"at": "1"}, ROWS, ROWS),
        ("layer_cam", {"at": "1"}, ROWS, ROWS),
        ("layer_conductance", {"at": "1", "steps": 6}, 8 * ROWS, 7 * ROWS),
        ("internal_influence", {"at": "1", "steps": 6}, 7 * ROWS, 6 * ROWS),
        ("guided_backpropagation", {}, ROWS, ROWS),
        ("deep_lift", {}, ROWS + 1, ROWS),
        ("deep_lift", {"baseline": background()[:ROWS]}, 2 * ROWS, ROWS),
        ("deep_lift_shap", {"background": background()}, 2 * ROWS + BACKGROUND, ROWS * BACKGROUND),
        ("expected_gradients", {"background": background(), "rounds": 1}, None, ROWS * 20),
        ("lrp", {"rules": "epsilon"}, None, ROWS),
        ("full_grad", {}, None, ROWS),
    ],
)
def test_rows_that_pass_are_counted(name, options, forward, backward):
    model, passed = net(), [0]
    model.register_forward_pre_hook(lambda _, args: passed.__setitem__(0, passed[0] + len(args[0])))
    x = torch.rand(ROWS, 1, 8, 8, generator=torch.Generator().manual_seed(2)).double()
    made = getattr(a, name)(model, x, 1, compute=Compute(64), **options).provenance
    assert made.forward == passed[0]
    assert made.forward == (passed[0] if forward is None else forward)
    assert made.backward == backward


def test_a_layer_is_read_in_one_pass_whatever_the_batch_size():
    model = net()
    x = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(2)).double()
    one, other = (a.grad_cam(model, x, 1, at="1", compute=Compute(size)) for size in (64, 2))
    torch.testing.assert_close(one.values, other.values)
    layer = model[:2](x).detach().requires_grad_()
    (slope,) = torch.autograd.grad(model[2:](layer)[:, 1].sum(), layer)
    found = a.saliency(model, x, 1, at="1", compute=Compute(2))
    torch.testing.assert_close(found.values, slope)
    torch.testing.assert_close(found.inputs, layer.detach())
    torch.testing.assert_close(found.scores, model(x)[:, 1].detach())
