import json
import math

import pytest
import torch
from torch import nn

from pellucid._core import Dataset, split
from pellucid._core._pool import MaxPool2d
from pellucid.errors import InputError
from pellucid.inputs import Column, ImageSpec, TabularSpec
from pellucid.networks import Architecture, Rescale, build, cnn, default_network, mlp

ACTIVATIONS = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
INITIALISATIONS = ("kaiming", "xavier", "lecun", "orthogonal")


def names(network):
    return [name for name, _ in network.named_children()]


def same(a, b):
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_layers_of_an_mlp_have_names_in_order():
    network = mlp(4, 3, hidden=(8, 6), dropout=0.5)
    assert names(network) == [
        "dense1", "activation1", "dropout1", "dense2", "activation2", "dropout2", "output",
    ]  # fmt: skip


def test_layers_of_a_cnn_have_names_in_order():
    assert names(cnn(3, (12, 8), 2, widths=(4, 5), hidden=6)) == [
        "conv1", "activation1", "pool1", "conv2", "activation2", "pool2",
        "flatten", "dense1", "activation3", "output",
    ]  # fmt: skip
    assert names(cnn(1, 4, 2, widths=(2,), hidden=0)) == [
        "conv1",
        "activation1",
        "pool1",
        "flatten",
        "output",
    ]


def test_an_mlp_computes_what_its_layers_say():
    network = mlp(4, 3, hidden=(5,), activation="tanh")
    x = torch.randn(7, 4)
    by_hand = torch.tanh(x @ network.dense1.weight.T + network.dense1.bias)
    by_hand = by_hand @ network.output.weight.T + network.output.bias
    torch.testing.assert_close(network(x), by_hand)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_is_its_own_module(name):
    kind = ACTIVATIONS[name]
    for network in (mlp(3, 2, hidden=(4, 4), activation=name), cnn(1, 4, 2, widths=(2,), activation=name)):
        found = [module for module in network if type(module) is kind]
        assert len(found) == len(set(map(id, found))) == 2


def test_no_hidden_layer_makes_it_linear():
    network = mlp(3, 2, hidden=())
    x = torch.randn(5, 3)
    torch.testing.assert_close(network(x), x @ network.output.weight.T)


@pytest.mark.parametrize("how", INITIALISATIONS)
def test_weights_have_the_spread_their_initialisation_promises(how):
    network = mlp(400, 2, hidden=(300,), activation="relu", initialisation=how)
    gain = math.sqrt(2)
    expected = {
        "kaiming": gain / math.sqrt(400),
        "xavier": gain * math.sqrt(2 / (400 + 300)),
        "lecun": 1 / math.sqrt(400),
        "orthogonal": gain / math.sqrt(400),
    }[how]
    assert float(network.dense1.weight.detach().std()) == pytest.approx(expected, rel=0.02)
    assert not network.dense1.bias.any()
    if how == "orthogonal":
        product = network.dense1.weight @ network.dense1.weight.T
        torch.testing.assert_close(product, 2 * torch.eye(300), atol=1e-4, rtol=0)


def test_no_activation_follows_the_output_so_its_gain_is_one():
    network = mlp(3, 200, hidden=(400,), activation="relu", initialisation="kaiming")
    assert float(network.output.weight.detach().std()) == pytest.approx(1 / math.sqrt(400), rel=0.02)


@pytest.mark.parametrize("make", [lambda seed: mlp(4, 2, seed=seed), lambda seed: cnn(1, 8, 2, seed=seed)])
def test_the_seed_alone_decides_and_global_chance_stays(make):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = make(5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first, make(5))
    assert not same(first, make(6))


def test_every_learned_layer_can_be_reset():
    for network in (mlp(4, 2), cnn(1, 8, 2)):
        learned = [m for m in network.modules() if next(m.parameters(recurse=False), None) is not None]
        assert all(isinstance(module, (nn.Linear, nn.Conv2d)) for module in learned)
        assert all(callable(module.reset_parameters) for module in learned)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: mlp(3, 2, activation="rellu"), "Did you mean relu"),
        (lambda: cnn(1, 8, 2, activation="Gelu"), "gelu"),
        (lambda: mlp(3, 2, hidden=(), activation="rellu"), "relu"),
        (lambda: mlp(3, 2, initialisation="kaimin"), "Did you mean kaiming"),
        (lambda: mlp(0, 2), "inputs must be at least 1, got 0"),
        (lambda: mlp(3, 2, hidden=(4, -1)), "hidden must be at least 1, got -1"),
        (lambda: mlp(3, 2, dropout=1.0), "dropout"),
        (lambda: mlp(3, 1, answers=(0.0, 0.0)), "sd above 0"),
        (lambda: cnn(1, (8, 3), 2), "at least 4 pixels"),
    ],
)
def test_what_cannot_be_built_says_why(make, text):
    with pytest.raises(InputError, match=text):
        make()


@pytest.mark.parametrize(
    "network",
    [
        mlp(4, 3, hidden=(5, 6), activation="silu", initialisation="lecun", seed=3, dropout=0.1),
        mlp(4, 1, hidden=(), answers=(150.0, 77.5)),
        cnn(3, (10, 8), 4, widths=(3, 4), hidden=0, activation="tanh", initialisation="orthogonal", seed=9),
    ],
)
def test_an_architecture_goes_through_json_and_builds_the_same_network(network):
    written = json.dumps(network.architecture.to_json())
    architecture = Architecture.from_json(json.loads(written))
    assert architecture == network.architecture
    again = build(architecture)
    assert same(network, again)
    assert repr(again) == repr(network)
    assert again.architecture == network.architecture


@pytest.mark.parametrize(
    ("kind", "params", "text"),
    [
        ("mpl", {"inputs": 3, "outputs": 2}, "Did you mean mlp"),
        ("mlp", {"inputs": 3, "outputs": 2, "hiden": [3]}, "Did you mean hidden"),
        ("mlp", {"inputs": 3}, "needs outputs"),
        ("mlp", {"inputs": "three", "outputs": 2}, "wrong type"),
    ],
)
def test_an_architecture_that_cannot_be_built_says_why(kind, params, text):
    with pytest.raises(InputError, match=text):
        build(Architecture(kind, params))


def test_an_architecture_holds_plain_values_only():
    with pytest.raises(InputError, match="Tensor"):
        Architecture("mlp", {"hidden": torch.zeros(2)})  # pyright: ignore
    with pytest.raises(InputError, match="'kind'"):
        Architecture.from_json({"params": {}})


def test_rescale_brings_answers_into_their_unit():
    network = mlp(2, 1, hidden=(3,), answers=(150.0, 77.0))
    x = torch.randn(6, 2)
    raw = network[:-1](x)
    torch.testing.assert_close(network(x), 150 + 77 * raw)
    assert isinstance(network.unit, Rescale)
    assert not list(network.unit.parameters())
    assert "mean=150" in repr(network)


def table(n=40, d=3, classes=("no", "yes")):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=generator)
    answers = (x[:, 0] > 0).long() if classes else 100 + 10 * x[:, 0]
    spec = TabularSpec(tuple(Column(f"c{i}") for i in range(d)))
    return Dataset("table", x, answers, spec, classes, split(answers, classes=bool(classes)))


def pictures(channels, side, n=6):
    answers = torch.tensor([0, 1] * (n // 2))
    x = torch.randn(n, channels, side, side)
    return Dataset("pictures", x, answers, ImageSpec(), ("a", "b"), torch.zeros(n, dtype=torch.int8))


def test_a_table_gets_an_mlp_with_an_output_for_each_class():
    network = default_network(table(), seed=2)
    assert network.architecture.kind == "mlp"
    assert network(torch.randn(4, 3)).shape == (4, 2)
    assert same(network, default_network(table(), seed=2))


def test_regression_gets_the_unit_of_the_training_answers():
    data = table(classes=())
    network = default_network(data)
    answers = data.part("train").answers
    assert float(network.unit.mean) == pytest.approx(float(answers.mean()))
    assert float(network.unit.sd) == pytest.approx(float(answers.std()))
    assert network(data.inputs).shape == (40, 1)


@pytest.mark.parametrize(("side", "convolutions"), [(2, 1), (4, 2), (8, 2), (28, 2), (64, 3), (100, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_get_a_cnn_that_fits_their_size(channels, side, convolutions):
    data = pictures(channels, side)
    network = default_network(data)
    assert sum(isinstance(module, nn.Conv2d) for module in network) == convolutions
    assert network(data.inputs).shape == (6, 2)


def test_data_without_a_default_network_say_so():
    data = table()
    odd = Dataset("cubes", torch.zeros(40, 2, 2, 2, 2), data.answers, ImageSpec(), data.classes, data.parts)
    with pytest.raises(InputError, match="cubes"):
        default_network(odd)
    flat = table(classes=())
    constant = Dataset("flat", flat.inputs, torch.full((40,), 3.0), flat.spec, (), flat.parts)
    with pytest.raises(InputError, match="same"):
        default_network(constant)


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (2, 3), (1, 1)])
def test_pooling_without_slopes_gives_the_same_numbers(size):
    x = torch.randn(3, 4, *size)
    x[0, 0, 0, 0] = math.nan
    quick, slow = MaxPool2d(), nn.MaxPool2d(2)
    if min(size) < 2:
        with torch.no_grad(), pytest.raises(RuntimeError):
            quick(x)
        return
    with torch.no_grad():
        assert torch.equal(quick(x).nan_to_num(99.0), slow(x).nan_to_num(99.0))
    assert torch.equal(quick(x.nan_to_num()), slow(x.nan_to_num()))
