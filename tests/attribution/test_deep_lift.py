"""DeepLIFT adds up on every network, equals what the papers write, and refuses what it cannot follow."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import propagated as nets
from pellucid._core import Batch, Compute, log_odds, probability, unit
from pellucid.attribution import deep_lift, deep_lift_shap
from pellucid.attribution._operations._gap import adds_up
from pellucid.errors import InputError, MethodError

EXACT = {torch.float64: 1e-9, torch.float32: 1e-5}


def relative(why):
    """What is missing as a share of the largest difference."""
    return float(why.gap.abs().max() / (why.scores - why.reference).abs().max())


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", nets.MAKE)
def test_adds_up(name, dtype, rule):
    model, shape = nets.net(name, dtype)
    x, start = nets.rows(shape, dtype=dtype), nets.rows(shape, seed=1, dtype=dtype)
    why = deep_lift(model, x, 1, baseline=start, rule=rule)
    assert relative(why) <= EXACT[dtype]
    assert why.values.abs().sum() > 0


@pytest.mark.parametrize("name", nets.MAKE)
def test_a_row_is_explained_as_if_alone(name):
    model, shape = nets.net(name)
    x, start = nets.rows(shape), nets.rows(shape, seed=1)
    whole = deep_lift(model, x, 1, baseline=start).values
    alone = [deep_lift(model, x[i : i + 1], 1, baseline=start[i : i + 1]).values for i in range(len(x))]
    torch.testing.assert_close(whole, torch.cat(alone), rtol=1e-9, atol=1e-11)
    order = torch.tensor([3, 0, 4, 1, 2])
    turned = deep_lift(model, x[order], 1, baseline=start[order]).values
    torch.testing.assert_close(turned, whole[order], rtol=1e-9, atol=1e-11)


def by_matrices(weights, biases, act, slope, x, start):
    """Shrikumar et al. 2017, chain rule for multipliers, one dense layer after the other, one row."""
    here, there, seen = x, start, []
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        before, before0 = W @ here + b, W @ there + b
        last = i == len(weights) - 1
        here, there = (before, before0) if last else (act(before), act(before0))
        seen.append((before, before0, here, there))
    multiplier = weights[-1][1]
    for W, (u, u0, y, y0) in reversed(list(zip(weights[:-1], seen[:-1], strict=True))):
        through = torch.where(u == u0, slope(u), (y - y0) / (u - u0))
        multiplier = W.T @ (multiplier * through)
    return (x - start) * multiplier


@pytest.mark.parametrize(
    ("act", "module", "slope"),
    [
        (torch.relu, nn.ReLU, lambda u: (u > 0).double()),
        (torch.tanh, nn.Tanh, lambda u: 1 - u.tanh() ** 2),
        (F.gelu, nn.GELU, lambda u: torch.func.vmap(torch.func.grad(F.gelu))(u)),
    ],
)
def test_equals_the_chain_rule_by_matrices(act, module, slope):
    model = nn.Sequential(nn.Linear(5, 7), module(), nn.Linear(7, 6), module(), nn.Linear(6, 3)).double()
    linear = [m for m in model if isinstance(m, nn.Linear)]
    x, start = nets.rows((5,)), nets.rows((5,), seed=1)
    found = deep_lift(model, x, 1, baseline=start).values
    for i in range(len(x)):
        W, b = [m.weight.detach() for m in linear], [m.bias.detach() for m in linear]
        wanted = by_matrices(W, b, act, slope, x[i], start[i])
        torch.testing.assert_close(found[i], wanted, rtol=1e-9, atol=1e-12)


def test_reveal_cancel_on_the_papers_minimum():
    """Section 3.5: min(i1, i2) = i1 - relu(i1 - i2) from zero: rescale gives all to one."""
    first = nn.Linear(2, 2, bias=False).double()
    first.weight.data.copy_(torch.tensor([[1.0, -1.0], [1.0, 0.0]]))
    last = nn.Linear(2, 1, bias=False).double()
    last.weight.data.copy_(torch.tensor([[-1.0, 1.0]]))
    model = nn.Sequential(first, nn.ReLU(), last)
    x = torch.tensor([[5.0, 3.0], [2.0, 7.0]], dtype=torch.float64)
    rescale = deep_lift(model, x, 0).values
    reveal = deep_lift(model, x, 0, rule="reveal_cancel").values
    torch.testing.assert_close(rescale, torch.tensor([[0.0, 3.0], [2.0, 0.0]]).double())
    torch.testing.assert_close(reveal, torch.tensor([[1.5, 1.5], [1.0, 1.0]]).double())


def revealed(W1, b1, W2, x, start):
    """RevealCancel for one hidden ReLU layer, contribution by contribution."""
    found = torch.zeros_like(x)
    for j in range(len(b1)):
        parts = W1[j] * (x - start)
        up, down = parts[parts > 0].sum(), parts[parts < 0].sum()
        u0 = W1[j] @ start + b1[j]
        f = torch.relu
        y_up = (f(u0 + up) - f(u0) + f(u0 + up + down) - f(u0 + down)) / 2
        y_down = (f(u0 + down) - f(u0) + f(u0 + up + down) - f(u0 + up)) / 2
        for i, part in enumerate(parts):
            share = y_up / up if part > 0 else y_down / down if part < 0 else 0
            found[i] += W2[j] * part * share
    return found


@pytest.mark.parametrize("norm", [False, True])
def test_reveal_cancel_equals_its_definition(norm):
    layers = [nn.Linear(5, 7), *([nn.BatchNorm1d(7)] if norm else []), nn.ReLU(inplace=True), nn.Linear(7, 3)]
    model = nn.Sequential(*layers).double().eval()
    W1, b1 = layers[0].weight.detach(), layers[0].bias.detach()
    if norm:
        layers[1].weight.data.copy_(torch.linspace(-2, 2, 7))
        layers[1].running_mean.copy_(torch.linspace(-1, 1, 7))
        scale = layers[1].weight.detach() / (1 + layers[1].eps) ** 0.5
        W1, b1 = W1 * scale[:, None], (b1 - layers[1].running_mean) * scale
    x, start = nets.rows((5,)), nets.rows((5,), seed=1)
    found = deep_lift(model, x, 1, baseline=start, rule="reveal_cancel")
    for i in range(len(x)):
        wanted = revealed(W1, b1, layers[-1].weight.detach()[1], x[i], start[i])
        torch.testing.assert_close(found.values[i], wanted, rtol=1e-9, atol=1e-12)
    assert found.note == ""


def test_reveal_cancel_says_what_it_rescaled():
    model, shape = nets.net("residual")
    assert "rescaled" in deep_lift(model, nets.rows(shape), 1, rule="reveal_cancel").note


@pytest.mark.parametrize("target", [probability(1), unit("0", 2)], ids=["probability", "unit"])
def test_other_targets_add_up(target):
    model, shape = nets.net("gelu and norm")
    why = deep_lift(model, nets.rows(shape), target, baseline=nets.rows(shape, seed=1))
    assert relative(why) <= 1e-9


def test_hidden_sites_add_up():
    model, shape = nets.net("pool")
    why = deep_lift(model, nets.rows(shape), 1, at="2")
    assert why.values.shape[1] == 4
    assert relative(why) <= 1e-9


def test_an_operation_without_a_rule_is_named():
    model = nets.Written(lambda m, x: m[0](x.sort(1).values), nn.Linear(6, 3)).double()
    for method in (deep_lift, deep_lift_shap):
        with pytest.raises(MethodError, match="sort"):
            method(model, nets.rows((6,)), 1)


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad


def test_a_networks_own_autograd_function_is_named():
    model = nets.Written(lambda m, x: m[0](Squared.apply(x)), nn.Linear(6, 3)).double()
    with pytest.raises(MethodError, match="Squared"):
        deep_lift(model, nets.rows((6,)), 1)


def test_another_way_for_the_reference_is_noticed():
    model = nets.Written(
        lambda m, x: m[0](x).relu() if x.sum() > 0 else m[0](x).tanh(), nn.Linear(6, 3)
    ).double()
    with pytest.raises(MethodError, match="another way"):
        deep_lift(model, torch.ones(1, 6, dtype=torch.float64), 1, baseline=-1.0)


def test_unknown_rule_is_refused_with_near_misses():
    with pytest.raises(InputError, match="reveal_cancel"):
        deep_lift(nn.Linear(2, 1), torch.ones(1, 2), 0, rule="reveal")


@pytest.mark.parametrize("name", nets.MAKE)
@pytest.mark.parametrize("count", [4, 5])
def test_shap_is_the_mean_over_pairs(name, count):
    model, shape = nets.net(name)
    x, background = nets.rows(shape), nets.rows(shape, count=count, seed=1)
    why = deep_lift_shap(model, x, 1, background=background)
    each = torch.stack([deep_lift(model, x, 1, baseline=b).values for b in background])
    torch.testing.assert_close(why.values, each.mean(0), rtol=1e-8, atol=1e-10)
    wider = {4: 3.18245, 5: 2.77645}[count] / 1.95996  # Student's quantile for few rows
    torch.testing.assert_close(why.stderr, wider * each.std(0) / count**0.5, rtol=1e-4, atol=1e-10)
    assert relative(why) <= 1e-9


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_shap_is_the_same_for_any_batch_size(size):
    model, shape = nets.net("pool")
    x, background = nets.rows(shape), nets.rows(shape, count=6, seed=1)
    wanted = deep_lift_shap(model, x, [0, 1, 2, 1, 0], background=background)
    how = Compute(batch_size=size)
    found = deep_lift_shap(model, x, [0, 1, 2, 1, 0], background=background, compute=how)
    torch.testing.assert_close(found.values, wanted.values, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.stderr, wanted.stderr, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.reference, wanted.reference)


@pytest.mark.parametrize("size", [4, 12, 500])
def test_shap_of_several_outputs_in_one_call_equals_one_call_each(size):
    model, shape = nets.net("pool")
    x, background = nets.rows(shape, count=4), nets.rows(shape, count=5, seed=1)
    how = Compute(batch_size=size)
    for many, classes in (
        (x.repeat_interleave(3, 0), [0, 1, 2] * 4),
        (x.repeat(3, *[1] * len(shape)), [0] * 4 + [1] * 4 + [2] * 4),
        (x[[0, 0, 0, 0, 1, 2, 3]], [0, 1, 1, 2, 0, 1, 2]),
    ):
        found = deep_lift_shap(model, many, classes, background=background, compute=how)
        each = [deep_lift_shap(model, x, k, background=background) for k in range(3)]
        for i, (row, k) in enumerate(zip(many, classes, strict=True)):
            at = int((x == row).flatten(1).all(1).nonzero()[0])
            torch.testing.assert_close(found.values[i], each[k].values[at], rtol=0, atol=1e-12)
            torch.testing.assert_close(found.stderr[i], each[k].stderr[at], rtol=0, atol=1e-12)


def test_shap_of_a_bent_target_that_differs_row_by_row():
    model, shape = nets.net("residual")
    x, background = nets.rows(shape), nets.rows(shape, count=3, seed=1)
    target = log_odds([0, 1, 2, 1, 0])
    why = deep_lift_shap(model, x, target, background=background)
    each = [deep_lift(model, x, target, baseline=b).values for b in background]
    torch.testing.assert_close(why.values, torch.stack(each).mean(0), rtol=0, atol=1e-12)
    assert why.gap.abs().max() < 1e-12


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d((2, 3), (2, 3)),
        nn.AdaptiveMaxPool2d(3),
    ],
    ids=str,
)
@pytest.mark.parametrize("side", [6, 7])
def test_every_kind_of_window_adds_up_and_equals_its_pairs(pool, side):
    torch.manual_seed(3)
    body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), pool, nn.Flatten())
    net = nn.Sequential(body, nn.Linear(body(torch.zeros(1, 1, side, side)).shape[1], 2)).double()
    x, background = torch.randn(3, 1, side, side).double(), torch.randn(4, 1, side, side).double()
    why = deep_lift_shap(net, x, 0, background=background)
    each = [deep_lift(net, x, 0, baseline=b) for b in background]
    assert max(float(one.gap.abs().max()) for one in each) < 1e-13
    torch.testing.assert_close(
        why.values, torch.stack([one.values for one in each]).mean(0), rtol=0, atol=1e-13
    )


def test_shap_passes_rows_and_background_once():
    model, shape = nets.net("pool")
    crossed = deep_lift_shap(model, nets.rows(shape), 1, background=nets.rows(shape, count=7, seed=1))
    mixed, shape = nets.net("attention, time first")
    paired = deep_lift_shap(mixed, nets.rows(shape), 1, background=nets.rows(shape, count=7, seed=1))
    assert relative(crossed) <= 1e-9
    assert relative(paired) <= 1e-9


def test_shap_of_a_linear_network_has_a_closed_form():
    model = nn.Linear(6, 1).double()
    x, background = nets.rows((6,)), nets.rows((6,), count=9, seed=1)
    why = deep_lift_shap(model, x, 0, background=background)
    wanted = model.weight.detach() * (x - background.mean(0))
    torch.testing.assert_close(why.values, wanted)
    wider = 2.30600 / 1.95996  # Student's quantile with 8 degrees of freedom
    error = wider * model.weight.detach().abs() * background.std(0) / 3
    torch.testing.assert_close(why.stderr, error.expand_as(x), rtol=1e-4, atol=0)


def test_shap_of_several_inputs():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(4, 2)

        def forward(self, a, b, mask):
            return self.a(a).tanh() * self.b(b * mask).sigmoid()

    model = Both().double()
    a, b, mask = nets.rows((3,)), nets.rows((4,)), (nets.rows((4,), seed=3) > 0).double()
    background = {"a": nets.rows((3,), count=4, seed=1), "b": nets.rows((4,), count=4, seed=2)}
    batch = Batch({"a": a, "b": b}, held={"mask": mask})
    why = deep_lift_shap(model, batch, 1, background=background)
    assert relative(why) <= 1e-9
    assert torch.all(why.values["b"][mask == 0] == 0)


def test_shap_refuses_a_background_of_another_shape():
    with pytest.raises(InputError, match="background rows"):
        deep_lift_shap(nn.Linear(2, 1), torch.ones(1, 2), 0, background=torch.ones(3, 4))


class TimeFirst(nn.Module):
    """Turns the row axis to the second place, and takes another way through a single row."""

    def __init__(self, squeezes: bool):
        super().__init__()
        self.inner, self.head, self.squeezes = nn.Linear(3, 4), nn.Linear(4, 2), squeezes

    def forward(self, x):
        if self.squeezes:
            found = self.inner(x.mean(1)).relu().squeeze()
            return self.head(found).reshape(-1, 2)
        return self.head(self.inner(x.transpose(0, 1)).relu().mean(0))


@pytest.mark.parametrize("squeezes", [False, True])
def test_equal_references_pass_once_only_where_rows_come_first(squeezes):
    torch.manual_seed(0)
    model = TimeFirst(squeezes).double()
    x = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1)).double()
    whole = deep_lift(model, x, [0, 1, 0, 1])
    rows = torch.cat([deep_lift(model, x[i : i + 1], i % 2).values for i in range(4)])
    torch.testing.assert_close(whole.values, rows, rtol=1e-12, atol=1e-12)
    assert float(whole.gap.abs().max()) < 1e-12


def test_equal_references_pass_once():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 4)
    ).double()
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    apart = torch.zeros_like(x)
    apart[0, 0, 7, 7] = 1e-13
    once, twice = deep_lift(model, x, [0, 1, 2]), deep_lift(model, x, [0, 1, 2], baseline=apart)
    assert (once.provenance.forward, twice.provenance.forward) == (4, 6)
    torch.testing.assert_close(once.values, twice.values, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(once.reference, twice.reference, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "widest",
    [
        lambda h: h.amax((2, 3)),
        lambda h: torch.amax(h, [-1, 2], keepdim=True).flatten(1),
        lambda h: -(-h).amin(dim=(2, 3)),
        lambda h: torch.nn.functional.adaptive_max_pool2d(h, 1).flatten(1),
    ],
)
def test_a_maximum_over_several_axes_is_one_over_an_axis_that_holds_them(widest):
    draw = torch.Generator().manual_seed(0)
    conv, last = torch.nn.Conv2d(2, 4, 3).double(), torch.nn.Linear(4, 3).double()

    class Net(torch.nn.Module):
        def __init__(self, how):
            super().__init__()
            self.conv, self.last, self.how = conv, last, how

        def forward(self, x):
            return self.last(self.how(self.conv(x).relu()))

    x, b = (torch.rand(n, 2, 6, 6, generator=draw, dtype=torch.float64) for n in (3, 1))
    one = deep_lift(Net(lambda h: h.flatten(2).max(2).values), x, 1, baseline=b)
    several = deep_lift(Net(widest), x, 1, baseline=b)
    torch.testing.assert_close(several.values, one.values, rtol=0, atol=1e-12)
    assert several.gap.abs().max() < 1e-12


@pytest.mark.parametrize(
    ("missed", "words"), [(0.004, "by less than 1\u00a0% of it"), (0.3, "by up to 30\u00a0% of")]
)
def test_what_values_miss_is_never_said_to_be_nothing(missed, words):
    assert words in adds_up(torch.tensor([1.0]), torch.tensor([[1 - missed]]), "why.", 1e-3)
    assert adds_up(torch.tensor([1.0]), torch.tensor([[1.0]]), "why.", 1e-3) == ""
