"""What docstrings say of passes is what goes through the network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid.features import Unit, accentuation, activation_atlas, activation_maximization, caricature
from pellucid.inputs import ImageSpec
from pellucid.layers import (
    activation_patching,
    attribution_patching,
    concepts,
    early_exit,
    edge_attribution,
    exemplars,
    hierarchy,
    layer_gain,
    linear_probes,
    matrix_factorisation,
    network_dissection,
    selectivity,
    sparse_autoencoder,
    traced_example,
    unit_effects,
)
from pellucid.layers._edges import edge_passes

N = 120
LOOK = 2  # rows that show which layers there are


@pytest.mark.parametrize(
    ("work", "passes", "more"),
    [
        (lambda m, x, y: exemplars(m, x, "1"), 1, 0),
        (lambda m, x, y: selectivity(m, x, y, "1"), 1, 0),
        (lambda m, x, y: unit_effects(m, x, y, "1"), 1 + 5, 0),
        (lambda m, x, y: linear_probes(m, x, y), 2, LOOK),
        (lambda m, x, y: layer_gain(m, x, y, "1"), 2, 0),
        (lambda m, x, y: early_exit(m, x, y, ["1", "3"], head="4", untrained_copy=False), 2 + 2, None),
        (lambda m, x, y: activation_patching(m, x, x.flip(0) + 1, 1, ["1", "2", "3"]), 2 + 3 * 4, LOOK),
        (
            lambda m, x, y: activation_patching(m, x, x.flip(0) + 1, 1, ["1", "2"], others=x, draws=3),
            2 + 2 * (4 + 1 + 3),
            LOOK,
        ),
        (
            lambda m, x, y: attribution_patching(m, x, x + 1, 1, "1", steps=3, draws=2, verified=4),
            2 + 3 + 4 + 5 * (1 + 2),
            0,
        ),
        (
            lambda m, x, y: concepts(
                m, x, 1, {"a": x + 1, "b": x - 1}, ["1", "3"], random=x, draws=19, untrained_copy=False
            ),
            2 * (2 + 2 + 1),
            0,
        ),
    ],
)
def test_passes_are_those_that_are_stated(
    work: Callable[[nn.Module, Tensor, Tensor], object], passes: int, more: int | None
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 2)).eval()
    x, seen = torch.randn(N, 3), [0]
    # a copy that is made meanwhile is counted too
    model.register_forward_pre_hook(lambda _, given: seen.__setitem__(0, seen[0] + len(given[0])))
    work(model, x, torch.arange(N) % 2)
    if more is None:
        assert passes * N <= seen[0] < (passes + 1) * N
    else:
        assert seen[0] == passes * N + more


class Tally:
    """Rows that passed, and that came back at each place, in a network and all its copies."""

    def __init__(self) -> None:
        self.forward, self.back = 0, dict[str, int]()

    def __deepcopy__(self, memo: object) -> Tally:
        return self


class _Seen(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, tally, place):
        ctx.seen = tally, place
        return x.view_as(x)

    @staticmethod
    def backward(ctx, slope):
        tally, place = ctx.seen
        tally.back[place] = tally.back.get(place, 0) + len(slope)
        return slope, None, None


class Place(nn.Module):
    """Between two layers; the first counts what passes, each what comes back."""

    def __init__(self, tally: Tally, name: str) -> None:
        super().__init__()
        self.tally, self.name = tally, name

    def forward(self, x):
        self.tally.forward += len(x) * (self.name == "start")
        return _Seen.apply(x, self.tally, self.name)


def watched(*layers: nn.Module) -> tuple[nn.Module, Tally]:
    """Layers named "0", "1", …, and after each a place "after 0", …"""
    tally, network = Tally(), nn.Sequential()
    network.add_module("start", Place(tally, "start"))
    for k, layer in enumerate(layers):
        network.add_module(str(k), layer)
        network.add_module(f"after{k}", Place(tally, f"after {k}"))
    return network.eval(), tally


def table() -> tuple[nn.Module, Tally, Tensor]:
    torch.manual_seed(0)
    layers = nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2)
    return *watched(*layers), torch.randn(N, 3)


def pictures() -> tuple[nn.Module, Tally, Tensor]:
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1, stride=2)
    last = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
    return *watched(first, nn.ReLU(), second, nn.ReLU(), *last), torch.rand(N, 1, 12, 12)


@pytest.mark.parametrize("made", [table, pictures])
@pytest.mark.parametrize(("steps", "most", "draws"), [(2, 2, 2), (4, 16, 3)])
def test_connections_take_what_is_stated(made, steps, most, draws):
    network, tally, x = made()
    good, bad = x[:10], x[10:20] + 1
    found = edge_attribution(network, good, bad, 0, "1", "3", steps=steps, most=most, draws=draws)
    sinks = len(found.sinks)
    stated = 10 * edge_passes(len(found.edges), sinks, steps, draws) + 2 * (1 + sinks)
    assert 0.85 * stated < tally.forward <= stated
    assert tally.back["after 4"] == steps * 10
    assert tally.back["after 2"] == steps * sinks * 10


def test_curves_of_depth_take_what_is_stated():
    network, tally, x = table()
    hierarchy(network, x, torch.arange(N) % 2, seeds=1)
    units = (4, 2)  # looked at in the second and third layer; the first builds on none
    each = 3 * N + 3 * N + sum(64 * (7 * u + 2) for u in units)
    assert tally.forward == pytest.approx(2 * each, rel=0.01)
    assert [tally.back["after 1"], tally.back["after 3"]] == [2 * (64 * u + 1) for u in units]
    network, tally, x = pictures()
    hierarchy(network, x, torch.arange(N) % 2, seeds=1)
    # the field of each of three layers as well
    assert tally.back["start"] == 2 * 3 * 64
    assert tally.forward == pytest.approx(2 * (each + 3 * 64), rel=0.02)


@pytest.mark.parametrize("made", [table, pictures])
def test_a_trace_takes_what_is_stated(made):
    spent = []
    for copy in (False, True):
        network, tally, x = made()
        traced_example(network, x[:1], x, 0, untrained_copy=copy)
        spent.append(tally.forward)
        assert not tally.back
    units = spent[0] - 3 * N
    assert 10 < units < N
    # the copy takes one pass less, and may have fewer units to follow
    assert N < spent[1] - spent[0] - N <= N + units


@pytest.mark.parametrize("learn", [sparse_autoencoder, matrix_factorisation])
@pytest.mark.parametrize("made", [table, pictures])
def test_dictionaries_take_what_is_stated(made, learn):
    fitted, held = 4 * N // 5, N // 5
    for control, networks in ((False, 1), (True, 2)):
        network, tally, x = made()
        options = {} if learn is matrix_factorisation else {"steps": 3}
        learn(network, x, "1", shuffled_control=control, **options)
        assert tally.forward == networks * (fitted + 3 * held)
        assert not tally.back


def test_dissection_takes_what_is_stated():
    for copy, passes in ((False, 2), (True, 4)):
        network, tally, x = pictures()
        masks = {"left": torch.rand(N, 12, 12) < 0.3}
        network_dissection(network, x, masks, "1", untrained_copy=copy)
        assert tally.forward == passes * N + 1


@pytest.mark.parametrize(
    ("make", "climbs"),
    [
        (lambda m, x, **more: activation_maximization(m, "1", data=x, units=[0, 1], **more), 2),
        (lambda m, x, **more: accentuation(m, "1", x[:3], data=x, objectives=[Unit(0)], **more), 3),
        (lambda m, x, **more: caricature(m, "1", x[:3], data=x, **more), 3),
    ],
    ids=["maximization", "accentuation", "caricature"],
)
def test_feature_pictures_take_what_is_stated(make, climbs):
    network, tally, x = pictures()
    options = {"spec": ImageSpec(mean=(0.0,), std=(1.0,)), "steps": 4, "seeds": 2}
    make(network, x, untrained_control=False, **options)
    ascent, measures = climbs * 2 * 4, 900 + climbs * (2 + 8)
    # of a dead unit one start may not begin
    assert ascent / 2 < tally.back["start"] <= ascent
    # some dozens of rows find the part of the picture that is made
    assert N + ascent < tally.forward <= N + ascent + 2_000 + measures + 64


def test_an_atlas_takes_what_is_stated():
    network, tally, x = pictures()
    made = activation_atlas(
        network, "1", data=x, spec=ImageSpec(mean=(0.0,), std=(1.0,)), grid=2, steps=4, least=1, positions=3
    )
    cells = len(made.cells)
    assert tally.back["start"] == 4 * cells
    assert 2 * N < tally.forward <= 2 * N + 4 * cells + 2_000 + 900 + cells * (1 + 8) + 96
