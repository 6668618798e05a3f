"""LRP's rules equal their definitions as matrices, keep relevance, and read operations, not modules."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import propagated as nets
from pellucid._core import logit, margin
from pellucid.attribution import lrp
from pellucid.errors import InputError, MethodError
from pellucid.inputs import ImageSpec

SMALL = 1e-6
TIGHT = {"epsilon": 1e-12, "stabilizer": 1e-12}


def stable(z):
    return z + SMALL * torch.where(z < 0, -1.0, 1.0).double()


def by_matrix(rule, W, b, x, R):
    """Each rule for ``z = W x + b`` of one row, message by message as the papers write them."""
    up, down = lambda t: t.clamp(min=0), lambda t: t.clamp(max=0)
    z = W @ x + b
    match rule:
        case "epsilon":
            messages = W * x / stable(z)[:, None]
        case "z_plus":
            messages = up(W * x) / stable(up(W * x).sum(1) + up(b))[:, None]
        case "alpha_beta":
            messages = 2 * up(W * x) / stable(up(W * x).sum(1) + up(b))[:, None]
            messages = messages - down(W * x) / stable(down(W * x).sum(1) + down(b))[:, None]
        case "gamma":
            helps = W * x + 0.25 * up(W * x)
            hurts = W * x + 0.25 * down(W * x)
            positive = helps / stable(helps.sum(1) + b + 0.25 * up(b))[:, None]
            negative = hurts / stable(hurts.sum(1) + b + 0.25 * down(b))[:, None]
            messages = torch.where((z > 0)[:, None], positive, negative)
        case "z_box":
            parts = W * x - up(W) * -3 - down(W) * 4
            messages = parts / stable(parts.sum(1))[:, None]
        case "w_square":
            messages = W**2 / stable((W**2).sum(1) + b**2)[:, None]
        case "flat":
            reached = (W != 0).double()
            messages = reached / stable(reached.sum(1))[:, None]
    return R @ messages


def matrix_of(layer, shape):
    """A layer that is straight as a dense matrix and its bias."""
    zero = torch.zeros(1, *shape, dtype=torch.float64)
    with torch.no_grad():
        b = layer(zero)
        W = torch.autograd.functional.jacobian(lambda t: layer(t)[0].flatten(), zero)
    return W.reshape(b.numel(), -1), b.flatten()


LAYERS = {
    "linear": (lambda: nn.Linear(6, 5), (6,)),
    "linear without bias": (lambda: nn.Linear(6, 5, bias=False), (6,)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, padding=1, stride=2), (2, 9)),
    "conv2d": (lambda: nn.Conv2d(2, 4, 3, padding="same", dilation=2, groups=2), (2, 6, 6)),
    "conv2d lopsided": (lambda: nn.Conv2d(2, 3, 2, padding="same"), (2, 5, 5)),
    "conv3d": (lambda: nn.Conv3d(1, 2, 2), (1, 3, 4, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 3, 2, padding=1, output_padding=1), (2, 4, 4)),
}
RULES = ["epsilon", "z_plus", "alpha_beta", "gamma", "z_box", "w_square", "flat"]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("sign", ["any", "positive"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", LAYERS)
def test_rules_equal_their_matrices(name, rule, sign):
    make, shape = LAYERS[name]
    layer = make().double()
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.copy_(nets.rows(parameter.shape, 1, seed=i)[0])
    x = nets.rows(shape) if sign == "any" else nets.rows(shape).abs()
    W, b = matrix_of(layer, shape)
    start = nets.rows((len(b),), 1, seed=7)[0]
    found = lrp(
        layer,
        x,
        lambda out, rows: out.flatten(1) @ start,
        rules="epsilon",
        conv=rule,
        dense=rule,
        low=-3,
        high=4,
    ).values
    for i in range(len(x)):
        R = (W @ x[i].flatten() + b) * start
        wanted = by_matrix(rule, W, b, x[i].flatten(), R)
        torch.testing.assert_close(found[i].flatten(), wanted, rtol=1e-8, atol=1e-10)


KEPT = ["pool", "residual", "re-used", "functional", "same padding", "lstm", "gru"]


@pytest.mark.parametrize("rules", ["epsilon", "epsilon_plus", "epsilon_gamma_box"])
@pytest.mark.parametrize("name", KEPT)
def test_relevance_is_kept_without_biases(name, rules):
    model, shape = nets.net(name)
    why = lrp(nets.unbiased(model), nets.rows(shape), 1, rules=rules, low=-4, high=4, **TIGHT)
    share = why.gap.abs() / why.scores.abs()
    # z⁺ finds nothing to hand on to where all that went in speaks against an output
    assert float(share.median()) < 1e-6
    assert torch.isfinite(why.values).all()


@pytest.mark.parametrize("name", nets.MAKE)
@pytest.mark.parametrize("rules", ["epsilon", "epsilon_plus_flat", "epsilon_gamma_box"])
def test_a_row_is_explained_as_if_alone(name, rules):
    model, shape = nets.net(name)
    x = nets.rows(shape)
    whole = lrp(model, x, 1, rules=rules, low=-4, high=4).values
    alone = torch.cat(
        [lrp(model, x[i : i + 1], 1, rules=rules, low=-4, high=4).values for i in range(len(x))]
    )
    torch.testing.assert_close(whole, alone, rtol=1e-7, atol=1e-9)
    turned = lrp(model, x.flip(0), 1, rules=rules, low=-4, high=4).values
    torch.testing.assert_close(turned.flip(0), whole, rtol=1e-7, atol=1e-9)


def test_epsilon_without_biases_is_gradient_times_input():
    model, shape = nets.net("pool")
    x = nets.rows(shape).requires_grad_()
    (slope,) = torch.autograd.grad(nets.unbiased(model)(x)[:, 1].sum(), x)
    found = lrp(model, x.detach(), 1, rules="epsilon", **TIGHT).values
    torch.testing.assert_close(found, (x * slope).detach(), rtol=1e-6, atol=1e-9)


def only(forward):
    return nets.Written(lambda m, x: forward(x), nn.Identity())


def whole(weights):
    return lambda out, rows: (out * weights).flatten(1).sum(1)


def test_softmax_is_attnlrps_proposition():
    x = nets.rows((4,))
    weights = nets.rows((4,), 1, seed=5)
    s = x.softmax(1)
    R = s * weights
    wanted = x * (R - s * R.sum(1, keepdim=True))
    found = lrp(only(lambda t: F.softmax(t, dim=-1)), x, whole(weights)).values
    torch.testing.assert_close(found, wanted)


def test_matrix_product_is_attnlrps_proposition():
    x, weights = nets.rows((2, 3, 3)), nets.rows((3, 3), 1, seed=5)
    A, V = x[:, 0], x[:, 1]
    O = A @ V  # noqa: E741
    c = O * weights / (2 * O)
    wanted = torch.stack([A * (c @ V.transpose(1, 2)), V * (A.transpose(1, 2) @ c)], 1)
    found = lrp(only(lambda t: torch.matmul(t[:, 0], t[:, 1])), x, whole(weights), **TIGHT).values
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


def test_layer_norm_holds_the_deviation():
    x, weights = nets.rows((6,)), nets.rows((6,), 1, seed=5)
    norm = nn.LayerNorm(6).double()
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(-1, 2, 6))
        norm.bias.copy_(torch.linspace(1, -1, 6))
    deviation = (x.var(1, unbiased=False, keepdim=True) + norm.eps).sqrt()
    held = x.clone().requires_grad_()
    y = (held - held.mean(1, keepdim=True)) / deviation * norm.weight + norm.bias
    R = (norm(x) * weights).detach()
    wanted = x * torch.autograd.grad(y, held, R / y.detach())[0]
    found = lrp(norm, x, whole(weights), **TIGHT).values
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("forward", "signal"),
    [
        (lambda a, b: a * b, 0.5),
        (lambda a, b: a * b.sigmoid(), 1.0),
        (lambda a, b: b.sigmoid() * a, 1.0),
        (lambda a, b: (1 - torch.sigmoid(b)) * a, 1.0),
        (lambda a, b: a * b.sigmoid().unsqueeze(2).squeeze(2), 1.0),
        (lambda a, b: a * torch.rsqrt(b.square() + 1), 1.0),
        (lambda a, b: a / (1 + b.abs()), 1.0),
        (lambda a, b: F.silu(b) * a, 0.5),
    ],
)
def test_gates_take_no_relevance(forward, signal):
    x = nets.rows((2, 3))
    why = lrp(only(lambda t: forward(t[:, 0], t[:, 1])), x, whole(1.0), **TIGHT)
    out = forward(x[:, 0], x[:, 1])
    torch.testing.assert_close(why.values[:, 0], signal * out, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(why.values[:, 1], (1 - signal) * out, rtol=1e-6, atol=1e-9)


def test_sums_hand_on_by_share():
    x = nets.rows((2, 3))
    why = lrp(only(lambda t: t[:, 0] + 2 * t[:, 1]), x, whole(1.0), **TIGHT)
    torch.testing.assert_close(why.values, torch.stack([x[:, 0], 2 * x[:, 1]], 1), rtol=1e-6, atol=1e-9)


def test_batch_norm_is_merged_without_touching_parameters():
    model, shape = nets.net("same padding")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x = nets.rows(shape)
    found = lrp(model, x, 1).values
    conv, norm = model[0], model[1]
    merged = nn.Conv2d(1, 4, 3, padding="same").double()
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    with torch.no_grad():
        merged.weight.copy_(conv.weight * scale.view(-1, 1, 1, 1))
        merged.bias.copy_((conv.bias - norm.running_mean) * scale + norm.bias)
    wanted = lrp(nn.Sequential(merged, *model[2:]).eval(), x, 1).values
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_margins_begin_at_both_classes():
    model, shape = nets.net("pool")
    x = nets.rows(shape)
    both = lrp(model, x, margin(0, 2), rules="epsilon").values
    apart = lrp(model, x, logit(0), rules="epsilon").values - lrp(model, x, logit(2), rules="epsilon").values
    torch.testing.assert_close(both, apart, rtol=1e-8, atol=1e-10)


def test_the_range_comes_from_the_spec():
    model, shape = nets.net("pool")
    spec = ImageSpec(channels=1, size=(12, 12), mean=(0.5,), std=(0.25,))
    x = nets.rows(shape).clamp(-2, 2)
    found = lrp(model, x, 1, rules="epsilon_gamma_box", spec=spec).values
    torch.testing.assert_close(found, lrp(model, x, 1, rules="epsilon_gamma_box", low=-2.0, high=2.0).values)


def test_what_does_not_fit_is_refused():
    model, shape = nets.net("pool")
    x = nets.rows(shape)
    with pytest.raises(InputError, match="low= and high="):
        lrp(model, x, 1, rules="epsilon_gamma_box")
    with pytest.raises(InputError, match="epsilon_plus"):
        lrp(model, x, 1, rules="epsilon_pluss")
    with pytest.raises(InputError, match="gamma"):
        lrp(model, x, 1, conv="gama")
    with pytest.raises(MethodError, match="log_softmax"):
        lrp(nn.Sequential(model, nn.LogSoftmax(1)), x, 1)


def test_a_large_gap_is_said():
    layer = nn.Linear(2, 1).double()
    layer.bias.data.fill_(100.0)
    assert "biases" in lrp(layer, torch.ones(1, 2, dtype=torch.float64), 0).note
