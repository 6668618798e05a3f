"""The rest of a chain against the whole network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, probe
from pellucid._core._rest import rest
from pellucid.errors import SiteError
from pellucid.layers import unit_effects


class Adds(nn.Module):
    """A block that is no chain."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


def network() -> nn.Sequential:
    features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), Adds(), nn.ReLU())
    parts = OrderedDict(features=features, flatten=nn.Flatten(), classifier=nn.Linear(64, 3))
    return nn.Sequential(parts)


X = torch.randn(30, 1, 6, 6, generator=torch.Generator().manual_seed(0))
BEGINS = {
    "features.2": "features.2",
    "features.3.conv.1": "features.3",
    "features.3": "features.3",
    "features.4:in": "features.4",
    "classifier": "classifier",
}


@pytest.mark.parametrize("site", BEGINS)
def test_the_rest_gives_what_the_whole_network_gives(site: str) -> None:
    net = network()
    behind, given, spec = rest(net, X, site, compute=Compute(7))
    begin = BEGINS[site] + ":in"
    with torch.no_grad(), probe(net.eval(), read=[begin, site]) as whole:
        answers = net(X)
    assert isinstance(given, Tensor)
    torch.testing.assert_close(given, whole[begin])
    with torch.no_grad(), probe(behind, read=[site]) as part:
        torch.testing.assert_close(behind(given), answers)
    torch.testing.assert_close(part[site], whole[site])
    assert behind.get_submodule(BEGINS[site]) is net.get_submodule(BEGINS[site])
    assert spec is None


def test_what_lies_before_runs_once_and_the_network_is_as_it_was() -> None:
    net, calls = network().train(), [0, 0]
    y = torch.arange(30) % 3

    def effects(count: int) -> Tensor:
        handle = net.get_submodule("features.0").register_forward_hook(
            lambda *_: calls.__setitem__(count, calls[count] + 1)
        )
        found = unit_effects(net, X, y, "features.3.conv.1", compute=Compute(30))
        handle.remove()
        return found.margin

    cut = effects(0)
    handle = net.register_forward_hook(lambda *_: None)  # whose owner would miss passes
    whole = effects(1)
    handle.remove()
    torch.testing.assert_close(cut, whole)
    assert calls[0] == 1
    assert calls[1] > 4
    assert all(module.training for module in net.modules())


def hooked(net: nn.Sequential) -> nn.Sequential:
    net.get_submodule("features").register_forward_pre_hook(lambda *_: None)
    return net


def backwards(net: nn.Sequential) -> nn.Sequential:
    net.forward = lambda x: nn.Sequential.forward(net, x.flip(3))
    return net


def shared(net: nn.Sequential) -> nn.Sequential:
    features = net.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    features[4] = features[2]
    return net


def infinite(net: nn.Sequential) -> nn.Sequential:
    nn.init.constant_(net.get_submodule("features.0").weight, float("inf"))  # pyright: ignore
    return net


WHOLE: dict[str, tuple[Callable[[nn.Sequential], nn.Module], str]] = {
    "nothing before": (lambda net: net, "features.0"),
    "the network": (lambda net: net, "."),
    "no chain": (lambda net: Wrapped(net), "net.classifier"),
    "a hook of somebody else": (hooked, "features.3"),
    "a forward of its own": (backwards, "classifier"),
    "called before too": (shared, "features.4"),
    "a call": (lambda net: net, "classifier#0"),
    "no numbers": (infinite, "classifier"),
}


class Wrapped(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_network_where_there_is_no_sound_cut(name: str) -> None:
    change, site = WHOLE[name]
    net = change(network())
    behind, given, _ = rest(net, X, site, compute=Compute())
    assert behind is net
    assert given is X


def test_several_inputs_and_a_wrong_name() -> None:
    net, batch = network(), Batch({"x": X})
    assert rest(net, batch, "classifier", compute=Compute())[0] is net
    with pytest.raises(SiteError, match="classifier"):
        rest(net, X, "clasifier", compute=Compute())


class Turned(nn.Sequential):
    def __iter__(self):
        return reversed(list(super().__iter__()))


def test_parts_that_are_called_in_another_order_are_no_chain() -> None:
    net, x = Turned(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), torch.ones(3, 2)
    assert rest(net, x, "1", compute=Compute())[0] is net
