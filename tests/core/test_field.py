"""Receptive fields against the arithmetic of convolutions, and where nothing can be measured."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute
from pellucid._core._field import Field, fields
from pellucid.errors import SiteError


class Copied(nn.Module):
    """Changes nothing, by a way that is not known, so that fields are measured."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


def arithmetic(layers: list[nn.Module]) -> tuple[int, int]:
    """Field and stride of a chain: r += (k - 1) · jump, jump *= stride."""
    field, jump = 1, 1
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride, dilation = (
                _one(getattr(layer, n, 1)) for n in ("kernel_size", "stride", "dilation")
            )
            field += (kernel - 1) * dilation * jump
            jump *= stride
    return field, jump


def _one(value: object) -> int:
    return int(value[0] if isinstance(value, tuple) else value)  # pyright: ignore


CHAINS = {
    "one": [nn.Conv2d(1, 2, 3, padding=1)],
    "pooled": [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1)],
    "strided": [nn.Conv2d(1, 4, 5, stride=2, padding=2), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1)],
    "dilated": [nn.Conv2d(1, 4, 3, dilation=3, padding=3), nn.GELU(), nn.AvgPool2d(2)],
    "valid": [nn.Conv2d(1, 64, 3), nn.Tanh(), nn.Conv2d(64, 8, 3, stride=2), nn.MaxPool2d(3, 2)],
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_sees_what_arithmetic_says(name: str) -> None:
    layers = CHAINS[name]
    last = str(len(layers) - 1)
    size, stride = arithmetic(layers)
    for net, site in ((layers, last), ([*layers, Copied()], str(len(layers)))):
        found = fields(nn.Sequential(*net).eval(), torch.randn(1, 1, 40, 48), [site])[site]
        assert found is not None
        assert (found.size, found.stride) == ((size, size), (stride, stride))


def test_a_dead_relu_hides_nothing() -> None:
    first = nn.Conv2d(1, 2, 3, padding=1)
    nn.init.constant_(first.weight, 0.0)
    nn.init.constant_(first.bias, -1.0)  # pyright: ignore
    net = nn.Sequential(first, nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1))
    found = fields(net, torch.zeros(1, 1, 12, 12), ["2"])["2"]
    assert found is not None
    assert found.size == (5, 5)


def test_boxes_are_clipped_at_the_border() -> None:
    found = fields(nn.Conv2d(1, 1, 3, padding=1), torch.zeros(1, 1, 6, 9), ["."])["."]
    assert found is not None
    assert found.boxes(torch.tensor([[0, 0], [3, 4], [5, 8]])).tolist() == [
        [0, 0, 2, 2],
        [2, 3, 5, 6],
        [4, 7, 6, 9],
    ]
    assert found.centre in {(2, 4), (3, 4)}


def test_a_long_signal_is_turned_in_stretches_and_ends_lie_outside() -> None:
    net = nn.Sequential(Copied(), nn.Conv1d(1, 2, 81, stride=4), nn.ReLU())
    found = fields(net, torch.rand(1, 1, 9_000), ["1"], compute=Compute(batch_size=256))["1"]
    assert found is not None
    assert found.grain == (9,)
    first = torch.arange(len(found.spans[0])) * 4
    assert bool((found.spans[0][:, 0] <= first).all())
    assert bool((found.spans[0][:, 1] >= first + 81).all())
    assert 81 <= found.size[0] <= 81 + 2 * 9
    assert found.stride == (4,)
    assert int(found.spans[0].max()) <= 9_000


def test_a_dense_layer_sees_the_whole_picture() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(30, 4))
    found = fields(net, torch.zeros(1, 1, 5, 6), ["1"])["1"]
    assert found is not None
    assert (found.size, found.stride, found.placed) == ((5, 6), None, False)
    assert found.boxes(torch.zeros(2, 3, 0, dtype=torch.int64)).shape == (2, 3, 4)


def test_a_branch_counts_with_its_widest_arm() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.narrow, self.wide = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 7, padding=3)

        def forward(self, x: Tensor) -> Tensor:
            return self.narrow(x) + self.wide(x)

    found = fields(Two(), torch.zeros(1, 1, 16, 16), ["narrow", ".", "wide"])
    assert [field.size for field in found.values() if field] == [(1, 1), (7, 7), (7, 7)]


def test_a_signal_has_one_axis() -> None:
    net = nn.Sequential(nn.Conv1d(2, 3, 5, padding=2), nn.MaxPool1d(4))
    found = fields(net, torch.zeros(1, 2, 64), ["1"])["1"]
    assert found is not None
    assert (found.size, found.stride) == ((8,), (4,))


class Swallows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.nan_to_num(x)


class Refuses(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.isnan().any()):
            raise ValueError("NaN!")
        return x


@pytest.mark.parametrize("model", [Swallows(), Refuses()])
def test_none_where_nothing_can_be_said(model: nn.Module) -> None:
    assert fields(model, torch.zeros(1, 1, 4, 4), ["."]) == {".": None}


def test_tables_have_no_field() -> None:
    assert fields(nn.Linear(3, 2), torch.zeros(1, 3), ["."]) == {".": None}


def test_a_wrong_name_is_an_error_not_a_none() -> None:
    with pytest.raises(SiteError, match="Did you mean 0"):
        fields(nn.Sequential(nn.Conv2d(1, 1, 3)), torch.zeros(1, 1, 8, 8), ["00"])


class Remembers(nn.Module):
    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += x.sum()
        return x


def test_a_network_with_a_memory_is_not_poisoned() -> None:
    model = Remembers().train()
    before = torch.get_rng_state()
    found = fields(model, torch.ones(1, 1, 4, 4), ["."], compute=Compute(3))["."]
    assert isinstance(found, Field)
    assert model.seen.tolist() == [0.0]
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)


class Crossing(nn.Module):
    """Layers that work number by number, on what was changed in between."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.relu = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
        )
        self.each, self.behind = nn.Conv2d(4, 4, 3, groups=4), nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv(x)))
        x = x.flip(2).contiguous()
        return self.behind(self.each(x))


def test_layers_that_work_number_by_number_see_what_the_one_before_sees() -> None:
    sites = ["conv", "norm", "relu", "each", "behind"]
    net, x = Crossing().eval(), torch.rand(1, 1, 9, 7)
    together = fields(net, x, sites)
    for site in sites:
        alone = fields(net, x, [site])[site]
        assert together[site] is not None
        assert alone is not None
        for ours, theirs in zip(together[site].spans, alone.spans, strict=True):
            assert torch.equal(ours, theirs)
    assert together["conv"].spans[0].tolist() == together["relu"].spans[0].tolist()
    assert together["each"].spans[0][0].tolist() == [5, 9]
