"""Gradient and class-activation methods against twins from the papers and closed forms, in float64."""

import pytest
import torch
from torch import nn

import oracles_gradient as oracles
import zoo
from pellucid import attribution as a
from pellucid._core import Compute, Question, predict, unit
from pellucid._core._student import interval_of_mean
from pellucid.attribution._noisy import Frames
from pellucid.attribution._noisy._frames import GAIN
from pellucid.attribution._path import _adaptive, _tangent
from pellucid.attribution._path._nested import FREE, ROUNDING, STRETCH, nested
from pellucid.errors import InputError, MethodError
from pellucid.inputs import TextSpec, WordTokenizer

RULES = {
    "guided_backpropagation": lambda g, x: g * (g > 0) * (x > 0),
    "deconvnet": lambda g, x: g * (g > 0),
}


def close(found, wanted, within=1e-10):
    torch.testing.assert_close(found, wanted, rtol=within, atol=within)


@pytest.fixture
def net():
    return zoo.reference()


@pytest.fixture
def x():
    return zoo.inputs()


@pytest.fixture
def layers(net):
    return [net.conv1, net.relu1, net.pool, net.conv2, net.relu2, nn.Flatten(), net.head]


def head(net, k=1):
    return lambda A: net.head(A.flatten(1))[:, k]


@pytest.mark.parametrize("name", RULES)
def test_rectified_slopes_follow_the_rule(net, x, layers, name):
    found = getattr(a, name)(net, x, 1)
    close(found.values, oracles.backward_by_hand(layers, 1, x, RULES[name]))
    assert not torch.allclose(found.values, a.saliency(net, x, 1).values)


class Spelt(nn.Module):
    """One ReLU net, the ReLU written as asked."""

    def __init__(self, way):
        super().__init__()
        self.a, self.b, self.way = nn.Linear(6, 8), nn.Linear(8, 3), way

    def forward(self, x):
        return self.b(self.way(self.a(x)))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    "way",
    [
        torch.relu,
        torch.Tensor.relu,
        lambda h: h.relu_(),
        lambda h: nn.functional.relu(h, inplace=True),
        lambda h: h.clamp(min=0),
        lambda h: h.clamp_min(0),
        lambda h: torch.clamp(h, 0),
        lambda h: nn.functional.relu6(h),
        lambda h: nn.functional.hardtanh(h, 0.0, 50.0),
    ],
)
def test_every_spelling_of_a_relu_is_seen(name, way):
    plain, other = (zoo.seeded(lambda w=w: Spelt(w)).double() for w in (nn.ReLU(), way))
    x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    close(getattr(a, name)(other, x, 2).values, getattr(a, name)(plain, x, 2).values)


@pytest.mark.parametrize("name", RULES)
def test_without_a_relu_there_is_no_answer(name):
    model = zoo.seeded(lambda: Spelt(torch.tanh)).double()
    with pytest.raises(MethodError, match="no ReLU"):
        getattr(a, name)(model, torch.ones(1, 6, dtype=torch.float64), 0)
    recurrent = nn.RNN(4, 3, nonlinearity="relu", batch_first=True).double()
    with pytest.raises(MethodError, match="inside 'rnn_relu'"):
        getattr(a, name)(recurrent, torch.ones(1, 2, 4, dtype=torch.float64), lambda out, _: out.sum((1, 2)))


def test_exact_line_adds_up(net, x, layers):
    for i in range(2):
        start = torch.zeros_like(x[:1])
        exact = oracles.exact_line(layers, 1, start, x[i : i + 1])
        close(exact.sum(), (net(x[i : i + 1]) - net(start))[0, 1].detach())


def test_kinked_networks_get_an_honest_bound_and_less_error_than_gauss(net, x, layers):
    x = torch.cat([x, zoo.inputs(rows=35, seed=7)])
    exact = torch.cat([oracles.exact_line(layers, 1, torch.zeros_like(r), r) for r in x.split(1)])
    size = lambda v: v.flatten(1).norm(dim=1)  # noqa: E731
    for steps in (15, 30, 50):
        found = a.integrated_gradients(net, x, 1, steps=steps)
        off = size(found.values - exact)
        assert (off <= found.bound + 1e-15).double().mean() >= 0.95
        gauss = a.integrated_gradients(net, x, 1, steps=steps, rule="gauss_legendre")
        if steps == 50:
            assert size(gauss.values - exact).mean() > 1.2 * off.mean()
        assert found.provenance.backward <= steps * len(x)
        assert "tangents" in found.note


def test_a_single_kink_is_integrated_exactly():
    model = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
        model[0].bias.fill_(-1.03)
        model[2].weight.fill_(1.0)
    x = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    found = a.integrated_gradients(model, x, 0, steps=20, tolerance=1e-9)
    close(found.values, (1 - 1.03 / 3) * torch.tensor([[1.0, 2.0]], dtype=torch.float64))


def test_of_many_steps_few_slopes_are_held_at_once(net, x, layers, monkeypatch):
    x = x[:2]
    exact = torch.cat([oracles.exact_line(layers, 1, torch.zeros_like(r), r) for r in x.split(1)])
    held = []
    sort = _tangent.Nodes.sorted
    monkeypatch.setattr(_tangent.Nodes, "sorted", lambda nodes: held.append(len(nodes.place)) or sort(nodes))
    whole = a.integrated_gradients(net, x, 1, steps=240, tolerance=1e-15)
    assert max(held) == 240
    held.clear()
    monkeypatch.setattr(_adaptive, "HELD", 48)
    parted = a.integrated_gradients(net, x, 1, steps=240, tolerance=1e-15)
    # a part that needs more is parted again
    assert max(held) == 48
    assert max(held[held.index(48) + 1 :]) == 24
    assert parted.provenance.backward <= 240 * len(x)
    off, of_whole = ((found.values - exact).flatten(1).norm(dim=1) for found in (parted, whole))
    assert (off <= parted.bound + 1e-15).all()
    assert off.mean() <= 2 * of_whole.mean() + 1e-12
    again = a.integrated_gradients(net, x, 1, steps=240, tolerance=1e-15, compute=Compute(7))
    close(again.values, parted.values)
    stopped = a.integrated_gradients(net, x, 1, steps=240, tolerance=1e-3)
    assert stopped.provenance.backward < 240 * len(x)


def test_what_is_said_of_a_row_is_of_that_row_alone(net, x):
    found = a.integrated_gradients(net, x, 1, steps=20)
    assert found.note.startswith(f"Integrated {len(x)} rows by")
    for i in range(len(x)):
        alone = a.integrated_gradients(net, x[i : i + 1], 1, steps=20)
        said = found.row(i).note
        assert said == found.note_of(i) == alone.note_of(0)
        assert f"{alone.provenance.backward} nodes." in said
        assert "rows" not in said
    assert found.row(0).noted("Chosen.").note == f"Chosen. {found.note_of(0)}"


def test_smooth_networks_take_few_nodes():
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 3))).double()
    x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    exact = a.integrated_gradients(model, x, 1, steps=200, rule="gauss_legendre").values
    found = a.integrated_gradients(model, x, 1)
    assert found.provenance.backward <= 15 * 5
    assert "nested Gauss" in found.note
    off = (found.values - exact).norm(dim=1)
    assert (off <= found.bound).all()
    assert (off <= 1e-3 * exact.norm(dim=1)).all()


def test_a_transformer_takes_a_third_of_the_nodes_and_adds_up():
    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.place = nn.Parameter(torch.randn(4, 8))
            layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True)
            self.body, self.head = (
                nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
                nn.Linear(8, 3),
            )

        def forward(self, x):
            return self.head(self.body(2 * x + self.place).mean(1))

    model = zoo.seeded(Transformer).double().eval()
    x = torch.randn(40, 4, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    exact = a.integrated_gradients(model, x, 1, steps=200, rule="gauss_legendre").values
    found = a.integrated_gradients(model, x, 1)
    size = exact.flatten(1).norm(dim=1)
    off = (found.values - exact).flatten(1).norm(dim=1)
    assert (off <= found.bound).double().mean() >= 0.95
    assert (off / size).max() < 1e-3
    assert found.provenance.backward / len(x) <= 50 / 3
    assert (found.gap.abs() <= 1e-9 * size).all()  # what is left over has gone to the elements
    plain = a.integrated_gradients(model, x, 1, steps=10, rule="gauss_legendre")
    assert (plain.gap.abs() > 1e-6 * size).any()


@pytest.mark.parametrize("level", [10, 17, 20, 41])
def test_rules_between_have_the_smallest_expected_error(level):
    import numpy as np

    rule, stretch = nested(level), STRETCH[level]
    np.testing.assert_allclose(nested(55).places[:level], rule.places)
    at, over = np.polynomial.legendre.leggauss(400)
    at, over = (at + 1) / 2, over / 2
    # squared error of a rule over slopes with this covariance, after constants and straight lines are exact
    alike = lambda s, t: 1 / (1 + ((s[:, None] - t) / stretch) ** 2)  # noqa: E731
    line = np.stack([np.ones(level), rule.places])
    both = alike(rule.places, at) @ over
    system = np.block([[alike(rule.places, rule.places), line.T], [line, np.zeros((2, 2))]])
    wanted = np.linalg.lstsq(system, np.concatenate([both, [1, 0.5]]), rcond=1e-12)[0][:level]
    error = lambda w: w @ alike(rule.places, rule.places) @ w - 2 * w @ both + over @ alike(at, at) @ over  # noqa: E731
    assert error(rule.weights) <= 1.001 * error(wanted) + 1e-9
    np.testing.assert_allclose(line @ rule.weights, [1, 0.5], atol=1e-6)


@pytest.mark.parametrize("level", [6, 13, 27, 55])
def test_patterson_rules_are_exact_for_polynomials(level):
    rule = nested(level)
    for power in range(3 * level // 2):
        assert abs(rule.weights @ rule.places**power - 1 / (power + 1)) < 1e-12


def test_surprise_is_what_the_other_nodes_do_not_foretell():
    import numpy as np

    rule, stretch = nested(10), STRETCH[10]
    slopes = np.sin(7 * rule.places)
    cover = lambda s, t: (  # noqa: E731
        1 / (1 + ((s[:, None] - t) / stretch) ** 2) + FREE**2 * (1 + np.outer(2 * s - 1, 2 * t - 1))
    )
    for k in range(10):
        others = np.delete(np.arange(10), k)
        known = cover(rule.places[others], rule.places[others]) + ROUNDING * np.eye(9)
        told = cover(rule.places[[k]], rule.places[others]) @ np.linalg.solve(known, slopes[others])
        wanted = rule.weights[k] * (slopes[k] - told[0])
        assert abs(rule.surprise[k] @ slopes - wanted) < 1e-5


def test_tight_tolerances_are_reached_where_slopes_are_polynomials_almost():
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 3))).double()
    x = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    exact = a.integrated_gradients(model, x, 1, steps=200, rule="gauss_legendre").values
    found = a.integrated_gradients(model, x, 1, tolerance=1e-9)
    off, size = (found.values - exact).norm(dim=1), exact.norm(dim=1)
    assert (off <= found.bound + 1e-14 * size).all()
    assert (found.bound <= 1e-9 * size).all()
    assert found.provenance.backward <= 27 * 5


def test_integrated_gradients_refuses_what_it_cannot_judge(net, x):
    with pytest.raises(InputError, match="at least 6"):
        a.integrated_gradients(net, x, 1, steps=5)
    with pytest.raises(InputError, match="tolerance"):
        a.integrated_gradients(net, x, 1, tolerance=0)


def test_idgi(net, x):
    score = lambda row: net(row)[:, 1]  # noqa: E731
    wanted = torch.cat([oracles.idgi(score, r, torch.full_like(r, 0.2), 9) for r in x.split(1)])
    found = a.idgi(net, x, 1, baseline=0.2, steps=9, compute=Compute(7))
    close(found.values, wanted)
    close(found.gap, torch.zeros_like(found.gap))


@pytest.mark.parametrize(("fraction", "distance"), [(0.1, 0.02), (0.3, 0.5), (1.0, 0.0), (0.25, 1.0)])
def test_guided_integrated_gradients(net, x, fraction, distance):
    score = lambda row: net(row)[:, 1]  # noqa: E731
    wanted = [
        oracles.guided_integrated_gradients(score, r, torch.zeros_like(r), 8, fraction, distance)
        for r in x[:2].split(1)
    ]
    found = a.guided_integrated_gradients(net, x[:2], 1, steps=8, fraction=fraction, distance=distance)
    close(found.values, torch.cat(wanted))


def test_expected_gradients_of_a_linear_network_is_exact():
    model = nn.Linear(4, 2).double()
    x, b = torch.randn(3, 4).double(), torch.randn(20, 4).double()
    found = a.expected_gradients(model, x, 1, background=b)
    close(found.values, (x - b.mean(0)) * model.weight[1].detach())


def test_expected_gradients_take_each_row_once_a_round(net, x):
    b = zoo.inputs(rows=20, seed=8)
    seen = []

    def see(_, args):
        if args[0].requires_grad:
            seen.append(args[0].detach())

    handle = net.register_forward_pre_hook(see)
    found = a.expected_gradients(net, x[:1], 1, background=b, rounds=1)
    handle.remove()
    moved = torch.cat(seen)[:20].flatten(1) - x[0].flatten()
    way = b.flatten(1) - x[0].flatten()
    near = torch.nn.functional.normalize(moved, dim=1) @ torch.nn.functional.normalize(way, dim=1).T
    assert sorted(near.argmax(1).tolist()) == list(range(20))
    share = 1 - moved.norm(dim=1) / way[near.argmax(1)].norm(dim=1)
    assert (share.sort().values * 20).floor().tolist() == list(range(20))
    close(found.reference, predict(net, b)[:, 1].mean()[None])


@pytest.mark.parametrize(("rows", "rounds", "seeds"), [(50, 4, 120), (20, 8, 40)])
def test_standard_errors_of_expected_gradients_cover_the_truth(rows, rounds, seeds):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 3))).double()
    draw = torch.Generator().manual_seed(3)
    x, b = (3 * torch.randn(n, 6, dtype=torch.float64, generator=draw) for n in (4, rows))
    exact = [
        a.integrated_gradients(model, x, 1, baseline=row, steps=40, rule="gauss_legendre").values for row in b
    ]
    truth, inside = torch.stack(exact).mean(0), []
    for seed in range(seeds):
        found = a.expected_gradients(
            model, x, 1, background=b, rounds=rounds, compute=Compute(512, seed=seed)
        )
        inside.append(((found.values - truth).abs() <= 1.96 * found.stderr).double())
    assert 0.93 <= torch.stack(inside).mean() <= 0.97


def test_conductance_and_influence(net, x):
    lower = lambda v: net.conv2(net.pool(net.relu1(net.conv1(v))))  # noqa: E731
    upper = lambda A: head(net)(net.relu2(A))  # noqa: E731
    start = torch.full_like(x, 0.1)
    found = a.layer_conductance(net, x, 1, at="conv2", baseline=0.1, steps=11, compute=Compute(3))
    close(found.values, oracles.conductance(lower, upper, x, start, 11))
    whole = a.layer_conductance(net, x, 1, at="conv2", baseline=0.1, steps=300)
    assert (whole.gap.abs() < 1e-3).all()
    influence = a.internal_influence(net, x, 1, at="conv2", baseline=0.1, steps=7)
    nodes, weights = gauss(7)
    wanted = sum(
        w * oracles.slope(upper, lower(start + t * (x - start))) for t, w in zip(nodes, weights, strict=True)
    )
    close(influence.values, wanted)


def gauss(steps):
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return ((nodes + 1) / 2).tolist(), (weights / 2).tolist()


def test_conductance_at_the_input_is_integrated_gradients(net, x):
    # the trapezoid rule is the mean of the slopes at both ends of each stretch
    found = a.layer_conductance(net, x, 1, steps=10)
    slopes = [a.saliency(net, k / 10 * x, 1).values for k in range(11)]
    close(found.values, x * (sum(slopes) - (slopes[0] + slopes[-1]) / 2) / 10)
    assert (found.provenance.forward, found.provenance.backward) == (12 * len(x), 11 * len(x))


def test_conductance_sees_ways_around_the_layer():
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Linear(3, 3, bias=False)

        def forward(self, x):
            return self.f(x) * x

    model, x = zoo.seeded(Around).double(), torch.ones(1, 3, dtype=torch.float64)
    found = a.layer_conductance(model, x, 0, at="f", steps=50)
    # d score / d f = x and df = W x dt: half of the score goes through the layer
    close(found.values[0, 0], model(x)[0, 0].detach() / 2)
    close(found.gap, model(x)[:, 0].detach() / 2)


def test_full_grad_adds_up(net, x):
    for model in (net, zoo.seeded(zoo.Regularised).double().eval()):
        found = a.full_grad(model, x, 1)
        assert (found.gap.abs() < 1e-12).all()
    # the bias of a convolution lies where it acts
    one = nn.Sequential(nn.Conv2d(1, 1, 2, stride=2), nn.Flatten(), nn.Linear(4, 1, bias=False)).double()
    with torch.no_grad():
        one[0].bias.fill_(1.0)
        one[2].weight.copy_(torch.tensor([[4.0, 8.0, 12.0, 16.0]]))
    blank = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    wanted = torch.tensor([[1.0, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]).double()
    close(a.full_grad(one, blank, 0).values[0, 0], wanted)


def test_full_grad_of_a_layer_is_that_of_what_follows(net, x):
    class Rest(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, seen):
            return self.net.head(self.net.relu2(self.net.conv2(self.net.pool(seen))).flatten(1))

    class Around(nn.Module):
        """A bias before the layer that goes around it is none of the layer's."""

        def __init__(self):
            super().__init__()
            self.first, self.layer, self.last = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1), nn.Linear(72, 3)

        def forward(self, x):
            h = self.first(x)
            return self.last((self.layer(h).relu() + h).flatten(1))

    seen = net.relu1(net.conv1(x)).detach()
    found = a.full_grad(net, x, 1, at="relu1")
    close(found.values, a.full_grad(Rest(), seen, 1).values)
    assert (found.gap.abs() < 1e-12).all()
    with pytest.raises(MethodError, match=r"nothing there has a place.*integrated_gradients"):
        a.full_grad(net, x, 1, at="head")
    model = zoo.seeded(Around).double()
    given = torch.rand(2, 2, 6, 6, dtype=torch.float64)
    around = model.last.weight[1] @ model.first(given).flatten(1).T
    close(a.full_grad(model, given, 1, at="layer").gap, around.detach())


@pytest.mark.parametrize("relu", [False, True])
def test_cams(net, x, relu):
    A = net.conv2(net.pool(net.relu1(net.conv1(x)))).detach()
    G = oracles.slope(lambda v: head(net)(net.relu2(v)), A)
    wanted = {
        "hires_cam": (G * A).sum(1, keepdim=True),
        "layer_cam": (G.clamp(min=0) * A).sum(1, keepdim=True),
        "grad_cam_plus_plus": oracles.grad_cam_plus_plus(A, G),
        "score_cam": oracles.score_cam(lambda row: net(row)[:, 1].detach(), A, x),
    }
    for name, map_ in wanted.items():
        found = getattr(a, name)(net, x, 1, at="conv2", relu=relu)
        close(found.values, oracles.enlarged(map_.relu() if relu else map_, x))
        assert getattr(a, name)(net, x, 1).provenance.params["at"] == "relu2"


def test_hires_cam_of_a_straight_head_adds_up_to_the_score():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 3, bias=False)).double()
    x = zoo.inputs()
    found = a.hires_cam(model, x, 0, at="1")
    A = model[:2](x)
    small = (oracles.slope(lambda v: model[2:](v)[:, 0], A) * A).sum((1, 2, 3))
    close(small, found.scores)


@pytest.mark.parametrize("of", ["saliency", "input_x_gradient"])
def test_moments_under_noise(net, x, of):
    q = Question(net, x, 0, compute=Compute(seed=2))
    sigma = 0.2 * (x.flatten(1).amax(1) - x.flatten(1).amin(1)).view(-1, 1, 1, 1)
    method = getattr(a, of)

    def both_signs(draws):
        asked = [[method(net, x + s * sigma * d, 1).values for s in (1, -1)] for d in draws]
        return torch.stack([torch.stack(pair) for pair in asked])

    options = {"samples": 12, "noise": 0.2, "of": of, "compute": Compute(5, seed=2)}
    widened = 2.570581836 / 1.959964  # Student with 5 degrees of freedom
    mean = both_signs(Frames(q, 6).draw(torch.arange(6))).mean(1)
    smooth = a.smoothgrad(net, x, 1, **options)
    close(smooth.values, mean.mean(0))
    less = 1 - GAIN * 5 / (x[0].numel() - 1)  # six directions at right angles
    close(smooth.stderr, mean.std(0) / 6**0.5 * widened * less**0.5)
    pairs = both_signs(q.noise(torch.arange(6)))
    mean, half = pairs.mean(1), (pairs[:, 0] - pairs[:, 1]) / 2
    squared = a.smoothgrad_squared(net, x, 1, **options)
    close(squared.values, pairs.square().mean((0, 1)))
    close(squared.stderr, farther_end(pairs.square().mean(1)))
    var = a.vargrad(net, x, 1, **options)
    close(var.values, mean.var(0) + half.square().mean(0))
    close(var.stderr, farther_end((mean - mean.mean(0)).square() + half.square()))


def farther_end(each):
    low, high = interval_of_mean(each, 0.95)
    return torch.maximum(high - each.mean(0), each.mean(0) - low) / 1.959964


def test_standard_errors_of_squares_cover_the_truth():
    """The square of a slope that jumps: few copies see little of it."""
    model = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 1)).double()
    draw_of_net = torch.Generator().manual_seed(4)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, dtype=torch.float64, generator=draw_of_net)
    x = torch.randn(4, 3, dtype=torch.float64, generator=draw_of_net)
    for method, samples, least in ((a.smoothgrad_squared, 20, 0.93), (a.vargrad, 50, 0.93)):
        truth = method(model, x, 0, samples=8000, compute=Compute(4000, seed=99)).values
        runs = [method(model, x, 0, samples=samples, compute=Compute(512, seed=seed)) for seed in range(40)]
        inside = torch.stack([((r.values - truth).abs() <= 1.96 * r.stderr).double() for r in runs])
        assert least <= inside.mean() <= 0.98, inside.mean()


@pytest.mark.parametrize("name", ["smoothgrad", "smoothgrad_squared", "vargrad"])
def test_noise_around_a_method_of_a_hidden_layer(net, x, name):
    method = getattr(a, name)
    wanted = method(net, x, 1, at="conv2", samples=6)
    # slopes by way of the method, not of the engine
    for size in (1, 4, 64):
        found = method(net, x, 1, of=a.saliency, at="conv2", samples=6, compute=Compute(size))
        close(found.values, wanted.values)
    assert found.provenance.backward == 6 * len(x)
    assert method(net, x, 1, of="lrp", at="conv2", samples=4).values.shape == wanted.values.shape


def test_noise_around_a_method_of_tokens_and_with_a_hidden_unit_as_target():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.gate, self.head = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, ids):
            kept = (ids > 0)[..., None].double()
            return self.head((self.gate(self.table(ids)).tanh() * kept).sum(1))

    model, ids = zoo.seeded(Reads).double(), torch.tensor([[1, 2, 3, 0], [4, 5, 0, 0], [8, 7, 6, 5]])
    for target in ([0, 2, 1], unit("gate", (1, 2))):
        wanted = a.smoothgrad(model, ids, target, samples=6)
        close(a.smoothgrad(model, ids, target, of=a.saliency, samples=6).values, wanted.values)
    found = a.smoothgrad(model, ids, 1, of="integrated_gradients", samples=4)
    assert float(found.values[1, 2:].abs().max()) == 0


def test_noise_around_a_method_is_counted(net, x):
    found = a.smoothgrad(net, x, 1, of="idgi", samples=4)
    assert found.provenance.backward == 4 * 50 * len(x)
    assert found.provenance.params["of"] == "idgi"
    with pytest.raises(InputError, match="saliency"):
        a.smoothgrad(net, x, 1, of="salience", samples=4)


class Masked(nn.Module):
    """Reads token numbers and cannot do without their mask."""

    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(20, 4), nn.Linear(4, 2)

    def forward(self, input_ids, attention_mask):
        return self.head((self.words(input_ids) * attention_mask[..., None]).mean(1))


@pytest.mark.parametrize("method", [a.grad_cam, a.grad_cam_plus_plus, a.hires_cam, a.layer_cam, a.score_cam])
def test_cams_ask_for_pictures_where_token_numbers_need_a_mask(method):
    words = WordTokenizer.learn(["a b c d e f g h"], least=1)
    spec = TextSpec(words, ids_name="input_ids", mask_name="attention_mask")
    with pytest.raises(MethodError, match=r"needs pictures .* got \[2, 5\].*would work here: integrated_gra"):
        method(Masked(), torch.randint(2, 9, (2, 5)), 0, spec=spec)
