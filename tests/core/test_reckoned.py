"""Receptive fields by arithmetic against those measured, and where arithmetic must say nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core._field import fields
from pellucid._core._reckoned import reckoned
from pellucid.networks import cnn, mobilenet_v2


class By(nn.Module):
    """A network whose forward is a function of its parts and its input."""

    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.wide = nn.Conv2d(2, 3, 3, 2, 1), nn.Conv2d(3, 3, 5, padding=2)
        self.one, self.relu, self.dense = nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True), nn.Linear(3, 2)
        self.own = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.own(self, x)


def residual(net: nn.Module, x: Tensor) -> Tensor:
    x = net.relu(net.conv(x))
    y = net.wide(x)
    y += x
    gate = torch.sigmoid(net.one(y.mean((2, 3), keepdim=True)))
    return net.dense(torch.flatten(F.adaptive_avg_pool2d(1 - 2 * y * gate, 1), 1))


def side_by_side(net: nn.Module, x: Tensor) -> Tensor:
    x = net.relu(net.one(net.conv(x)))
    net.dense(x.amax((2, 3)))
    return torch.cat([x, net.wide(x)], 1).relu()


NETS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "small": (cnn(1, 8, 3, widths=(4, 6), hidden=5), (1, 8, 8)),
    "mobile": (mobilenet_v2(3), (3, 20, 11)),
    "residual": (By(residual), (2, 17, 23)),
    "beside": (By(side_by_side), (2, 12, 9)),
    "windows": (
        nn.Sequential(
            nn.Conv2d(1, 2, 3, 2, 3, 2),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.AdaptiveAvgPool2d((3, 2)),
        ),
        (1, 41, 57),
    ),
    "apart": (nn.Sequential(nn.MaxPool2d(3, 1, 1, 2), nn.Conv2d(1, 1, 3, 1, 4, 4)), (1, 13, 12)),
    "signal": (
        nn.Sequential(
            nn.Conv1d(2, 3, 5, padding=2),
            nn.BatchNorm1d(3),
            nn.Dropout(),
            nn.MaxPool1d(4, ceil_mode=True),
            nn.AvgPool1d(2),
            nn.Flatten(),
            nn.Linear(24, 3),
            nn.Softmax(1),
        ),
        (2, 66),
    ),
    "volume": (
        nn.Sequential(nn.Conv3d(1, 2, 3), nn.GELU(), nn.AvgPool3d(2), nn.AdaptiveAvgPool3d((1, 2, 2))),
        (1, 9, 10, 11),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_what_is_reckoned_is_what_is_measured(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, shape = NETS[name]
    net.eval()
    sites = [site or "." for site, _ in net.named_modules()]
    x = torch.rand(1, *shape)
    with torch.no_grad():
        assert reckoned(net, x, sites) is not None
    found = fields(net, x, sites)
    monkeypatch.setattr("pellucid._core._field.reckoned", lambda *_: None)
    for site, measured in fields(net, x, sites).items():
        ours = found[site]
        assert ours is not None
        assert measured is not None
        assert (ours.placed, ours.grain) == (measured.placed, measured.grain)
        assert [span.tolist() for span in ours.spans] == [span.tolist() for span in measured.spans], site


def lent(net: nn.Module, x: Tensor) -> Tensor:
    x = net.conv(x)
    flat = x.flatten(1)
    flat += 1
    return x


UNKNOWN: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "turned": lambda net, x: net.conv(x.flip(2)),
    "numbers looked at": lambda net, x: net.conv(x) if bool(x.sum() > 0) else x,
    "numbers taken out": lambda net, x: net.conv(x + torch.from_numpy(x.numpy()[::-1].copy())),
    "data": lambda net, x: net.conv(x + x.data),
    "where it is": lambda net, x: net.conv(x + torch.zeros(1, device=x.device)),
    "written into a view": lent,
    "put elsewhere": lambda net, x: net.wide(torch.sigmoid(net.conv(x), out=torch.empty(1, 3, 6, 6))),
    "some of it": lambda net, x: net.conv(x[:, :, 1:]),
    "a norm of all places": lambda net, x: F.layer_norm(net.conv(x), [6, 6]),
    "other axes": lambda net, x: net.conv(x).view(len(x), -1, 3, 6),
    "dense of places": lambda net, x: F.linear(net.conv(x), torch.rand(2, 6)),
    "beside in space": lambda net, x: torch.cat([net.conv(x)] * 2, 2),
    "the mean of an axis": lambda net, x: net.conv(x).mean(2, keepdim=True),
    "a window that sees nothing": lambda net, x: F.avg_pool2d(
        F.conv2d(x, torch.rand(1, 2, 1, 1), padding=2), 2
    ),
    "repeated": lambda net, x: net.conv(x).mean((2, 3), keepdim=True) + torch.rand(1, 3, 6, 6),
    "chance": lambda net, x: F.dropout(net.conv(x)),
    "caught": lambda net, x: caught(net, x),
}


def caught(net: nn.Module, x: Tensor) -> Tensor:
    try:
        return net.conv(x.flip(2))
    except Exception as error:
        raise RuntimeError("mine") from error


@pytest.mark.parametrize("name", UNKNOWN)
def test_nothing_is_said_where_more_goes_on(name: str) -> None:
    net = By(UNKNOWN[name]).eval()
    with torch.no_grad():
        net(torch.rand(1, 2, 12, 12))
        assert reckoned(net, torch.rand(1, 2, 12, 12), ["conv", "."]) is None


def test_units_that_may_lie_elsewhere_are_left_to_measuring() -> None:
    """A ReLU that follows a dense layer by number only: its units are said to lie on the last axis."""
    net = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Conv2d(1, 2, 3))
    net.forward = lambda x: net[1](net[2](x))
    with torch.no_grad():
        assert reckoned(net, torch.rand(1, 1, 9, 9), ["1"]) is None


def test_what_lies_behind_a_lone_site_is_no_matter() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Hardtanh(), nn.LayerNorm(4))
    with torch.no_grad():
        found = reckoned(net, torch.rand(1, 1, 6, 6), ["1"])
    assert found is not None
    assert found["1"][0].tolist() == [[0, 3], [1, 4], [2, 5], [3, 6]]


class Keeps(nn.Module):
    """Puts down what passes."""

    last: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.first = x
        return x.relu()


def test_a_network_that_puts_down_what_passes_gets_no_stand_in() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3), Keeps())
    keeps = net[1]
    assert isinstance(keeps, Keeps)
    keeps.last = mine = torch.zeros(1)
    assert fields(net, torch.rand(1, 1, 6, 6), ["0", "1"])["1"] is not None
    assert keeps.last is mine
    assert not hasattr(keeps, "first")
