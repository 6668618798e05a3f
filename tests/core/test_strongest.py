"""The running top-k against sorting everything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid._core import Compute, _best, _peaks, _strongest, predict, probe
from pellucid._core._strongest import strongest
from pellucid._core._units import by_unit
from pellucid.errors import InputError, TargetError


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_same_as_sorting_everything(size: int) -> None:
    x = torch.randn(40, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    found = strongest(nn.Identity(), x, ["."], k=6, compute=Compute(size))["."]
    value, place = x.flatten(2).max(2)
    order = value.argsort(dim=0, descending=True)[:6].T
    assert torch.equal(found.rows, order)
    assert torch.equal(found.values, value.T.gather(1, order))
    flat = found.positions[..., 0] * 4 + found.positions[..., 1]
    assert torch.equal(flat, place.T.gather(1, order))


def test_of_equal_values_the_earlier_row_comes_first() -> None:
    found = strongest(nn.Identity(), torch.zeros(20, 2), ["."], k=3, compute=Compute(4))["."]
    assert found.rows.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_fewer_rows_than_asked_for_give_all() -> None:
    assert strongest(nn.Identity(), torch.randn(4, 2), ["."], k=9)["."].rows.shape == (2, 4)


def test_chosen_units_keep_their_order() -> None:
    x = torch.arange(12.0).view(3, 4)
    found = strongest(nn.Identity(), x, ["."], k=1, units=[3, 1])["."]
    assert (found.units.tolist(), found.values[:, 0].tolist(), found.total) == ([3, 1], [11.0, 9.0], 4)


@pytest.mark.parametrize("units", [[4], [-1], [], [0.5], 2])
def test_units_that_cannot_be_are_refused(units: object) -> None:
    with pytest.raises(TargetError):
        strongest(nn.Identity(), torch.zeros(3, 4), ["."], k=1, units=units)  # pyright: ignore


def test_k_must_be_a_positive_whole_number() -> None:
    with pytest.raises(InputError, match="at least 1"):
        strongest(nn.Identity(), torch.zeros(3, 4), ["."], k=0)
    with pytest.raises(InputError, match=r"whole number of at least 1, got 1\.5"):
        strongest(nn.Identity(), torch.zeros(3, 4), ["."], k=1.5)  # pyright: ignore


def test_units_of_tokens_are_features_and_of_signals_channels() -> None:
    x = torch.zeros(2, 5, 7)
    assert by_unit(nn.Linear(7, 7), x).shape == (2, 7, 5)
    assert by_unit(nn.Conv1d(5, 5, 3), x).shape == (2, 5, 7)
    assert by_unit(nn.Identity(), torch.zeros(2)).shape == (2, 1, 1)


def test_not_a_number_is_the_strongest_whatever_its_sign() -> None:
    """Processors make it with the sign set, so that its bits alone would stand at the end."""
    x = torch.tensor([[1.0], [-1.0], [2.0], [4.0]])

    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sqrt()

    for size in (1, 4):
        found = strongest(Root(), x, ["."], k=2, compute=Compute(batch_size=size))["."]
        assert found.rows.tolist() == [[1, 3]]


class Reused(nn.Module):
    """A ReLU of several calls, on what was changed in between: rows that begin with 2, if any."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.pool = nn.Conv2d(2, 3, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        self.behind = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        some = x[:, 0, 0, 0] == 2
        x = self.conv(x)
        x.data.mul_(-1)  # not counted
        first = self.relu(x)
        if bool(some.any()):
            first[some] = 5 - first[some]
        pooled = self.pool(self.relu(first))
        if bool(some.any()):
            pooled[some] *= -1
        return self.behind(pooled)


def integer(net: nn.Module, seed: int) -> nn.Module:
    """Whole numbers as weights, so that sums are exact in any order and values tie often."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in net.parameters():
            part.copy_(torch.randint(-2, 3, part.shape, generator=generator))
    return net.eval()


def crossed(layer: nn.Module) -> nn.Module:
    """A layer whose output a hook of somebody else turns over."""
    layer.register_forward_hook(lambda _, __, out: -out)
    return layer


NETS = {
    "relu and pool": lambda: nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 4, 2)
    ),
    "in place": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
    "a rest left out": lambda: nn.Sequential(nn.Conv2d(2, 5, 2), nn.ReLU(), nn.MaxPool2d(2)),
    "gaps": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), nn.MaxPool2d(2, 3), nn.ReLU()),
    "overlap": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.ReLU6()),
    "dilated": lambda: nn.Sequential(nn.Conv2d(2, 5, 1), nn.MaxPool2d(2, 1, dilation=2)),
    "clamped": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), nn.Hardtanh(-3, 4, inplace=True), nn.MaxPool2d(3)),
    "leaky": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), nn.LeakyReLU(0.1), nn.AdaptiveMaxPool2d(4)),
    "turned over": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), nn.LeakyReLU(-0.5), nn.ReLU()),
    "curved": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.SiLU(), nn.AvgPool2d(2)),
    "inside": lambda: nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 5, 3), nn.ReLU()), nn.Identity(), nn.Dropout(), nn.Flatten(), nn.ReLU()
    ),
    "a hook": lambda: nn.Sequential(nn.Conv2d(2, 5, 3), crossed(nn.ReLU()), nn.MaxPool2d(2)),
    "a dense one": lambda: nn.Sequential(nn.Flatten(), nn.Linear(128, 6), nn.ReLU(), nn.Linear(6, 2)),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [3, 16])
def test_layers_that_keep_order_give_what_sorting_everything_gives(name: str, size: int) -> None:
    net = integer(NETS[name](), len(name))
    x = torch.randint(-2, 3, (60, 2, 8, 8), generator=torch.Generator().manual_seed(1)).float()
    # blank rows, and rows on which units are dead
    x[::7] = 0.0
    x[20:40] = -x[20:40].abs()
    compare(net, x, [n for n, _ in net.named_modules() if n], size)


def compare(net: nn.Module, x: Tensor, sites: list[str], size: int) -> None:
    found = strongest(net, x, sites, k=4, compute=Compute(size))
    with torch.no_grad(), probe(net, read=sites) as seen:
        net(x.clone())
    for site in sites:
        each = by_unit(net, seen[site], site)
        value, place = each.max(2).values, each.argmax(2)
        rows = value.argsort(dim=0, descending=True, stable=True)[:4].T
        own = found[site]
        assert torch.equal(own.rows, rows), site
        assert torch.equal(own.values, value.T.gather(1, rows)), site
        if own.positions.shape[-1]:
            shape = seen[site].shape[2:]
            expected = torch.stack(torch.unravel_index(place.T.gather(1, rows), shape), -1)
            assert torch.equal(own.positions, expected), site


def norm_that_rises() -> nn.Module:
    net = integer(nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU6(), nn.MaxPool2d(2)), 3)
    with torch.no_grad():
        net[1].weight.abs_().add_(0.5)
        net[1].running_var.copy_(torch.tensor([0.5, 1.0, 3.0, 7.0, 11.0]))
        net[1].running_mean.copy_(torch.arange(5.0))
    return net


@pytest.mark.parametrize("size", [3, 16])
def test_a_norm_that_rises_keeps_order(size: int) -> None:
    x = torch.randint(-2, 3, (60, 2, 8, 8), generator=torch.Generator().manual_seed(1)).float()
    x[::7] = 0.0
    compare(norm_that_rises(), x, ["0", "1", "2", "3"], size)


def test_only_norms_that_fall_or_follow_the_rows_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    largest = _strongest.largest
    monkeypatch.setattr(_strongest, "largest", lambda found: looked.append(1) or largest(found))
    x = torch.randn(40, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    falls, follows = norm_that_rises(), nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5))
    with torch.no_grad():
        falls[1].weight[2] = -1.0
    follows[1].track_running_stats, follows[1].running_mean, follows[1].running_var = False, None, None
    for net, through in ((norm_that_rises(), 1), (falls, 2), (follows, 2)):
        looked.clear()
        sites = ["0", "1"]
        strongest(net, x, sites, k=2, compute=Compute(10))
        assert len(looked) == 2 + 3 * through


class Depthwise(nn.Module):
    """How its rows lie in memory, and whether the forward asks for one way."""

    def __init__(self, *, viewed: bool) -> None:
        super().__init__()
        self.conv, self.each = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, groups=6)
        self.norm, self.relu, self.viewed = nn.BatchNorm2d(6), nn.ReLU6(), viewed
        self.last: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.last.append(not x.is_contiguous())
        x = self.relu(self.norm(self.each(self.conv(x))))
        return x.view(len(x), -1) if self.viewed else x.flatten(1)


@pytest.mark.parametrize("viewed", [False, True])
def test_networks_of_depthwise_convolutions_go_channels_last_where_they_bear_it(viewed: bool) -> None:
    torch.manual_seed(0)
    net, x, sites = (
        Depthwise(viewed=viewed).eval(),
        torch.randn(60, 3, 32, 32),
        ["conv", "each", "norm", "relu"],
    )
    found = strongest(net, x, sites, k=4, compute=Compute(20))
    assert net.last[-3:] == [not viewed] * 3
    with torch.no_grad(), probe(net, read=sites) as seen:
        net(x.clone())
    for site in sites:
        value, rows = seen[site].flatten(2).amax(2).T.topk(4)
        assert torch.equal(found[site].rows, rows)
        assert torch.allclose(found[site].values, value, atol=1e-5)


@pytest.mark.parametrize("viewed", [False, True])
def test_answers_of_many_rows_take_the_same_way_and_lie_as_usual(viewed: bool) -> None:
    torch.manual_seed(0)
    net, x = Depthwise(viewed=viewed).eval(), torch.randn(70, 3, 32, 32)
    found = predict(net, x, compute=Compute(20))
    assert net.last[-4:] == [not viewed] * 4
    with torch.no_grad():
        assert torch.allclose(found, net(x), atol=1e-5)
    whole = nn.Sequential(net.conv, net.each).eval()
    assert predict(whole, x).is_contiguous()
    net.last.clear()
    predict(net, x[:40], compute=Compute(20))
    assert net.last == [False, False]


@pytest.mark.parametrize("seed", range(4))
def test_what_was_changed_in_between_is_looked_at_anew(seed: int) -> None:
    net = integer(Reused(), seed)
    x = torch.randint(-2, 3, (40, 2, 9, 9), generator=torch.Generator().manual_seed(seed)).float()
    # none of the rows that decide whether an order is trusted
    x[:20, 0, 0, 0] = 1
    assert bool((x[:, 0, 0, 0] == 2).any())
    compare(net, x, ["conv", "relu#0", "relu#1", "pool", "behind"], 8)


def test_a_pass_looks_through_every_row_only_where_order_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    largest = _strongest.largest
    monkeypatch.setattr(_strongest, "largest", lambda found: looked.append(1) or largest(found))
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2), nn.GELU())
    strongest(net, torch.randn(40, 1, 8, 8), ["0", "1", "2", "3", "4"], k=2, compute=Compute(10))
    assert len(looked) == 5 + 3 * 3


class Overflows(nn.Module):
    """NaN of what is very large."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (x * 1e30 - x * 1e30)


class Logarithm(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + 2).log()


def test_not_a_number_goes_through_layers_that_keep_order() -> None:
    x = torch.randn(30, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    x[21, 0, 2, 3] = 1e30
    net = nn.Sequential(Overflows(), nn.ReLU(), nn.MaxPool2d(2))
    found = strongest(net, x, ["0", "1", "2"], k=3, compute=Compute(5))
    assert [own.rows[0, 0].item() for own in found.values()] == [21, 21, 21]
    assert [own.positions[0, 0].tolist() for own in found.values()] == [[2, 3], [2, 3], [1, 1]]


def test_a_norm_behind_what_is_not_a_number_is_looked_at_as_any_other() -> None:
    x = torch.randn(30, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(Logarithm(), nn.BatchNorm2d(3), nn.ReLU()).eval()
    found = strongest(net, x, ["0", "1"], k=3)
    wrong = ((x + 2).log().isnan().flatten(2).any(2)).nonzero()
    assert len(wrong) > 9
    for layer in found.values():
        for unit, rows in enumerate(layer.rows):
            assert rows.tolist() == wrong[wrong[:, 1] == unit, 0][:3].tolist()


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64])
def test_numbers_of_any_kind(kind: torch.dtype) -> None:
    x = torch.randint(-40, 40, (50, 3, 7), generator=torch.Generator().manual_seed(2)).to(kind)
    found = strongest(nn.Identity(), x, [".:in"], k=5, compute=Compute(8))[".:in"]
    value = x.flatten(2).amax(1 if found.total == 7 else 2)
    rows = value.argsort(dim=0, descending=True, stable=True)[:5].T
    assert found.values.dtype == kind
    assert torch.equal(found.rows, rows)
    assert torch.equal(found.values, value.T.gather(1, rows))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_largest_of_any_number_of_places(kind: torch.dtype) -> None:
    for size in (*range(1, 70), 121, 144, 196):
        x = torch.randn(7, 5, size, generator=torch.Generator().manual_seed(size)).to(kind)
        # every place is the largest once
        x.view(35, size)[torch.arange(size) % 35, torch.arange(size)] += 9
        x[3, 2, size // 2] = torch.nan
        found, whole = _strongest.largest(x), x.amax(2)
        assert torch.equal(found.nan_to_num(-1), whole.nan_to_num(-1)), size
        turned = _strongest.largest(x.movedim(1, 2).contiguous().movedim(2, 1))
        assert torch.equal(turned.nan_to_num(-1), whole.nan_to_num(-1)), size


@pytest.mark.parametrize("size", [256, 600])
def test_many_places_are_searched_in_two_steps(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randint(0, 9, (5, size, 7), generator=torch.Generator().manual_seed(3)).float()
    x[2, 40, 3] = x[2, 90, 3] = float("nan")
    found = x.movedim(2, 1)
    two_steps: list[bool] = []
    steps = _peaks._stretches
    monkeypatch.setattr(_peaks, "_stretches", lambda found: two_steps.append(True) or steps(found))
    for every, searched in ((2, 1), (9, 0)):
        two_steps.clear()
        worth = np.arange(35)[::every]
        one, two = (_peaks.peaks(each, worth // 7, worth % 7) for each in (found.contiguous(), found))
        assert len(two_steps) == 2 * searched
        np.testing.assert_array_equal(one, two)
        whole = found.numpy().reshape(35, size)[worth]
        np.testing.assert_array_equal(one, whole.argmax(1))
    assert steps(found) is not None
    assert steps(found.contiguous()) is None


@pytest.mark.parametrize("together", [1, 2, 7])
def test_units_are_joined_block_by_block(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_best, "TOGETHER", together)
    x = torch.randint(-9, 9, (60, 5), generator=torch.Generator().manual_seed(4)).float()
    x[:, 3] = x[:, 3].sort().values  # one unit with many offers
    compare(nn.Sequential(nn.Identity(), nn.ReLU()), x, ["0", "1"], 7)


def test_many_offers_to_one_unit_are_joined_in_turns() -> None:
    x = torch.arange(300.0)[:, None].expand(300, 4).clone()
    x[:, 1:] = 0.0
    found = strongest(nn.Identity(), x, ["."], k=2, compute=Compute(50))["."]
    assert found.rows.tolist() == [[299, 298], [0, 1], [0, 1], [0, 1]]
