"""What networks of others do that could be answered wrongly, or told in words that lead nowhere."""

import pytest
import torch
from torch import nn

from models.case import drawn, made
from pellucid import attribution
from pellucid._core import Compute
from pellucid.attribution import expected_gradients
from pellucid.errors import MethodError, TargetError

ONE_AT_A_TIME = r"compute=Compute\(batch_size=1\)"


class Own(nn.Module):
    """Two dense layers, and something of their own between them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def between(self, x):
        return x

    def forward(self, x):
        return self.b(self.between(self.a(x)).relu())


class Flat(Own):
    def between(self, x):
        return x.view(1, -1)


class Single(Own):
    def between(self, x):
        if len(x) > 1:
            raise ValueError("one at a time")
        return x


class Unseen(Own):
    def between(self, x):
        with torch.no_grad():
            y = x.mean(1, keepdim=True)
        return x - y


class Inner(Own):
    def between(self, x):
        return torch.func.vmap(torch.func.grad(lambda row: row.tanh().sum()))(x)


class Standard(Own):
    """Divides by a spread that nothing has."""

    def forward(self, x):
        return super().forward(x / x.std(1, keepdim=True))


class Yes(Own):
    def forward(self, x):
        return super().forward(x) > 0


class Votes(Own):
    def forward(self, x):
        return (super().forward(x) > 0).long()


class Waves(Own):
    def forward(self, x):
        return torch.fft.fft(super().forward(x))


class Logarithm(Own):
    def forward(self, x):
        return (super().forward(x) - 1e3).log()


def asked(name, net, x, **how):
    small = {"samples": 4} if name in ("smoothgrad", "vargrad") else {}
    return getattr(attribution, name)(net, x, 1, **small, **how)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_expected_gradients_of_a_network_whose_scores_are_large_and_rounded(kind):
    # all ways miss their rise by the same rounding, which says nothing about where values are wrong
    for seed in range(6):
        x = drawn(6, seed=seed, rows=18).to(kind)
        net = made(lambda: nn.Linear(6, 3)).to(kind)
        with torch.no_grad():
            net.bias.add_(1e4 if kind is torch.float32 else 1e12)
        torch.testing.assert_close(expected_gradients(net, x, 1).values, net.weight[1].detach() * x)


@pytest.mark.parametrize("name", ["occlusion", "feature_ablation", "kernel_shap", "lime", "exact_shapley"])
@pytest.mark.parametrize("net", [Yes, Votes])
def test_answers_that_are_no_numbers_with_a_point_have_differences(name, net):
    x, model = drawn(6, rows=6), made(net)
    found = asked(name, model, x)

    def same(output, rows):
        return output[:, 1].double()

    wanted = getattr(attribution, name)(model, x, same)
    torch.testing.assert_close(found.values, wanted.values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "occlusion", "kernel_shap"])
def test_complex_answers_are_refused(name):
    with pytest.raises(TargetError, match=r"complex number; say which real one"):
        asked(name, made(Waves), drawn(6))


@pytest.mark.parametrize(
    "name", ["saliency", "integrated_gradients", "occlusion", "kernel_shap", "deep_lift"]
)
@pytest.mark.parametrize("net", [Flat, Single])
def test_networks_that_take_one_row_at_a_time(name, net):
    model, x = made(net), drawn(6, rows=4)
    with pytest.raises((MethodError, TargetError), match=ONE_AT_A_TIME) as caught:
        asked(name, model, x)
    assert "What would work" not in str(caught.value)
    plain = made(Own)
    one = Compute(batch_size=1)
    found, wanted = (asked(name, each, x, compute=one).values for each in (model, plain))
    torch.testing.assert_close(found, wanted)


def test_a_network_that_takes_no_row_at_all_gets_no_such_advice():
    class Broken(Own):
        def between(self, x):
            raise ValueError("never")

    with pytest.raises(MethodError, match=r"never$"):
        asked("occlusion", made(Broken), drawn(6, rows=4))


@pytest.mark.parametrize("name", ["deep_lift", "deep_lift_shap"])
def test_a_part_that_takes_no_slopes_is_named(name):
    with pytest.raises(MethodError, match=r"'sub', steered by"):
        asked(name, made(Unseen), drawn(6, rows=4))


@pytest.mark.parametrize("name", ["deep_lift", "lrp", "attention_rollout"])
def test_slopes_inside_a_transform_are_named(name):
    with pytest.raises(MethodError, match=r"inside a transform of torch\.func .*\. What would work here"):
        asked(name, made(Inner), drawn(6, rows=4))


@pytest.mark.parametrize(
    "name", ["saliency", "smoothgrad", "integrated_gradients", "occlusion", "kernel_shap"]
)
def test_a_score_that_is_no_number_is_told_as_such(name):
    with pytest.raises(MethodError, match="the network gives NaN or infinity for row 0 and 3 more"):
        asked(name, made(Logarithm), drawn(6, rows=4))


@pytest.mark.parametrize("name", ["integrated_gradients", "deep_lift", "exact_shapley", "kernel_shap"])
def test_a_reference_that_has_no_score_is_told_as_such(name):
    with pytest.raises(MethodError, match=r"for what row 0 and 3 more would be compared with.*baseline="):
        asked(name, made(Standard), drawn(6, rows=4))
    asked(name, made(Standard), drawn(6, rows=4), baseline=drawn(6, seed=5, rows=4))


def test_perturbations_speak_of_scores_and_not_of_slopes():
    class Left(Own):
        def forward(self, x):
            return super().forward(x) / x[:, :1].abs()

    with pytest.raises(MethodError, match="such scores where parts are taken away"):
        asked("occlusion", made(Left), drawn(6, rows=4))


def pictures():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip


@pytest.mark.parametrize("size", [1e-20, 1e25])
@pytest.mark.parametrize("name", ["integrated_gradients", "idgi", "grad_cam_plus_plus"])
def test_slopes_whose_squares_leave_single_precision(name, size):
    # a saturated probability has slopes like the first, an unscaled regression like the second
    net, x = made(pictures).float(), drawn(2, 12, 12, rows=3).float()
    with torch.no_grad():
        net[-1].weight.mul_(size)
        net[-1].bias.mul_(size)
    found = asked(name, net, x).values.double()
    wanted = asked(name, net.double(), x.double()).values
    torch.testing.assert_close(
        found / size, wanted / size, rtol=1e-3, atol=5e-3 * float(wanted.abs().max()) / size
    )


def test_attention_relevance_of_a_small_score():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
    net = made(lambda: nn.Sequential(nn.Linear(4, 8), layer, nn.Flatten(), nn.Linear(40, 3))).float()
    x = drawn(5, 4, rows=3).float()
    with torch.no_grad():
        net[-1].weight.mul_(1e-7)
    found = asked("attention_relevance", net, x).values.double()
    wanted = asked("attention_relevance", net.double(), x.double()).values
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
