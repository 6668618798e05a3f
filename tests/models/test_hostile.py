"""What networks of others do that could be answered wrongly, or told in words that lead nowhere."""

import numpy as np
import pytest
import torch
from torch import nn

from models.case import drawn, made
from pellucid import attribution
from pellucid._core import Compute, Dataset, split
from pellucid.attribution import expected_gradients
from pellucid.errors import InputError, MethodError, SiteError, TargetError
from pellucid.layers import (
    co_activation,
    exemplars,
    matrix_factorisation,
    nearest_inputs,
    selectivity,
    unit_values,
)

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


ODD = {
    "sparse": (lambda x: x.to_sparse(), r"to_dense"),
    "quantized": (lambda x: torch.quantize_per_tensor(x.float(), 0.1, 0, torch.quint8), r"dequantize"),
    "complex": (lambda x: torch.complex(x, x), r"view_as_real"),
    "nested": (lambda x: torch.nested.nested_tensor([x[0], x[1]]), r"to_padded_tensor"),
    "meta": (lambda x: x.to("meta"), r"holds no numbers"),
    "no numbers": (lambda x: x[:, :0], r"at least one row"),
    "no rows": (lambda x: x[:0], r"at least one row"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["saliency", "smoothgrad", "idgi", "occlusion", "kernel_shap", "deep_lift"])
@pytest.mark.parametrize("kind", ODD)
def test_inputs_that_are_no_plain_numbers(kind, name):
    change, words = ODD[kind]
    with pytest.raises(InputError, match=words):
        asked(name, made(Own), change(drawn(6, rows=4)))


@pytest.mark.parametrize("name", ["saliency", "smoothgrad", "vargrad", "idgi", "integrated_gradients"])
def test_flags_have_no_slope(name):
    class Flags(Own):
        def forward(self, x):
            return super().forward(x.double())

    with pytest.raises(InputError, match=r"got torch\.bool"):
        asked(name, made(Flags), drawn(6, rows=4) > 0)


class Marked(torch.Tensor):
    """A class of somebody else, such as a picture with its colour space."""


@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "kernel_shap", "deep_lift", "lrp"])
def test_values_of_tensors_of_another_class_are_plain(name):
    net, x = made(Own), drawn(6, rows=4)
    found = asked(name, net, x.as_subclass(Marked))
    assert {type(found.values), type(found.inputs), type(found.scores)} == {torch.Tensor}
    torch.testing.assert_close(found.values, asked(name, net, x).values)


@pytest.mark.parametrize("name", ["feature_ablation", "exact_shapley", "lime", "occlusion", "saliency"])
def test_one_number_a_row(name):
    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(1, 3)

        def forward(self, x):
            return self.a(x[:, None])

    net, x = made(One), drawn(rows=4)
    slope = net.a.weight[1].detach()
    torch.testing.assert_close(
        asked(name, net, x).values, slope.expand(4) if name == "saliency" else slope * x
    )


WRONG = {
    "raises": (lambda output, rows: output[:, 9], r"\(4, 3\), it raised IndexError"),
    "gives nothing": (lambda output, rows: None, r"it gave NoneType"),
    "gives a number": (lambda output, rows: 1.0, r"it gave float"),
    "takes no rows": (lambda output: output[:, 0], r"takes \(output, rows\)"),
    "halves": ([0.5] * 4, r"whole numbers of classes"),
}


@pytest.mark.parametrize("name", ["saliency", "lrp", "rise_", "expected_gradients"])
@pytest.mark.parametrize("kind", WRONG)
def test_targets_that_are_none(kind, name):
    target, words = WRONG[kind]
    net, x = (made(pictures), drawn(2, 12, 12, rows=4)) if name == "rise_" else (made(Own), drawn(6, rows=4))
    with pytest.raises(TargetError, match=words):
        getattr(attribution, name.strip("_"))(net, x, target)


def test_numbers_of_classes_as_other_libraries_write_them():
    net, x = made(Own), drawn(6, rows=4)
    wanted = attribution.saliency(net, x, 2).values
    for target in (np.int64(2), torch.full((4,), 2.0), [2.0] * 4, torch.full((4, 1), 2, dtype=torch.uint8)):
        torch.testing.assert_close(attribution.saliency(net, x, target).values, wanted)


@pytest.mark.parametrize("name", ["guided_backpropagation", "full_grad"])
def test_a_score_without_a_slope_gets_the_sentence_of_all_others(name):
    with pytest.raises(MethodError, match="in a differentiable way"):
        getattr(attribution, name)(made(pictures), drawn(2, 12, 12), lambda out, rows: out[:, 0].detach())


class PerRow(nn.Module):
    """Calls its layers for one row at a time, under vmap."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return torch.vmap(lambda row: self.b(self.a(row).tanh()))(x)


@pytest.mark.parametrize("work", [unit_values, exemplars, matrix_factorisation])
def test_activations_inside_a_transform_cannot_be_read(work):
    with pytest.raises(SiteError, match=r"'a' lies inside a transform of torch\.func"):
        work(made(PerRow), drawn(6, rows=104), "a")


@pytest.mark.parametrize("name", ["saliency", "occlusion"])
def test_nor_explained(name):
    with pytest.raises(SiteError, match="Name a layer outside it"):
        asked(name, made(PerRow), drawn(6, rows=4), at="a")


@pytest.mark.parametrize("work", [unit_values, selectivity, co_activation])
def test_layers_that_see_weights_and_no_rows(work):
    class Turned(nn.Module):
        def forward(self, weight):
            return weight.flip(0)

    net = made(lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
    nn.utils.parametrize.register_parametrization(net[0], "weight", Turned())
    x = drawn(6, rows=40)
    answers = (torch.arange(40) % 2,) if work is selectivity else ()
    with pytest.raises(InputError, match="has 8 rows for 40 inputs"):
        work(net, x, *answers, "0.parametrizations.weight.0")


@pytest.mark.parametrize("change", [lambda y: y > 0, lambda y: torch.complex(y, y), lambda y: y[:, :, None]])
def test_nearest_inputs_need_scores_of_classes(change):
    class Odd(Own):
        def forward(self, x):
            return change(super().forward(x))

    x, y = drawn(6, rows=60), torch.arange(60) % 2
    data = Dataset("drawn", x, y, None, ("no", "yes"), split(y, classes=True))
    with pytest.raises(InputError, match=r"scores classes \[N, K\]"):
        nearest_inputs(made(Odd), data, x[:2], "a")
